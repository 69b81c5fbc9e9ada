// What a consent consists of: whose face it is, who gave it, and when. Pages that train on faces ask for it.
import { h } from "/web/dom.js";
import { field } from "/web/parts/field.js";

// The fields of one person. Returns { fields: elements, value: { who, given_by, when } }.
export function personConsent() {
  const text = () => h("input", { type: "text", autocomplete: "off", maxlength: "400" });
  const inputs = { who: text(), given_by: text(), when: h("input", { type: "date" }) };
  const labels = { who: "Whose face it is", given_by: "Who gave the consent", when: "When" };
  inputs.who.addEventListener("change", () => (inputs.given_by.value ||= inputs.who.value)); // most people answer for themselves
  return {
    fields: Object.entries(inputs).map(([name, input]) => field(labels[name], input)),
    get value() {
      return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));
    },
  };
}
