// Styles of a page or a part that is not on every page, loaded once.
import { h } from "/web/dom.js";

const loading = new Map();

// Resolves when the styles apply, so that a page is never shown without them.
export function loadStyle(address) {
  if (!loading.has(address)) {
    loading.set(
      address,
      new Promise((done) => {
        document.head.append(h("link", { rel: "stylesheet", href: address, onload: done, onerror: done }));
      }),
    );
  }
  return loading.get(address);
}
