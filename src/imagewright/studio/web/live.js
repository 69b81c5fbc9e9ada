// The one socket of the page. Wishes: what is asked many times a second, such as the picture under a slider. Each channel
// has one wish under way at most, and the newest replaces any that waits: a slider never runs ahead of the model. Feeds:
// what the studio tells by itself. After a cut the socket opens again, and feeds go on.
import { GONE, ROOM } from "/web/api.js";

class Live extends EventTarget {
  #socket = null;
  #number = 0;
  #open = new Map(); // by number: { done, failed } of wishes, { feed, asked, tell, failed } of feeds
  #delay = 500;

  constructor() {
    super();
    this.#connect();
  }

  #connect() {
    this.#socket = new WebSocket(`ws://${location.host}${ROOM}live`);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => {
      this.#delay = 500;
      for (const [id, each] of this.#open) if (each.feed) this.#send({ id, feed: each.feed, asked: each.asked });
      this.dispatchEvent(new Event("up"));
    };
    this.#socket.onmessage = ({ data }) => (typeof data === "string" ? this.#text(JSON.parse(data)) : this.#bytes(data));
    this.#socket.onclose = () => {
      for (const [id, each] of this.#open) {
        if (each.feed) continue;
        this.#open.delete(id);
        each.failed(new Error(GONE));
      }
      this.dispatchEvent(new Event("down"));
      setTimeout(() => this.#connect(), (this.#delay = Math.min(8000, 2 * this.#delay)));
    };
  }

  get isUp() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  #send(message) {
    if (this.isUp) this.#socket.send(JSON.stringify(message));
  }

  wish(name, asked) {
    const id = ++this.#number;
    return new Promise((done, failed) => {
      if (!this.isUp && this.#socket.readyState !== WebSocket.CONNECTING) {
        failed(new Error(GONE));
        return;
      }
      this.#open.set(id, { done, failed });
      const message = { id, wish: name, asked };
      if (this.isUp) this.#send(message);
      else this.#socket.addEventListener("open", () => this.#send(message), { once: true });
    });
  }

  follow(feed, asked, tell, failed = () => {}) {
    const id = ++this.#number;
    this.#open.set(id, { feed, asked, tell, failed });
    this.#send({ id, feed, asked });
    return () => {
      if (this.#open.delete(id)) this.#send({ end: id });
    };
  }

  #text({ id, answer, value, error, ended }) {
    const each = this.#open.get(id);
    if (!each) return;
    if (value !== undefined) return each.tell(value);
    this.#open.delete(id);
    if (error !== undefined) each.failed(new Error(error));
    else if (!ended) each.done(answer);
  }

  async #bytes(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const each = this.#open.get(header.id);
    if (!each) return;
    this.#open.delete(header.id);
    let start = 4 + length;
    const pictures = header.pictures.map((picture) => {
      const bytes = new Uint8Array(buffer, start, picture.bytes);
      start += picture.bytes;
      return { ...picture, bytes };
    });
    try {
      await Promise.all(pictures.map(decode));
      each.done(pictures);
    } catch (error) {
      each.failed(error);
    }
  }
}

// Gives a picture its `image`: ImageData of raw pixels, an ImageBitmap of a file.
async function decode(picture) {
  const { form, bytes, width, height } = picture;
  if (form === "rgba") {
    picture.image = new ImageData(new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.length), width, height);
  } else {
    picture.image = await createImageBitmap(new Blob([bytes], { type: `image/${form}` }));
  }
  delete picture.bytes;
}

export const live = new Live();

// Work of which only the newest call matters: one is under way at most, and of those that wait the last is done next.
// `show` gets each result, `failed` each error, both with what was asked.
export class Newest {
  #work;
  #show;
  #failed;
  #waiting = null;
  #busy = false;
  #settled = Promise.resolve();

  constructor(work, show = () => {}, failed = () => {}) {
    [this.#work, this.#show, this.#failed] = [work, show, failed];
  }

  get isBusy() {
    return this.#busy;
  }

  // Resolves when all that was asked for so far is answered.
  get settled() {
    return this.#settled;
  }

  // Forget what waits; an answer under way is still shown.
  clear() {
    this.#waiting = null;
  }

  ask(asked = true) {
    this.#waiting = asked;
    if (!this.#busy) this.#settled = this.#next();
  }

  async #next() {
    this.#busy = true;
    while (this.#waiting !== null) {
      const asked = this.#waiting;
      this.#waiting = null;
      try {
        this.#show(await this.#work(asked), asked);
      } catch (error) {
        this.#failed(error, asked);
      }
    }
    this.#busy = false;
  }
}

// One wish at a time, the newest next.
export class Channel extends Newest {
  constructor(name, show, failed) {
    super((asked) => live.wish(name, asked), show, failed);
  }
}
