// <picture-wall>: thumbnails of any number of pictures. Only what is in sight is in the page, so that 100,000 scroll as
// smoothly as 100. Click or Space selects, Shift selects a range, Enter opens, arrow keys move. Fires "selection" and
// "opened" (detail: the item).
import { h } from "/web/dom.js";

const GAP = 6;
const REST = 80; // ms without a scroll after which what is in sight is asked for
const FAST = 2; // pixels a ms: what flies by so fast is not asked for

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
  #markOf = () => "";
  #last = { top: 0, at: 0 };
  #timer = 0;

  connectedCallback() {
    this.#watch ??= new ResizeObserver(() => this.#layOut());
    this.#watch.observe(this);
    if (this.#space.parentNode === this) return; // it was moved
    this.append(this.#space);
    this.setAttribute("role", "group");
    this.tabIndex = -1; // it takes the focus of a picture that is scrolled out of sight
    this.addEventListener("scroll", () => this.#show(), { passive: true });
    this.addEventListener("keydown", (event) => this.#key(event));
  }

  disconnectedCallback() {
    this.#watch?.disconnect();
    clearTimeout(this.#timer);
  }

  // items: anything; addressOf(item, pixels) -> address of its thumbnail; labelOf(item) -> what it is called;
  // markOf(item) -> a word for the style sheet, in data-mark
  set(items, addressOf, labelOf, side = 96, markOf = () => "") {
    [this.#items, this.#addressOf, this.#labelOf, this.#side, this.#markOf] = [items, addressOf, labelOf, side, markOf];
    this.#current = this.#anchor = 0;
    this.scrollTop = 0;
    this.#layOut();
    this.dataset.items = items.length;
  }

  get selection() {
    return this.#items.filter((item) => this.#selected.has(item));
  }

  // All that is selected, also what the wall does not hold at the moment
  get chosen() {
    return new Set(this.#selected);
  }

  select(items) {
    this.#selected = new Set(items);
    this.#mark();
  }

  get #across() {
    return Math.max(1, Math.floor((this.clientWidth - GAP) / (this.#side + GAP)));
  }

  // Pixels from one thumbnail to the next: they are as large as was asked for, or a little larger to fill the width
  get #pitch() {
    return (this.clientWidth - GAP) / this.#across;
  }

  #layOut() {
    for (const button of this.#shown.values()) button.remove();
    this.#shown.clear();
    this.#space.style.height = `${Math.ceil(this.#items.length / this.#across) * this.#pitch + GAP}px`;
    this.#show();
  }

  #show() {
    const [across, pitch] = [this.#across, this.#pitch];
    const first = Math.max(0, Math.floor(this.scrollTop / pitch) - 2) * across;
    const last = Math.min(this.#items.length, (Math.ceil((this.scrollTop + this.clientHeight) / pitch) + 2) * across);
    for (const [place, button] of this.#shown) {
      if (place >= first && place < last) continue;
      if (button === document.activeElement) this.focus({ preventScroll: true });
      button.firstChild.removeAttribute("src"); // ends the request that is no longer needed
      button.remove();
      this.#shown.delete(place);
    }
    for (let place = first; place < last; place++) if (!this.#shown.has(place)) this.#add(place, across, pitch);
    if (last > first && !this.#shown.has(this.#current)) {
      this.#current = Math.min(last - 1, first + 2 * across);
      this.#shown.get(this.#current).tabIndex = 0;
    }
    this.#load();
  }

  #load() {
    clearTimeout(this.#timer);
    const [now, { top, at }] = [performance.now(), this.#last];
    this.#last = { top: this.scrollTop, at: now };
    if (Math.abs(this.scrollTop - top) > FAST * (now - at)) {
      this.#timer = setTimeout(() => this.#load(), REST);
      return;
    }
    for (const { firstChild: image } of this.#shown.values()) {
      if (!image.dataset.src) continue;
      image.src = image.dataset.src;
      delete image.dataset.src;
    }
  }

  #add(place, across, pitch) {
    const item = this.#items[place];
    const pixels = Math.min(512, Math.ceil(this.#side * (window.devicePixelRatio || 1)));
    const image = h("img", { dataset: { src: this.#addressOf(item, pixels) }, alt: "", decoding: "async" });
    const button = h("button", { title: this.#labelOf(item), "aria-label": this.#labelOf(item), tabindex: place === this.#current ? "0" : "-1" }, image);
    button.setAttribute("aria-pressed", this.#selected.has(item));
    button.dataset.mark = this.#markOf(item);
    Object.assign(button.style, { left: `${GAP + (place % across) * pitch}px`, top: `${GAP + Math.floor(place / across) * pitch}px`, width: `${pitch - GAP}px`, height: `${pitch - GAP}px` });
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
    for (const [place, button] of this.#shown) {
      button.setAttribute("aria-pressed", this.#selected.has(this.#items[place]));
      button.dataset.mark = this.#markOf(this.#items[place]);
    }
  }

  #focus(place) {
    this.#shown.get(this.#current)?.setAttribute("tabindex", "-1");
    this.#current = Math.min(this.#items.length - 1, Math.max(0, place));
    const [across, pitch] = [this.#across, this.#pitch];
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
