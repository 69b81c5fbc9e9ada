// <div class="field">: a control below its label, with a line of help if there is one.
import { h, newId } from "/web/dom.js";

// kind: further classes of the field, such as "inline".
export function field(label, input, { help = null, kind = "" } = {}) {
  input.id ||= newId("field");
  return h("div", { class: `field ${kind}`.trim() }, h("label", { for: input.id, class: "small faint" }, label), input, help && h("span", { class: "help" }, help));
}
