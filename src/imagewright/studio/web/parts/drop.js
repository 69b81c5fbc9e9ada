// <drop-zone>: files dropped, chosen or pasted. Fires "files" with detail [{ file, path }]; folders are read with their
// sub-folders if the element has the attribute "folders".
import { h, newId } from "/web/dom.js";

class DropZone extends HTMLElement {
  #input = h("input", { type: "file", multiple: true });

  connectedCallback() {
    if (this.#input.isConnected) return;
    this.#input.id = newId("files");
    if (this.hasAttribute("one")) this.#input.multiple = false;
    if (this.hasAttribute("folders")) this.#input.setAttribute("webkitdirectory", "");
    const said = this.getAttribute("label") ?? "Drop a picture here, or choose one";
    this.append(h("label", { for: this.#input.id, class: "button" }, said), this.#input);
    this.#input.addEventListener("change", () => {
      this.#give([...this.#input.files].map((file) => ({ file, path: withoutTop(file.webkitRelativePath) || file.name })));
      this.#input.value = "";
    });
    this.#input.addEventListener("focus", () => (this.dataset.over = ""));
    this.#input.addEventListener("blur", () => delete this.dataset.over);
    this.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.dataset.over = "";
    });
    this.addEventListener("dragleave", () => delete this.dataset.over);
    this.addEventListener("drop", async (event) => {
      event.preventDefault();
      delete this.dataset.over;
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      const given = [...event.dataTransfer.files];
      const found = [];
      for (const entry of entries) await collect(entry, "", found);
      this.#give(found.length ? stripped(found) : given.map((file) => ({ file, path: file.name })));
    });
  }

  #give(files) {
    if (files.length) this.dispatchEvent(new CustomEvent("files", { detail: this.hasAttribute("one") ? files.slice(0, 1) : files }));
  }
}

const withoutTop = (path) => path.split("/").slice(1).join("/");

// The files of one dropped folder are named below it; several things keep their names.
function stripped(files) {
  const tops = new Set(files.map(({ path }) => path.split("/")[0]));
  return tops.size === 1 && files.every(({ path }) => path.includes("/")) ? files.map((each) => ({ ...each, path: withoutTop(each.path), top: [...tops][0] })) : files;
}

async function collect(entry, path, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    found.push({ file, path: path + entry.name });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const each of some) await collect(each, `${path}${entry.name}/`, found);
  }
}

customElements.define("drop-zone", DropZone);
