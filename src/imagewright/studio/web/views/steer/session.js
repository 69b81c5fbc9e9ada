// What is looked at: the look that is sent for each picture, and the looks before. Fires "shown" with each picture,
// "replaced" if the whole look became another one (the controls are then built anew), "history", and "failed".
import { Channel } from "/web/live.js";

const SETTLED = 600; // milliseconds without a change, after which a look is kept
const MOST_LOOKS = 60;
const VIEW = ["space", "truncation", "sample_from", "at"]; // stay when a start is changed

// The part of a look that chooses the view of the model.
export const viewOf = (look) => Object.fromEntries(VIEW.filter((name) => look?.[name] !== undefined).map((name) => [name, look[name]]));

export const plainLook = (start = { seed: 0 }) => ({ start, moves: {}, shifts: {}, parts: {} });

export class Session extends EventTarget {
  #channel = new Channel("steer/look", (pictures, asked) => this.#shown(pictures[0], asked), (error) => this.#failed(error));
  #timer = null;
  #last = null; // the look whose picture was shown last, as JSON
  look = plainLook();
  history = []; // { key, look, picture, label }, oldest first
  about = null; // of the start, for people: { label, psnr, original, notes, ticket }

  constructor(run, offers) {
    super();
    Object.assign(this, { run, offers });
  }

  // The look as the studio takes it.
  get asked() {
    return { run: this.run, ...this.look };
  }

  // A control has changed.
  change(values) {
    Object.assign(this.look, values);
    this.ask();
  }

  ask() {
    this.#channel.ask(this.asked);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keep(), SETTLED);
  }

  // Another look. What chooses the view of the model stays, unless the look says otherwise.
  replace(look, about = null) {
    this.look = structuredClone({ ...viewOf(this.look), ...look });
    this.about = about;
    this.dispatchEvent(new Event("replaced"));
    this.ask();
  }

  // Return to a look of the history, with its view.
  recall({ look, about }) {
    this.look = structuredClone(look);
    this.about = about;
    this.dispatchEvent(new Event("replaced"));
    this.ask();
  }

  // Keep the present look in the history, once.
  keep() {
    clearTimeout(this.#timer);
    const key = JSON.stringify(this.look);
    if (key !== this.#last || this.history.some((each) => each.key === key)) return;
    this.history.push({ key, look: structuredClone(this.look), about: this.about, picture: this.picture });
    if (this.history.length > MOST_LOOKS) this.history.shift();
    this.dispatchEvent(new Event("history"));
  }

  forget(entry) {
    this.history = this.history.filter((each) => each !== entry);
    this.dispatchEvent(new Event("history"));
  }

  close() {
    clearTimeout(this.#timer);
  }

  #shown(picture, asked) {
    const { run, ...look } = asked;
    this.#last = JSON.stringify(look);
    this.picture = picture;
    this.dispatchEvent(new CustomEvent("shown", { detail: picture }));
  }

  #failed(error) {
    this.dispatchEvent(new CustomEvent("failed", { detail: error }));
  }
}

// What the page was left with, by run: it is there again when one returns.
export const sessions = new Map();
