// <picture-view>: a picture that can be opened large, saved with its provenance, and sent on.
import { h } from "/web/dom.js";
import { fileOf } from "/web/api.js";

export const SMOOTH_FROM = 128; // pixels: smaller pictures are shown pixel by pixel

class PictureView extends HTMLElement {
  #canvas = h("canvas", { role: "img", tabindex: "0" });
  #tools = h("div", { class: "tools" });
  #picture = null;
  #actions = [];

  connectedCallback() {
    if (this.#canvas.isConnected) return;
    this.append(this.#canvas, this.#tools);
    this.#canvas.addEventListener("click", () => this.openLarge());
    this.#canvas.addEventListener("keydown", (event) => event.key === "Enter" && this.openLarge());
    if (this.hasAttribute("label")) this.#canvas.setAttribute("aria-label", this.getAttribute("label"));
  }

  // Buttons beside "Save": [{ label, act(picture) }]
  set actions(actions) {
    this.#actions = actions;
    if (this.#picture) this.#showTools();
  }

  get picture() {
    return this.#picture;
  }

  // A picture of the socket: { image, width, height, ticket, name, about }
  show(picture) {
    const isFirst = this.#picture === null;
    this.#picture = picture;
    this.#canvas.toggleAttribute("data-smooth", Math.max(picture.width, picture.height) >= SMOOTH_FROM);
    drawOn(this.#canvas, picture);
    this.dataset.shown = Number(this.dataset.shown ?? 0) + 1;
    if (isFirst) this.#showTools();
  }

  #showTools() {
    const save = h("button", { onclick: () => savePicture(this.#picture) }, "Save");
    const others = this.#actions.map(({ label, act }) => h("button", { onclick: () => act(this.#picture) }, label));
    this.#tools.replaceChildren(...others, save);
  }

  openLarge() {
    if (this.#picture) openLarge(fileOf(this.#picture.ticket), this.#picture.name, this.#picture, this.#actions);
  }
}

customElements.define("picture-view", PictureView);

// Draw a picture of the socket on a canvas, which takes its size.
export function drawOn(canvas, { image, width, height }) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  if (image instanceof ImageData) context.putImageData(image, 0, 0);
  else context.drawImage(image, 0, 0);
}

// Save the file of a shown picture, with its provenance.
export function savePicture({ ticket, name }, suffix = "png") {
  h("a", { href: fileOf(ticket, suffix), download: `${name ?? "picture"}.${suffix}` }).click();
}

// Open any picture in a window over the page. `picture` adds "Save" and `actions`.
export function openLarge(address, label = "picture", picture = null, actions = []) {
  const close = () => dialog.close();
  const act = (each) => () => {
    close();
    each.act(picture);
  };
  const buttons = picture ? [h("button", { onclick: () => savePicture(picture) }, "Save as PNG")] : [];
  buttons.push(...actions.map((each) => h("button", { onclick: act(each) }, each.label)));
  const dialog = h(
    "dialog",
    { "aria-label": label, onclick: (event) => event.target === dialog && close() },
    h("img", { class: "large-picture", src: address, alt: label }),
    h("div", { class: "row spread" }, h("span", { class: "faint small" }, label), h("span", { class: "row" }, ...buttons, h("button", { onclick: close }, "Close"))),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
