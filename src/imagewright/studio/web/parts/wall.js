// <picture-wall>: thumbnails of any number of pictures. Only what is in sight is in the page, so that 100,000 scroll as
// smoothly as 100. Click or Space selects, Shift selects a range, Enter opens, arrow keys move. Fires "selection" and
// "opened" (detail: the item).
import { h } from "/web/dom.js";

const GAP = 6;

class PictureWall extends HTMLElement {
  #items = [];
  #addressOf = () => "";
  #labelOf = () => "";
  #space = h("div", { class: "space" });
  #shown = new Map(); // place -> button
  #selected = new Set(); // of items
  #side = 96;
  #current = 0;
  #anchor = 0;
  #watch = null;

  connectedCallback() {
    if (!this.#space.isConnected) this.append(this.#space);
    this.setAttribute("role", "group");
    this.addEventListener("scroll", () => this.#show(), { passive: true });
    this.addEventListener("keydown", (event) => this.#key(event));
    this.#watch = new ResizeObserver(() => this.#layOut());
    this.#watch.observe(this);
  }

  disconnectedCallback() {
    this.#watch?.disconnect();
  }

  // items: anything; addressOf(item, pixels) -> address of its thumbnail; labelOf(item) -> what it is called
  set(items, addressOf, labelOf, side = 96) {
    [this.#items, this.#addressOf, this.#labelOf, this.#side] = [items, addressOf, labelOf, side];
    this.#current = this.#anchor = 0;
    this.scrollTop = 0;
    this.#layOut();
    this.dataset.items = items.length;
  }

  get selection() {
    return this.#items.filter((item) => this.#selected.has(item));
  }

  select(items) {
    this.#selected = new Set(items);
    this.#mark();
  }

  get #across() {
    return Math.max(1, Math.floor((this.clientWidth - GAP) / (this.#side + GAP)));
  }

  #layOut() {
    for (const button of this.#shown.values()) button.remove();
    this.#shown.clear();
    this.#space.style.height = `${Math.ceil(this.#items.length / this.#across) * (this.#side + GAP) + GAP}px`;
    this.#show();
  }

  #show() {
    const [across, pitch] = [this.#across, this.#side + GAP];
    const first = Math.max(0, Math.floor(this.scrollTop / pitch) - 2) * across;
    const last = Math.min(this.#items.length, (Math.ceil((this.scrollTop + this.clientHeight) / pitch) + 2) * across);
    for (const [place, button] of this.#shown) {
      if (place >= first && place < last) continue;
      button.remove();
      this.#shown.delete(place);
    }
    for (let place = first; place < last; place++) if (!this.#shown.has(place)) this.#add(place, across, pitch);
  }

  #add(place, across, pitch) {
    const item = this.#items[place];
    const pixels = Math.min(512, Math.ceil(this.#side * (window.devicePixelRatio || 1)));
    const image = h("img", { src: this.#addressOf(item, pixels), alt: "", decoding: "async" });
    const button = h("button", { title: this.#labelOf(item), "aria-label": this.#labelOf(item), tabindex: place === this.#current ? "0" : "-1" }, image);
    button.setAttribute("aria-pressed", this.#selected.has(item));
    Object.assign(button.style, { left: `${GAP + (place % across) * pitch}px`, top: `${GAP + Math.floor(place / across) * pitch}px`, width: `${this.#side}px`, height: `${this.#side}px` });
    button.addEventListener("click", (event) => this.#pick(place, event.shiftKey));
    button.addEventListener("dblclick", () => this.#open(place));
    this.#space.append(button);
    this.#shown.set(place, button);
  }

  #pick(place, isRange) {
    const item = this.#items[place];
    if (isRange) {
      const [from, to] = [Math.min(this.#anchor, place), Math.max(this.#anchor, place)];
      for (let each = from; each <= to; each++) this.#selected.add(this.#items[each]);
    } else {
      if (!this.#selected.delete(item)) this.#selected.add(item);
      this.#anchor = place;
    }
    this.#focus(place);
    this.#mark();
    this.dispatchEvent(new Event("selection"));
  }

  #open(place) {
    this.dispatchEvent(new CustomEvent("opened", { detail: this.#items[place] }));
  }

  #mark() {
    for (const [place, button] of this.#shown) button.setAttribute("aria-pressed", this.#selected.has(this.#items[place]));
  }

  #focus(place) {
    this.#shown.get(this.#current)?.setAttribute("tabindex", "-1");
    this.#current = Math.min(this.#items.length - 1, Math.max(0, place));
    const [across, pitch] = [this.#across, this.#side + GAP];
    const top = Math.floor(this.#current / across) * pitch;
    if (top < this.scrollTop) this.scrollTop = top;
    if (top + pitch + GAP > this.scrollTop + this.clientHeight) this.scrollTop = top + pitch + GAP - this.clientHeight;
    this.#show();
    const button = this.#shown.get(this.#current);
    button?.setAttribute("tabindex", "0");
    button?.focus({ preventScroll: true });
  }

  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#across, ArrowDown: this.#across };
    if (event.key in steps) this.#focus(this.#current + steps[event.key]);
    else if (event.key === "Enter") this.#open(this.#current);
    else if (event.key === "Home") this.#focus(0);
    else if (event.key === "End") this.#focus(this.#items.length - 1);
    else return;
    event.preventDefault();
  }
}

customElements.define("picture-wall", PictureWall);
