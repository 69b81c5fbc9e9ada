// <drawing-sheet>: a picture that is drawn by pointer, touch or keys. Fires "input" whenever its pixels change, "changed"
// when a stroke is done or another picture is on it, "drawn" for a stroke, "picked" (detail: a colour) when a colour is taken from it, "told" (detail: a sentence).
import { h } from "/web/dom.js";
import { box, dot, fill, line, rasterOf } from "/web/views/draw/raster.js";
import { History } from "/web/views/draw/history.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SMOOTH_FROM = 256; // pixels: smaller sheets are shown pixel by pixel
const HELP = "Arrow keys move the cursor, Shift moves it further, Space puts the pen down and lifts it.";

class DrawingSheet extends HTMLElement {
  #canvas = h("canvas", { width: 64, height: 64 });
  #cursor = h("div", { class: "cursor", hidden: true });
  #image = new ImageData(64, 64);
  #history = new History();
  #stroke = null; // { from, last, before }: a stroke under way
  #place = [0, 0]; // of the cursor
  tool = "pen";
  colour = 0xff000000;
  ground = 0xffffffff;
  width = 1;

  connectedCallback() {
    if (this.#canvas.isConnected) return;
    this.append(this.#canvas, this.#cursor);
    this.tabIndex = 0;
    this.setAttribute("role", "application");
    this.setAttribute("aria-roledescription", "drawing");
    this.setAttribute("aria-description", HELP);
    this.addEventListener("pointerdown", (event) => this.#down(event));
    this.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) this.addEventListener(name, () => this.#end());
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("blur", () => (this.#end(), this.#showCursor(false)));
  }

  get size() {
    return [this.#image.width, this.#image.height];
  }

  get image() {
    return this.#image;
  }

  get canvas() {
    return this.#canvas;
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  // Put a picture (ImageData) on the sheet, which takes its size. What was there comes back by undo.
  put(image, { keep = true } = {}) {
    this.#end();
    if (keep) this.#history.keep(this.#image);
    else this.#history.forget();
    this.#set(image);
    this.#fire("changed");
  }

  // Everything in one colour.
  clear(colour = this.ground, size = this.size) {
    const image = new ImageData(...size);
    rasterOf(image).pixels.fill(colour);
    this.put(image);
  }

  undo() {
    this.#back(this.#history.undo(this.#image));
  }

  redo() {
    this.#back(this.#history.redo(this.#image));
  }

  #back(image) {
    if (!image) return;
    this.#stroke = null;
    this.#set(image);
    this.#fire("changed");
  }

  #set(image) {
    this.#image = image;
    if (this.#canvas.width !== image.width || this.#canvas.height !== image.height) {
      Object.assign(this.#canvas, { width: image.width, height: image.height });
      this.#canvas.toggleAttribute("data-smooth", Math.max(image.width, image.height) >= SMOOTH_FROM);
      this.#place = [image.width >> 1, image.height >> 1];
    }
    this.#show();
  }

  #show() {
    this.#canvas.getContext("2d").putImageData(this.#image, 0, 0);
    this.dataset.shown = Number(this.dataset.shown ?? 0) + 1;
    this.#fire("input");
  }

  #fire(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // Strokes

  #pixel({ clientX, clientY }) {
    const area = this.#canvas.getBoundingClientRect();
    const [width, height] = this.size;
    return [Math.floor(((clientX - area.left) / area.width) * width), Math.floor(((clientY - area.top) / area.height) * height)];
  }

  #down(event) {
    if (event.button !== 0 || this.#stroke) return;
    this.setPointerCapture(event.pointerId);
    this.#showCursor(false);
    this.#begin(this.#pixel(event), event.altKey ? "pick" : this.tool);
  }

  #move(event) {
    if (!this.#stroke || !this.hasPointerCapture(event.pointerId)) return;
    const passed = this.#stroke.tool === "pen" || this.#stroke.tool === "eraser" ? event.getCoalescedEvents?.() : [];
    for (const each of passed?.length ? passed : [event]) this.#extend(this.#pixel(each));
    this.#show();
  }

  #begin(place, tool = this.tool) {
    const raster = rasterOf(this.#image);
    const [x, y] = place;
    const isInside = x >= 0 && y >= 0 && x < raster.width && y < raster.height;
    if (tool === "pick") {
      if (isInside) this.#fire("picked", raster.pixels[y * raster.width + x]);
      return;
    }
    const before = new ImageData(this.#image.data.slice(), ...this.size);
    if (tool === "fill") {
      if (!isInside) return;
      this.#history.keep(before);
      fill(raster, place, this.colour);
      this.#fire("drawn");
      this.#show();
      this.#fire("changed");
      return;
    }
    this.#stroke = { tool, from: place, last: place, before };
    this.#extend(place);
    this.#show();
  }

  #extend(place) {
    const { tool, from, last, before } = this.#stroke;
    const raster = rasterOf(this.#image);
    if (tool === "line" || tool === "box") {
      this.#image.data.set(before.data);
      if (tool === "line") line(raster, from, place, this.width, this.colour);
      else box(raster, from, place, this.colour);
    } else {
      const colour = tool === "eraser" ? this.ground : this.colour;
      if (last[0] === place[0] && last[1] === place[1]) dot(raster, ...place, this.width, colour);
      else line(raster, last, place, this.width, colour);
    }
    this.#stroke.last = place;
  }

  #end() {
    if (!this.#stroke) return;
    this.#history.keep(this.#stroke.before);
    this.#stroke = null;
    this.#fire("drawn");
    this.#fire("changed");
  }

  // Keys

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) this.#step(ARROWS[event.key], event.shiftKey);
    else if (event.key === " ") this.#press();
    else if (event.key === "Escape") this.#lift();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step([x, y], isFar) {
    const [width, height] = this.size;
    const by = isFar ? Math.max(4, Math.round(Math.max(width, height) / 16)) : 1;
    const inside = (value, most) => Math.min(most - 1, Math.max(0, value));
    this.#place = [inside(this.#place[0] + x * by, width), inside(this.#place[1] + y * by, height)];
    if (this.#stroke) {
      this.#extend(this.#place);
      this.#show();
    }
    this.#showCursor(true);
    this.#tell();
  }

  #press() {
    this.#showCursor(true);
    if (this.#stroke) this.#end();
    else this.#begin(this.#place);
    this.#tell();
  }

  // Escape ends a stroke; a shape that is being drawn goes away.
  #lift() {
    if (this.#stroke && (this.#stroke.tool === "line" || this.#stroke.tool === "box")) {
      this.#image.data.set(this.#stroke.before.data);
      this.#stroke = null;
      this.#show();
    } else this.#end();
    this.#tell();
  }

  #tell() {
    const [x, y] = this.#place;
    this.#fire("told", `Column ${x + 1}, row ${y + 1}${this.#stroke ? ", the pen is down" : ""}.`);
  }

  #showCursor(isShown) {
    this.#cursor.hidden = !isShown;
    if (!isShown) return;
    const [width, height] = this.size;
    const side = this.tool === "pen" || this.tool === "eraser" || this.tool === "line" ? this.width : 1;
    const [left, top] = this.#place.map((each) => each - (side - (side % 2)) / 2);
    Object.assign(this.#cursor.style, {
      left: `${(100 * left) / width}%`,
      top: `${(100 * top) / height}%`,
      width: `${(100 * side) / width}%`,
      height: `${(100 * side) / height}%`,
    });
    this.#cursor.toggleAttribute("data-down", this.#stroke !== null);
  }
}

customElements.define("drawing-sheet", DrawingSheet);
