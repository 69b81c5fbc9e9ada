// Choosing a run, a source, or one picture.
import { clear, counted, h, newId } from "/web/dom.js";
import { act, pictureOf, read, upload } from "/web/api.js";
import { told } from "/web/parts/toast.js";
import "/web/parts/drop.js";
import "/web/parts/wall.js";

const field = (label, select) => {
  select.id ||= newId("choice");
  return h("span", { class: "field" }, h("label", { for: select.id, class: "small faint" }, label), select);
};

// A labelled list of the runs that pass `fits(run)`. chosen(run) is called at once and at each change; null if there is
// none. Returns { element, get value(), reload() }.
export async function chooseRun({ fits = () => true, chosen, value = null, label = "Run" }) {
  const select = h("select");
  let runs = [];
  const load = async (wanted) => {
    runs = (await read("library/runs")).runs.filter((run) => !run.damaged && run.checkpoints.length && fits(run));
    clear(select, runs.map((run) => h("option", { value: run.id }, `${run.name} (${run.model})`)));
    select.disabled = !runs.length;
    if (!runs.length) select.append(h("option", {}, "no run that can do this yet"));
    if (runs.some((run) => run.id === wanted)) select.value = wanted;
  };
  const current = () => runs.find((run) => run.id === select.value) ?? null;
  await load(value);
  select.addEventListener("change", () => chosen(current()));
  await chosen(current());
  return {
    element: field(label, select),
    get value() {
      return current();
    },
    reload: () => load(select.value),
  };
}

// A labelled list of the sources. As `chooseRun`.
export async function chooseSource({ fits = () => true, chosen = () => {}, value = null, label = "Pictures", none = null }) {
  const select = h("select");
  let sources = [];
  const load = async (wanted) => {
    sources = (await read("library/sources")).sources.filter(fits);
    const options = sources.map((each) => h("option", { value: each.id }, each.pictures === null ? each.name : `${each.name} (${counted(each.pictures, "picture")})`));
    clear(select, none === null ? [] : h("option", { value: "" }, none), options);
    if (sources.some((each) => each.id === wanted)) select.value = wanted;
  };
  const current = () => sources.find((each) => each.id === select.value) ?? null;
  await load(value);
  select.addEventListener("change", () => chosen(current()));
  await chosen(current());
  return {
    element: field(label, select),
    get value() {
      return current();
    },
    reload: () => load(select.value),
  };
}

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
