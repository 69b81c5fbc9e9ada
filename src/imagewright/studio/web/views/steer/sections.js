// A part of the controls that can be folded.
import { h } from "/web/dom.js";

export const section = (title, { open = false, name = title, note = null } = {}, ...children) =>
  h("details", { class: "section", open, dataset: { section: name } }, h("summary", {}, title, note && h("span", { class: "faint small" }, ` ${note}`)), h("div", { class: "stack" }, ...children));
