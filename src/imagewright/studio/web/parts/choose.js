// Choosing a run, a source, or one picture.
import { clear, counted, h } from "/web/dom.js";
import { act, pictureOf, read, upload } from "/web/api.js";
import { field } from "/web/parts/field.js";
import { told } from "/web/parts/toast.js";
import "/web/parts/drop.js";
import "/web/parts/wall.js";

// A labelled list. things(): what there is now; nameOf(thing); groupOf(thing, things): the heading below which it comes,
// after all that have none (""); `none` names an entry for nothing, `empty` a list without any. chosen(thing) is called at
// once and at each change; null if there is none.
async function choose({ things, nameOf, groupOf = () => "", label, chosen = () => {}, value = null, none = null, empty = "nothing yet" }) {
  const select = h("select");
  let all = [];
  const current = () => all.find((each) => each.id === select.value) ?? null;
  const load = async (wanted) => {
    all = await things();
    const groups = Map.groupBy(all, (each) => groupOf(each, all));
    const options = (each) => each.map((thing) => h("option", { value: thing.id }, nameOf(thing)));
    clear(select, none === null ? [] : h("option", { value: "" }, none), options(groups.get("") ?? []), [...groups].filter(([group]) => group).map(([group, inside]) => h("optgroup", { label: group }, options(inside))));
    if (!all.length && none === null) select.append(h("option", {}, empty));
    select.disabled = !all.length;
    if (all.some((each) => each.id === wanted)) select.value = wanted;
  };
  await load(value);
  select.addEventListener("change", () => chosen(current()));
  await chosen(current());
  return {
    element: field(label, select),
    get value() {
      return current();
    },
    get isEmpty() {
      return !all.length;
    },
    reload: () => load(select.value),
    // Choose the first thing that fits, as a user would.
    pick(fits) {
      const found = all.find(fits);
      if (!found) return;
      select.value = found.id;
      select.dispatchEvent(new Event("change"));
    },
  };
}

// A labelled list of the runs that pass `fits(run)`. Returns { element, get value(), reload(), pick(fits) }.
export const chooseRun = ({ fits = () => true, label = "Run", ...settings }) =>
  choose({
    things: async () => (await read("library/runs")).runs.filter((run) => !run.damaged && run.checkpoints.length && fits(run)),
    nameOf: (run) => `${run.name} (${run.model})`,
    empty: "no run that can do this yet",
    label,
    ...settings,
  });

// A labelled list of the sources that pass `fits(source)`. As `chooseRun`.
export const chooseSource = ({ fits = () => true, label = "Pictures", ...settings }) =>
  choose({
    things: async () => inOrder((await read("library/sources")).sources).filter(fits),
    nameOf: (source) => (source.pictures === null ? titleOfSource(source) : `${titleOfSource(source)} (${counted(source.pictures, "picture")})`),
    groupOf: (source, sources) => {
      const whole = sources.find((each) => isClass(source, [each]));
      return whole ? `Classes of ${whole.name}` : "";
    },
    label,
    ...settings,
  });

// Folders and sets first, then a few pictures that lie in the studio's folder itself, videos, and what is built in.
const FEW = 10;
const rank = ({ name, kind, pictures }) => (kind === "builtin" ? 3 : kind === "video" ? 2 : name === "." && pictures < FEW ? 1 : 0);
export const inOrder = (sources) => sources.toSorted((one, other) => rank(one) - rank(other));

export const titleOfSource = ({ name }) => (name === "." ? "this folder" : name);

// Whether a source is a class of another one.
export const isClass = (source, sources) => sources.some((each) => each.classes > 1 && source.name.startsWith(`${each.name}/`));

const SHOWN = 500; // pictures of a source that are offered

// A window in which one picture is dropped, or taken from a source. Resolves with { ticket, name, width, height }, or null.
export function choosePicture(title = "Choose a picture") {
  return new Promise((resolve) => {
    let found = null;
    const give = (picture) => {
      found = picture;
      dialog.close();
    };
    const drop = h("drop-zone", { one: true, onfiles: told(async ({ detail }) => give(await upload(detail[0].file))) });
    const wall = h("picture-wall");
    const list = h("div", { class: "stack" });
    const dialog = h("dialog", { "aria-label": title }, h("h2", {}, title), drop, list, h("div", { class: "row" }, h("button", { onclick: () => dialog.close() }, "Cancel")));
    const take = async (index, source) => give(await act("library/take_source_picture", { source: source.id, index }));
    dialog.addEventListener("close", () => (dialog.remove(), resolve(found)));
    document.body.append(dialog);
    dialog.showModal();
    chooseSource({
      label: "or take one of",
      chosen: told(async (source) => {
        if (!source) return;
        const count = Math.min(SHOWN, source.pictures ?? 100);
        wall.set([...Array(count).keys()], (index, side) => pictureOf("library/source_picture", { source: source.id, index, side }), (index) => `picture ${index}`, 88);
        wall.chosenSource = source;
      }),
    }).then(({ element }) => {
      wall.addEventListener("selection", told(() => take(wall.selection[0], wall.chosenSource)));
      wall.style.height = "320px";
      list.append(element, wall);
    });
  });
}
