// Undo and redo: whole pictures of the sheet, as many as fit into a bound of memory.
const MOST_BYTES = 64 << 20;
const MOST = 100;

export class History {
  #before = [];
  #after = [];

  get canUndo() {
    return this.#before.length > 0;
  }

  get canRedo() {
    return this.#after.length > 0;
  }

  // Keep a picture that is about to change.
  keep(image) {
    this.#before.push(image);
    this.#after = [];
    let bytes = this.#before.reduce((sum, each) => sum + each.data.length, 0);
    while (this.#before.length > 1 && (bytes > MOST_BYTES || this.#before.length > MOST)) bytes -= this.#before.shift().data.length;
  }

  // Each takes the present picture, and returns the one to show; null if there is none.
  undo(now) {
    return this.#move(this.#before, this.#after, now);
  }

  redo(now) {
    return this.#move(this.#after, this.#before, now);
  }

  #move(from, to, now) {
    if (!from.length) return null;
    to.push(now);
    return from.pop();
  }

  forget() {
    this.#before = [];
    this.#after = [];
  }
}
