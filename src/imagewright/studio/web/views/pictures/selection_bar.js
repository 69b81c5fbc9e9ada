// What can be done with the selected pictures.
import { counted, h, newId } from "/web/dom.js";
import { act, pictureOf } from "/web/api.js";
import { followJob } from "/web/parts/jobs.js";
import { tell, tellError, told } from "/web/parts/toast.js";
import { openViewer } from "/web/views/pictures/viewer.js";

const HINT = "Click chooses, Shift chooses a range, Enter or a double click opens.";

// moved(): the source has changed. Returns { element, end() }
export function selectionBar(page, { moved }) {
  const { contents, selection } = page;
  const count = h("strong", { role: "status" });
  const hint = h("span", { class: "hint small faint" }, HINT);
  const asked = (more = {}) => contents.asked({ indices: selection.indices, ...more });
  const buttons = h(
    "span",
    { class: "row" },
    h("button", { onclick: () => openViewer(page, selection.indices, selection.indices.indexOf(selection.last)) }, "Open"),
    h("button", { onclick: told(saveList), title: "A text file with a name on each line, as `imagewright data subset --names` takes it" }, "Save the list"),
    h("button", { onclick: askSet }, "New set"),
    contents.is_folder && h("button", { onclick: told(aside), title: "To a folder beside this one. Nothing is deleted, and it can be put back" }, "Move aside"),
    h("button", { class: "plain", onclick: () => selection.set([]) }, "Clear"),
  );

  async function saveList() {
    const { list } = await act("pictures/save_list", asked());
    h("a", { href: pictureOf("pictures/list", { source: contents.id, list }), download: "" }).click();
  }

  async function aside() {
    count.textContent = `${counted(selection.size, "picture")} being moved`;
    buttons.hidden = true;
    const { moved: number, to } = await act("pictures/move_aside", asked()).finally(mark);
    tell(`${counted(number, "picture")} moved to ${to}. “Put back” is at the top of the page.`);
    selection.set([]);
    await moved();
  }

  function askSet() {
    const name = h("input", { type: "text", id: newId("set"), maxlength: "80", required: true, value: `${contents.name.split("/").at(-1).replace(/\.\w+$/, "")}-chosen` });
    const make = told(async (event) => {
      event.preventDefault();
      const { id } = await act("pictures/begin_set", asked({ name: name.value }));
      dialog.close();
      followJob(id).then((job) => job.state === "done" && made(job.about.name)).catch(tellError);
    });
    const dialog = h(
      "dialog",
      { "aria-label": "New set" },
      h("form", { class: "stack", onsubmit: make }, h("h2", {}, `A new set of ${counted(selection.size, "picture")}`), h("label", { for: name.id, class: "small faint" }, "Its name"), name, h("p", { class: "small faint" }, "It is a source of its own. Where the pictures are files it consists of links, which take no room."), h("div", { class: "row" }, h("button", { class: "main" }, "Make it"), h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"))),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    name.select();
  }

  async function made(name) {
    await act("pictures/refresh");
    await page.reload();
    tell(`${name} is a source now: choose it above.`);
  }

  function mark() {
    count.textContent = selection.size ? `${counted(selection.size, "picture")} selected` : "";
    count.hidden = buttons.hidden = !selection.size;
    hint.hidden = selection.size > 0;
  }
  selection.addEventListener("changed", mark);
  mark();
  return { element: h("div", { class: "selection row" }, count, hint, buttons), end: () => selection.removeEventListener("changed", mark) };
}
