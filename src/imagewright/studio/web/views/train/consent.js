// The consent of the people whose faces a model learns: who, given by whom, when; or that the faces are one's own.
import { h, newId } from "/web/dom.js";

export function consentFields() {
  const own = h("input", { type: "checkbox", id: newId("own") });
  const people = h("div", { class: "stack" });
  const input = (type, label) => {
    const element = h("input", { type, id: newId("person") });
    return { element, field: h("div", { class: "field" }, h("label", { for: element.id }, label), element) };
  };
  const rows = [];
  const add = () => {
    const row = { who: input("text", "Whose face"), given_by: input("text", "Consent given by"), when: input("date", "On") };
    rows.push(row);
    people.append(h("div", { class: "form-grid" }, Object.values(row).map((each) => each.field)));
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
    own.checked ? { self: true } : { people: rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, { element: each }]) => [name, each.value]))) };
  return { element, value };
}
