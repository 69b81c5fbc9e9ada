// The style of one page: loaded once, when the page is first opened, and before it is shown.
import { h } from "/web/dom.js";

const loaded = new Map();

export function loadStyle(address) {
  if (!loaded.has(address)) {
    loaded.set(
      address,
      new Promise((done, failed) => {
        document.head.append(h("link", { rel: "stylesheet", href: address, onload: () => done(), onerror: () => failed(new Error("The style of this page could not be loaded.")) }));
      }),
    );
  }
  return loaded.get(address);
}
