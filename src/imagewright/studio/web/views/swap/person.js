// A list with its label, and a person of a face set, for those who choose whose face is meant.
import { clear, h } from "/web/dom.js";
import { read } from "/web/api.js";
import { chooseSource } from "/web/parts/choose.js";
import { field } from "/web/parts/field.js";
import { told } from "/web/parts/toast.js";

export function list(label, choices, chosen) {
  const select = h("select", { onchange: () => chosen(select.value) }, Object.entries(choices).map(([value, text]) => h("option", { value }, text)));
  return field(label, select);
}

// A person of a face set: { element, value: { faces, number } or null }
export function personChoice(changed) {
  const select = h("select", { onchange: () => changed() });
  const place = h("div");
  const element = h("div", { class: "stack", hidden: true }, place, field("Person", select));
  let set = null;
  const show = told(async (each) => {
    set = null;
    clear(select);
    if (!each) return;
    const { people } = await read("swap/people", { faces: each.id });
    clear(select, people.map(({ number, count }) => h("option", { value: String(number) }, `person ${number + 1} (${count} faces)`)));
    set = people.length ? each : null;
    changed();
  });
  chooseSource({ label: "Set of faces", fits: (each) => each.kind === "faces", none: "none", chosen: show }).then(({ element: chooser }) => clear(place, chooser));
  return {
    element,
    get value() {
      return set && select.value ? { faces: set.id, number: Number(select.value) } : null;
    },
  };
}
