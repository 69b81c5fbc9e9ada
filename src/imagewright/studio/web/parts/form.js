// A form from a schema: options as `iw.list_options` describes them. Each is { name, default, description, of, kind,
// choices, low, high, is_optional }, and may have a label, and what is `recommended` where nothing is chosen; kinds are flag,
// whole, number, choice, text, run and source.
import { clear, h, newId } from "/web/dom.js";

const RECIPE = "as recommended";

export const titleOf = (name) => {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

const recipeOf = ({ recommended }) => (recommended === null || recommended === undefined ? RECIPE : `${RECIPE} (${recommended === true ? "yes" : recommended === false ? "no" : recommended})`);

const offered = (pairs) => pairs.map(([value, label]) => h("option", { value }, label));

// The control of an option: { element, read(), write(value) }. read() is null where nothing was chosen.
function controlOf(option, runs, sources) {
  const { kind, choices } = option;
  if (kind === "flag" && !option.is_optional) {
    const box = h("input", { type: "checkbox", checked: option.default === true });
    return { element: box, read: () => box.checked, write: (value) => (box.checked = value === true) };
  }
  if (kind === "flag") return selectOf([["", recipeOf(option)], ["true", "yes"], ["false", "no"]], "", (value) => value === "true");
  if (kind === "choice") {
    const none = option.is_optional || option.default === null ? [["", recipeOf(option)]] : [];
    return selectOf([...none, ...choices.map((each) => [each, each])], option.default ?? "");
  }
  if (kind === "run") return selectOf([...(choices.length ? [] : [["", "none"]]), ...choices.map((each) => [each, each]), ...runs], option.default ?? "", parsed);
  if (kind === "source") return selectOf([["", "those of the training"], ...sources], "", parsed);
  return inputOf(option);
}

function selectOf(pairs, first, parse = (value) => value) {
  const select = h("select", {}, offered(pairs));
  select.value = String(first);
  return {
    element: select,
    read: () => (select.value === "" ? null : parse(select.value)),
    write(value) {
      const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
      if (![...select.options].some((each) => each.value === text)) select.append(h("option", { value: text }, labelOf(value)));
      select.value = text;
    },
  };
}

const parsed = (value) => (value.startsWith("{") ? JSON.parse(value) : value);
const labelOf = (value) => (value?.at !== undefined ? `the checkpoint at ${value.at.toLocaleString("en")} images` : String(value));

function inputOf(option) {
  const isNumber = option.kind === "whole" || option.kind === "number";
  const shown = option.default === null ? recipeOf(option) : String(option.default);
  const input = h("input", { type: "text", placeholder: shown, autocomplete: "off", spellcheck: "false", inputmode: isNumber ? "decimal" : "text" });
  let list = null;
  if (option.choices.length) {
    list = h("datalist", { id: newId("choices") }, option.choices.map((value) => h("option", { value })));
    input.setAttribute("list", list.id);
  }
  const read = () => {
    const text = input.value.trim();
    if (text === "") return null;
    return isNumber && text !== "" && Number.isFinite(Number(text)) ? Number(text) : isNumber ? counted(text) : text;
  };
  return { element: input, list, read, write: (value) => (input.value = value ?? "") };
}

// 200k and 1.5M, as the command line takes them; another text stays one, and is refused with a sentence.
function counted(text) {
  const found = /^([0-9.]+) ?([kmg])$/i.exec(text.replaceAll(",", ""));
  if (!found) return Number.isFinite(Number(text.replaceAll(",", ""))) ? Number(text.replaceAll(",", "")) : text;
  return Math.round(Number(found[1]) * { k: 1e3, m: 1e6, g: 1e9 }[found[2].toLowerCase()]);
}

function wrongOf({ kind, low, high, is_above: above, is_below: below, choices }, value) {
  if (value === null || (kind !== "whole" && kind !== "number") || choices.includes(value)) return "";
  if (typeof value !== "number") return "A number is expected.";
  if (kind === "whole" && !Number.isInteger(value)) return "A whole number is expected.";
  if (low !== null && (above ? value <= low : value < low)) return `${above ? "Above" : "At least"} ${low.toLocaleString("en")}.`;
  if (high !== null && (below ? value >= high : value > high)) return `${below ? "Below" : "At most"} ${high.toLocaleString("en")}.`;
  return "";
}

// The field of an option: label, control, help, what is wrong. { element, option, read, write, isChanged(), check() }
function fieldOf(option, runs, sources, changed) {
  const control = controlOf(option, runs, sources);
  const { element: input } = control;
  input.id = newId("option");
  const wrong = h("span", { class: "bad small", role: "alert" });
  const help = h("span", { class: "help", id: newId("help") }, option.description);
  input.setAttribute("aria-describedby", help.id);
  const label = h("label", { for: input.id }, option.label ?? titleOf(option.name));
  const isBox = input.type === "checkbox";
  const element = h("div", { class: "field", dataset: { option: option.name } }, isBox ? h("span", { class: "row" }, input, label) : [label, input], control.list ?? [], help, wrong);
  const check = () => {
    wrong.textContent = wrongOf(option, control.read());
    return wrong.textContent === "";
  };
  const isChanged = () => {
    const value = control.read();
    return value !== null && JSON.stringify(value) !== JSON.stringify(option.default);
  };
  input.addEventListener("change", () => (check(), element.toggleAttribute("data-changed", isChanged()), changed()));
  const write = (value) => (control.write(value), element.toggleAttribute("data-changed", isChanged()));
  return { element, option, read: control.read, write, isChanged, check };
}

// options: the schema. essential: names that stand before the folds. titles: { of: title of its fold }. values: that are
// filled in. runs, sources: [[value, label]] that may be chosen, values as JSON. changed(): after each change.
// Returns { element, values, isRight() }: `values` has what differs from the defaults.
export function buildForm({ options, essential = [], titles = {}, values = {}, runs = [], sources = [], changed = () => {} }) {
  const fields = options.map((option) => fieldOf(option, runs, sources, changed));
  for (const field of fields) if (field.option.name in values) field.write(values[field.option.name]);
  const isEssential = ({ option }) => essential.includes(option.name) || option.name in values;
  const rank = ({ option }) => (essential.includes(option.name) ? essential.indexOf(option.name) : essential.length);
  const first = fields.filter(isEssential).sort((one, other) => rank(one) - rank(other));
  const folds = new Map();
  for (const field of fields.filter((each) => !isEssential(each))) {
    const { of } = field.option;
    if (!folds.has(of)) folds.set(of, { grid: h("div", { class: "form-grid" }), fields: [] });
    folds.get(of).grid.append(field.element);
    folds.get(of).fields.push(field);
  }
  const details = [...folds].map(([of, { grid, fields: inside }]) => ({
    fields: inside,
    element: h("details", { class: "fold", dataset: { of } }, h("summary", {}, `${titles[of] ?? titleOf(of)} (${inside.length})`), grid),
  }));
  const search = h("input", { type: "search", placeholder: "Search all options", "aria-label": "Search all options" });
  const none = h("p", { class: "faint small", hidden: true }, "No option has this in its name or its description.");
  search.addEventListener("input", () => {
    const text = search.value.trim().toLowerCase();
    let found = 0;
    const fits = ({ option }) => !text || `${option.name.replaceAll("_", " ")} ${option.name} ${option.description}`.toLowerCase().includes(text);
    for (const fold of details) {
      let here = 0;
      for (const field of fold.fields) {
        field.element.hidden = !fits(field);
        here += field.element.hidden ? 0 : 1;
      }
      fold.element.hidden = here === 0;
      fold.element.open = text !== "" && here > 0;
      found += here;
    }
    none.hidden = !text || found > 0 || first.some(fits);
  });
  const element = h("div", { class: "stack options-form" });
  clear(element, first.length ? h("div", { class: "form-grid" }, first.map((field) => field.element)) : [], details.length ? [search, none] : [], details.map((fold) => fold.element));
  return {
    element,
    get values() {
      return Object.fromEntries(fields.filter((field) => field.isChanged()).map((field) => [field.option.name, field.read()]));
    },
    isRight() {
      const wrong = fields.filter((field) => !field.check());
      wrong[0]?.element.closest("details")?.setAttribute("open", "");
      wrong[0]?.element.querySelector("input, select")?.focus();
      return wrong.length === 0;
    },
  };
}
