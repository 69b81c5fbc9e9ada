// A dropped folder becomes a source: with a bar and a stop, and the refused files with their reasons.
import { clear, counted, h, newId, whole } from "/web/dom.js";
import { addSource, nameOfDropped } from "/web/api.js";
import { tellError } from "/web/parts/toast.js";
import "/web/parts/drop.js";

const MOST_NAMED = 5; // refused files of each reason

class Stop extends Error {}

// added(folder): a new source is there. Returns an element
export function adder({ added }) {
  const zone = h("drop-zone", { folders: true, label: "Choose a folder" });
  const place = h("div", { class: "stack" });
  let isBusy = false;

  zone.addEventListener("files", ({ detail: files }) => {
    if (isBusy) return tellError(new Error("A folder is being added: wait for it, or stop it."));
    return ask(nameOfDropped(files) || "pictures", files);
  });

  function ask(title, files) {
    const name = h("input", { type: "text", id: newId("name"), maxlength: "80", value: title });
    const begin = (event) => {
      event.preventDefault();
      send(name.value, files).catch(tellError);
    };
    clear(
      place,
      h("form", { class: "row", onsubmit: begin }, h("span", {}, `${counted(files.length, "file")}.`), h("label", { for: name.id, class: "small faint" }, "Name of the source"), name, h("button", { class: "main" }, "Add it"), h("button", { type: "button", class: "plain", onclick: () => clear(place) }, "Cancel")),
    );
    name.select();
  }

  async function send(name, files) {
    let isStopped = false;
    let done = 0;
    const bar = h("progress", { max: 1, value: 0, "aria-label": "files sent" });
    const said = h("span", { class: "small faint number", role: "status" });
    clear(place, h("div", { class: "row" }, said, h("button", { class: "plain", onclick: () => (isStopped = true) }, "Stop")), bar);
    isBusy = true;
    try {
      const { folder, added: number, refused, notes } = await addSource(name, files, (place, total) => {
        done = place;
        bar.value = place / total;
        said.textContent = `${whole(place)} of ${counted(total, "file")}`;
        if (isStopped) throw new Stop();
      });
      clear(place, h("p", { class: number ? "good" : "bad", role: "status" }, `${counted(number, "picture")} added${number ? ` as ${folder}` : ""}.`), notes.map((note) => h("p", { class: "small faint" }, note)), refused.length > 0 && reasons(refused));
      if (number) await added(folder);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      clear(place, h("p", { class: "warn", role: "status" }, `Stopped: the first ${whole(done)} of ${counted(files.length, "file")} were sent, and are a source.`));
      if (done) await added(null);
    } finally {
      isBusy = false;
    }
  }

  return h("section", { class: "stack adder" }, zone, h("p", { class: "small faint" }, "Drop a folder of pictures or videos, or a .zip of pictures. Sub-folders become classes. Nothing leaves this machine."), place);
}

// The refused files, counted by reason: what differs in a sentence is the name at its start
function reasons(refused) {
  const groups = new Map();
  for (const text of refused) {
    const cut = text.search(/ (is no picture|cannot be read|is there already)/);
    const [name, why] = cut > 0 ? [text.slice(0, cut), text.slice(cut + 1)] : ["", text];
    groups.set(why, [...(groups.get(why) ?? []), name]);
  }
  const line = ([why, names]) => h("li", {}, `${counted(names.length, "file")} ${why} `, h("span", { class: "faint" }, names.filter(Boolean).slice(0, MOST_NAMED).join(", "), names.length > MOST_NAMED ? " …" : ""));
  return h("details", { open: true, class: "small" }, h("summary", {}, `${counted(refused.length, "file")} left out`), h("ul", {}, [...groups].map(line)));
}
