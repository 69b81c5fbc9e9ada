// The styles of one page, loaded when the page is first shown.
import { h } from "/web/dom.js";

const loaded = new Map(); // by address: a promise

export function loadStyle(address) {
  if (!loaded.has(address)) {
    loaded.set(
      address,
      new Promise((done) => document.head.append(h("link", { rel: "stylesheet", href: address, onload: done, onerror: done }))),
    );
  }
  return loaded.get(address);
}
