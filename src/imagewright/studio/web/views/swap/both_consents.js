// The consent of both people, as the command asks for it: one's own face, or who, given by whom, and when.
import { h, newId } from "/web/dom.js";
import { personConsent } from "/web/parts/consent.js";

const TITLES = { source: "Consent of the person put in", target: "Consent of the person replaced" };

// Returns { element, value }: value is { source: {...}, target: {...} } as the studio expects it.
export function askConsent() {
  const parts = Object.entries(TITLES).map(([who, title]) => [who, askOne(title)]);
  return {
    element: h("div", { class: "columns even" }, parts.map(([, part]) => part.element)),
    get value() {
      return Object.fromEntries(parts.map(([who, part]) => [who, part.value]));
    },
  };
}

function askOne(title) {
  const name = newId("consent");
  const own = h("input", { type: "radio", name, value: "own" });
  const other = h("input", { type: "radio", name, value: "other", checked: true });
  const person = personConsent();
  const rest = h("div", { class: "stack" }, person.fields);
  const update = () => (rest.hidden = own.checked);
  own.addEventListener("change", update);
  other.addEventListener("change", update);
  const choices = h("div", { class: "stack" }, h("label", {}, own, " It is my own face"), h("label", {}, other, " It is another person's face"), rest);
  const element = h("div", { class: "panel" }, h("fieldset", {}, h("legend", {}, title), choices));
  return {
    element,
    get value() {
      return own.checked ? { own: true } : person.value;
    },
  };
}
