// Short sentences at the edge of the page. Errors stay until they are closed, or another page is opened.
import { h } from "/web/dom.js";

const SECONDS = 6;

export function tell(text, kind = "") {
  const close = h("button", { "aria-label": "Close", onclick: () => toast.remove() }, "×");
  const toast = h("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : "status" }, h("span", {}, text), close);
  const toasts = document.getElementById("toasts");
  toasts.append(toast);
  while (toasts.childElementCount > 4) toasts.firstElementChild.remove();
  if (kind !== "bad") setTimeout(() => toast.remove(), SECONDS * 1000);
  return toast;
}

// Take away the errors of a page that is left. What is true of all pages has `data-stays`.
export function forgetErrors() {
  for (const each of document.querySelectorAll("#toasts .toast.bad:not([data-stays])")) each.remove();
}

export const tellError = (error) => tell(error.message ?? String(error), "bad");

// A listener whose errors are told, for buttons: onclick: told(async () => ...)
export const told =
  (work) =>
  async (...given) => {
    try {
      return await work(...given);
    } catch (error) {
      return void tellError(error);
    }
  };
