// The settings of the laboratory as a form of what the studio describes; the data, also drawn by hand; collapse and cures.
import { h } from "/web/dom.js";
import { field } from "/web/parts/field.js";
import { slider } from "/web/parts/slider.js";
import { drawingPad } from "/web/views/learn/gan_drawing.js";

const words = (name) => SPELLED[name] ?? name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());
const SPELLED = { sgd: "SGD", r1: "R1", r1_r2: "R1 and R2" };
const DECADES = 50; // a range of more than this ratio is moved along by its logarithm

// A select with its label
export function select(label, options, value, changed) {
  const element = h("select", { onchange: () => changed(element.value) }, options.map(({ name, title }) => h("option", { value: name }, title)));
  element.value = value;
  return { select: element, element: field(label, element) };
}

function control(setting, changed) {
  const { title, kind, low, high, choices, description } = setting;
  if (kind === "choice") {
    const made = select(title, choices.map((each) => ({ name: each, title: words(each) })), setting.default, changed);
    made.element.title = description;
    return { element: made.element, set: (value) => (made.select.value = value) };
  }
  if (kind === "boolean") {
    const box = h("input", { type: "checkbox", checked: setting.default, onchange: () => changed(box.checked) });
    return { element: h("label", { class: "small", title: description }, box, ` ${title}`), set: (value) => (box.checked = value) };
  }
  const isWhole = kind === "integer";
  const log = low > 0 && high / low > DECADES;
  const step = isWhole ? 1 : (high - low) / 200;
  const element = slider({ label: title, low, high, step, value: setting.default, hint: description, log }, (value) => changed(isWhole ? Math.round(value) : value));
  return { element, set: (value) => (element.value = value) };
}

// changed(name, value, whether it needs a fresh start)
export function settingsForm(settings, changed) {
  const controls = new Map();
  const make = (setting) => {
    const made = control(setting, (value) => (setting.fresh ? later(setting.name, value) : changed(setting.name, value, false)));
    controls.set(setting.name, made);
    return made.element;
  };
  // A new start waits until the handle rests; several changes make one wait together.
  const waiting = new Map();
  let timer = null;
  const later = (name, value) => {
    waiting.set(name, value);
    clearTimeout(timer);
    timer = setTimeout(settle, 250);
  };
  // What waits is asked for now: a step that is taken at once belongs to the new start.
  const settle = () => {
    clearTimeout(timer);
    for (const [name, value] of waiting) changed(name, value, true);
    waiting.clear();
  };
  const element = h(
    "div",
    { class: "stack" },
    h("section", { class: "stack", "aria-label": "While it runs" }, h("h2", {}, "While it runs"), settings.filter(({ fresh }) => !fresh).map(make)),
    h("section", { class: "stack", "aria-label": "Networks" }, h("h2", {}, "Networks"), h("p", { class: "small faint" }, "A change here starts anew."), settings.filter(({ fresh }) => fresh).map(make)),
  );
  const set = (values) => {
    for (const [name, made] of controls) if (name in values) made.set(values[name]);
  };
  return { element, set, settle };
}

// chosen(name, points)
export function dataChoice(data, chosen) {
  const pad = drawingPad((points) => chosen(made.select.value, points));
  const isDrawn = () => made.select.value.startsWith("drawn");
  const follow = () => (pad.element.hidden = !isDrawn());
  const made = select("Data to learn", data, data[0].name, (name) => {
    follow();
    chosen(name, isDrawn() ? pad.points : []);
  });
  follow();
  const set = (name) => {
    made.select.value = name;
    follow();
  };
  return { element: h("div", { class: "stack" }, made.element, pad.element), set };
}

export function caseButtons(cases, chosen) {
  return cases.map((each) => {
    const button = h("button", { onclick: () => chosen(each) }, each.title);
    return h("div", { class: "stack case" }, button, h("p", { class: "small faint" }, each.about));
  });
}
