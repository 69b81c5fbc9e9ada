// Load the styles of a page, once: loadStyle("/web/views/NAME/NAME.css"). Resolves when they apply.
import { h } from "/web/dom.js";

const loaded = new Map();

export function loadStyle(address) {
  if (!loaded.has(address)) {
    loaded.set(
      address,
      new Promise((done) => document.head.append(h("link", { rel: "stylesheet", href: address, onload: done, onerror: done }))),
    );
  }
  return loaded.get(address);
}
