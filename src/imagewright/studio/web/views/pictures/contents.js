// A source as the page knows it: its pictures by number, their names and labels, and where their thumbnails are.
import { pictureOf, read } from "/web/api.js";

const PART = 20_000; // names of one answer
const SIDES = [64, 96, 128, 192, 256, 384, 512, 1024, 2048]; // of thumbnails, so that the browser keeps what it has seen

export class Contents {
  constructor(about) {
    Object.assign(this, about);
    this.names = [];
    this.labels = null;
    this.whole = null;
    this.isOpen = true;
  }

  static async open(source, anew = false) {
    return new Contents(await read("pictures/source", { source, anew }));
  }

  get all() {
    this.places ??= Array.from({ length: this.pictures }, (_, place) => place);
    return this.places;
  }

  // Read the names of the first pictures, and the others meanwhile; `whole` is kept when all are there
  async begin() {
    await this.#readPart();
    this.whole = this.#readRest();
    this.whole.catch(() => {}); // whoever waits for it is told
  }

  async #readPart() {
    const { names, labels } = await read("pictures/names", this.asked({ start: this.names.length }));
    this.names.push(...names);
    if (labels) (this.labels ??= []).push(...labels);
    return names.length > 0;
  }

  async #readRest() {
    while (this.isOpen && this.names.length < this.pictures && (await this.#readPart()));
  }

  // What every request about these pictures says: a studio that knows a newer state refuses it
  asked(more = {}) {
    return { source: this.id, version: this.version, ...more };
  }

  address(index, side = 96) {
    return pictureOf("pictures/picture", { source: this.id, of: this.version, index, side: SIDES.find((each) => each >= side) ?? 2048 });
  }

  nameOf(index) {
    return this.names[index] ?? `picture ${index}`;
  }

  className(index) {
    const label = this.labels?.[index] ?? -1;
    return label < 0 ? "" : this.classes[label].name;
  }

  title(index) {
    const kind = this.className(index);
    return kind ? `${this.nameOf(index)} (${kind})` : this.nameOf(index);
  }
}

// The chosen pictures of all views. Fires "changed".
export class Selection extends EventTarget {
  #chosen = new Set();

  get size() {
    return this.#chosen.size;
  }

  get indices() {
    return [...this.#chosen].sort((one, other) => one - other);
  }

  get last() {
    return [...this.#chosen].at(-1);
  }

  has = (index) => this.#chosen.has(index);

  set(indices) {
    this.#chosen = new Set(indices);
    this.dispatchEvent(new Event("changed"));
  }

  add(indices) {
    this.set([...this.#chosen, ...indices]);
  }

  toggle(index) {
    if (!this.#chosen.delete(index)) this.#chosen.add(index);
    this.dispatchEvent(new Event("changed"));
  }
}
