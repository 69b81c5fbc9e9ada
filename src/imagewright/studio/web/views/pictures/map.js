// <cluster-map>: pictures in the plane. Drag or pinch to move, wheel or + and - to zoom, arrow keys go from picture to
// picture, Enter opens, Space chooses. Thumbnails are drawn where there is room, and marks elsewhere. Fires "picked" and
// "opened" (detail: the picture's number).
import { h } from "/web/dom.js";
import { watchColours } from "/web/parts/style.js";

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#8c6d31"];
const THUMB = 44; // pixels of a thumbnail at the first scale
const LARGEST = 110;
const NEAR = 30; // pixels within which a click finds a picture
const MOST_ZOOM = 60;
const EDGE = 0.08; // of the sides, around all pictures
const AHEAD = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class ClusterMap extends HTMLElement {
  #canvas = h("canvas", { tabindex: "0", role: "application", "aria-label": "Map of the pictures: arrow keys move, plus and minus zoom" });
  #said = h("span", { class: "said small", role: "status" });
  #points = []; // { index, x, y, cluster } with x and y from 0 to 1
  #images = new Map();
  #zoom = 1;
  #centre = [0.5, 0.5];
  #current = null;
  #pointers = new Map();
  #moved = 0;
  #pending = 0;
  #watch = null;
  #unwatch = null;
  #addressOf = () => "";
  #titleOf = () => "";
  #isChosen = () => false;

  connectedCallback() {
    this.#watch ??= new ResizeObserver(() => this.#draw());
    this.#watch.observe(this);
    this.#unwatch = watchColours(() => this.refresh());
    if (this.#canvas.parentNode === this) return; // it was moved
    const zoomBy = (factor) => () => this.#zoomAt(factor);
    this.append(
      this.#canvas,
      h("div", { class: "zooms row" }, h("button", { "aria-label": "Zoom in", onclick: zoomBy(1.5) }, "+"), h("button", { "aria-label": "Zoom out", onclick: zoomBy(1 / 1.5) }, "−"), h("button", { onclick: () => this.#whole() }, "All")),
      this.#said,
    );
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#up(event, end));
    canvas.addEventListener("dblclick", () => this.#current && this.#tell("opened"));
    canvas.addEventListener("wheel", (event) => (event.preventDefault(), this.#zoomAt(Math.exp(-event.deltaY / 300), event)), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  disconnectedCallback() {
    this.#watch?.disconnect();
    this.#unwatch?.();
    cancelAnimationFrame(this.#pending);
  }

  // points: [[index, x, y, cluster]]; addressOf(index, side), titleOf(index), isChosen(index)
  set(points, addressOf, titleOf, isChosen) {
    [this.#addressOf, this.#titleOf, this.#isChosen] = [addressOf, titleOf, isChosen];
    const [xs, ys] = [points.map((each) => each[1]), points.map((each) => each[2])];
    const [left, low] = [Math.min(...xs), Math.min(...ys)];
    const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - low, 1e-9);
    const place = (value, from) => EDGE + ((1 - 2 * EDGE) * (value - from)) / extent;
    this.#points = points.map(([index, x, y, cluster]) => ({ index, x: place(x, left), y: place(y, low), cluster }));
    this.#points.sort((one, other) => hash(one.index) - hash(other.index)); // those drawn as thumbnails are spread over all
    this.#whole();
  }

  refresh() {
    cancelAnimationFrame(this.#pending);
    this.#pending = requestAnimationFrame(() => this.#draw());
  }

  #whole() {
    [this.#zoom, this.#centre] = [1, [0.5, 0.5]];
    this.refresh();
  }

  get #scale() {
    return Math.min(this.clientWidth, this.clientHeight) * this.#zoom;
  }

  #toScreen({ x, y }) {
    return [this.clientWidth / 2 + (x - this.#centre[0]) * this.#scale, this.clientHeight / 2 + (y - this.#centre[1]) * this.#scale];
  }

  #draw() {
    const [width, height, ratio] = [this.clientWidth, this.clientHeight, window.devicePixelRatio || 1];
    if (!width) return;
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      [this.#canvas.width, this.#canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    const context = this.#canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const side = Math.min(LARGEST, THUMB * this.#zoom ** 0.35);
    const taken = new Set(); // cells that a thumbnail covers
    const large = [];
    for (const point of this.#points) {
      const [x, y] = this.#toScreen(point);
      if (x < -side || y < -side || x > width + side || y > height + side) continue;
      const cells = cellsOf(x, y, side);
      const isFree = cells.every((cell) => !taken.has(cell));
      if (isFree || point === this.#current || this.#isChosen(point.index)) {
        for (const cell of cells) taken.add(cell);
        large.push([point, x, y]);
      } else mark(context, point, x, y);
    }
    for (const each of large) this.#drawPicture(context, side, ...each);
    this.dataset.shown = large.length;
  }

  #drawPicture(context, side, point, x, y) {
    const image = this.#imageOf(point.index);
    if (!image.complete || !image.naturalWidth) return mark(context, point, x, y);
    const scale = side / Math.max(image.naturalWidth, image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const isChosen = this.#isChosen(point.index);
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(image, x - width / 2, y - height / 2, width, height);
    context.lineWidth = isChosen || point === this.#current ? 4 : 2;
    // The style sheet gives the canvas these properties for this: --ink and --accent would come back unresolved.
    const { color: ink, textDecorationColor: accent } = getComputedStyle(this.#canvas);
    context.strokeStyle = point === this.#current ? ink : isChosen ? accent : colourOf(point.cluster);
    context.strokeRect(x - width / 2, y - height / 2, width, height);
  }

  #imageOf(index) {
    if (!this.#images.has(index)) {
      const image = new Image();
      image.onload = () => this.refresh();
      image.src = this.#addressOf(index, 96);
      this.#images.set(index, image);
    }
    return this.#images.get(index);
  }

  #zoomAt(factor, event = null) {
    const zoom = Math.min(MOST_ZOOM, Math.max(0.5, this.#zoom * factor));
    const box = this.getBoundingClientRect();
    const [x, y] = event ? [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2] : [0, 0];
    const before = this.#scale;
    this.#zoom = zoom;
    this.#centre = [this.#centre[0] + x / before - x / this.#scale, this.#centre[1] + y / before - y / this.#scale];
    this.refresh();
  }

  #pan(x, y) {
    this.#centre = [this.#centre[0] - x / this.#scale, this.#centre[1] - y / this.#scale];
    this.refresh();
  }

  #down(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, event);
    this.#moved = 0;
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY];
    const other = [...this.#pointers.values()].find((each) => each.pointerId !== event.pointerId);
    if (other) this.#zoomAt(distance(event, other) / Math.max(1, distance(before, other)), other);
    else this.#pan(x, y);
    this.#moved += Math.abs(x) + Math.abs(y);
    this.#pointers.set(event.pointerId, event);
  }

  #up(event, kind) {
    this.#pointers.delete(event.pointerId);
    if (kind !== "pointerup" || this.#moved > 4) return;
    const box = this.getBoundingClientRect();
    const found = this.#nearest(event.clientX - box.left, event.clientY - box.top, NEAR);
    if (found) this.#go(found, true);
  }

  #nearest(x, y, most = Infinity) {
    let best = null;
    for (const point of this.#points) {
      const [px, py] = this.#toScreen(point);
      const away = Math.hypot(px - x, py - y);
      if (away < most) [best, most] = [point, away];
    }
    return best;
  }

  // The nearest picture in a direction: what lies to the side counts as farther
  #ahead([dx, dy]) {
    if (!this.#current) return this.#nearest(this.clientWidth / 2, this.clientHeight / 2);
    let [best, least] = [null, Infinity];
    for (const point of this.#points) {
      const [x, y] = [point.x - this.#current.x, point.y - this.#current.y];
      const [along, aside] = [x * dx + y * dy, Math.abs(x * dy) + Math.abs(y * dx)];
      if (along > 1e-6 && aside <= along && along + 2 * aside < least) [best, least] = [point, along + 2 * aside];
    }
    return best;
  }

  #go(point, isPicked = false) {
    this.#current = point;
    const [x, y] = this.#toScreen(point);
    const edge = THUMB;
    if (x < edge || y < edge || x > this.clientWidth - edge || y > this.clientHeight - edge) this.#centre = [point.x, point.y];
    this.#said.textContent = `${this.#titleOf(point.index)}, cluster ${point.cluster + 1}`;
    if (isPicked) this.#tell("picked");
    this.refresh();
  }

  #tell(name) {
    this.dispatchEvent(new CustomEvent(name, { detail: this.#current.index }));
    this.refresh();
  }

  #key(event) {
    if (event.key in AHEAD) {
      const found = this.#ahead(AHEAD[event.key]);
      if (found) this.#go(found);
    } else if (event.key === "+" || event.key === "=") this.#zoomAt(1.3);
    else if (event.key === "-") this.#zoomAt(1 / 1.3);
    else if (event.key === "Home") this.#whole();
    else if (event.key === "Enter" && this.#current) this.#tell("opened");
    else if (event.key === " " && this.#current) this.#tell("picked");
    else return;
    event.preventDefault();
  }
}

export const colourOf = (cluster) => COLOURS[cluster % COLOURS.length];
const hash = (number) => (Math.imul(number + 1, 2654435761) >>> 0) / 2 ** 32;
const distance = (one, other) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);

// The cells of a half of a thumbnail's side that one at this place touches
function cellsOf(x, y, side) {
  const cell = side / 2;
  const [left, top] = [Math.round(x / cell), Math.round(y / cell)];
  return [-1, 0].flatMap((dx) => [-1, 0].map((dy) => `${left + dx} ${top + dy}`));
}

function mark(context, { cluster }, x, y) {
  context.beginPath();
  context.arc(x, y, 3.5, 0, 2 * Math.PI);
  context.fillStyle = colourOf(cluster);
  context.globalAlpha = 0.75;
  context.fill();
  context.globalAlpha = 1;
}

customElements.define("cluster-map", ClusterMap);
