// The consent of the people whose faces a model learns: who, given by whom, when; or that the faces are one's own.
import { h, newId } from "/web/dom.js";
import { personConsent } from "/web/parts/consent.js";

export function consentFields() {
  const own = h("input", { type: "checkbox", id: newId("own") });
  const people = h("div", { class: "stack" });
  const rows = [];
  const add = () => {
    const person = personConsent();
    rows.push(person);
    people.append(h("div", { class: "form-grid" }, person.fields));
  };
  add();
  const more = h("button", { class: "plain", onclick: add }, "Another person");
  own.addEventListener("change", () => (people.hidden = more.hidden = own.checked));
  const element = h(
    "div",
    { class: "stack" },
    h("p", { class: "small faint" }, "This model learns people's faces. The run keeps who agreed, and so does each picture that it makes."),
    h("span", { class: "row" }, own, h("label", { for: own.id }, "The faces are mine")),
    people,
    h("p", {}, more),
  );
  const value = () =>
    own.checked ? { self: true } : { people: rows.map((person) => person.value) };
  return { element, value };
}
