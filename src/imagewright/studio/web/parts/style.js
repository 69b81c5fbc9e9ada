// Styles: that of a page, loaded once, when the page is first opened, and before it is shown; and light or dark.
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

// Call work() when the colours change, by the system or by the user: what is drawn on a canvas has to be drawn anew.
// Returns the end of it.
export function watchColours(work) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", work);
  const theme = new MutationObserver(work);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => {
    dark.removeEventListener("change", work);
    theme.disconnect();
  };
}
