// The tools of the sheet: what draws, in which colour and width; undo and redo; and their keys.
import { h } from "/web/dom.js";
import { slider } from "/web/parts/slider.js";
import { colourOf } from "/web/views/draw/raster.js";
import { classNames } from "/web/views/draw/class_names.js";
import { palette } from "/web/views/draw/colours.js";

const TOOLS = [
  ["pen", "Pen", "p"],
  ["line", "Line", "l"],
  ["box", "Box", "b"],
  ["fill", "Fill", "f"],
  ["eraser", "Eraser", "e"],
  ["pick", "Pick a colour", "k"],
];

// Returns { element, leave }. told(sentence) is called with what a key did.
export function toolsOf(sheet, model, run) {
  const buttons = new Map(
    TOOLS.map(([name, label, key]) => [name, h("button", { "aria-pressed": "false", title: `${label} (key ${key.toUpperCase()})`, onclick: () => use(name) }, label)]),
  );
  const use = (name) => {
    sheet.tool = name;
    for (const [each, button] of buttons) button.setAttribute("aria-pressed", each === name);
  };
  const widest = Math.max(4, Math.round(Math.min(model.width, model.height) / 4));
  const width = slider({ label: "Width in pixels", low: 1, high: widest, step: 1, value: firstWidth(model) }, (value) => (sheet.width = Math.max(1, Math.round(value))));
  sheet.width = width.value;
  const colours = palette(model.palette, { names: model.labelled ? classNames(run, model.class_names) : null, isFree: !model.labelled, chosen: (colour) => ((sheet.colour = colour), sheet.tool === "eraser" && use("pen")) });
  sheet.ground = colourOf(model.palette[model.ground]);
  colours.pick(model.ground === 0 ? Math.min(1, model.palette.length - 1) : 0);
  use("pen");
  sheet.addEventListener("picked", ({ detail }) => (colours.choose(detail), use("pen")));

  const undo = h("button", { title: "Undo (Ctrl Z)", onclick: () => sheet.undo() }, "Undo");
  const redo = h("button", { title: "Redo (Ctrl Shift Z)", onclick: () => sheet.redo() }, "Redo");
  const save = h("button", { title: "Save what is on the sheet as PNG", onclick: () => saveSheet(sheet) }, "Save the sheet");
  const showHistory = () => ([undo.disabled, redo.disabled] = [!sheet.canUndo, !sheet.canRedo]);
  sheet.addEventListener("changed", showHistory);
  showHistory();

  const widen = (by) => {
    width.value = Math.min(widest, Math.max(1, width.value + by));
    sheet.width = width.value;
  };
  const keys = (event) => key(event, { sheet, use, widen, pick: colours.pick });
  document.addEventListener("keydown", keys);
  const element = h(
    "div",
    { class: "stack" },
    h("div", { class: "row", role: "group", "aria-label": "tools" }, [...buttons.values()]),
    colours.element,
    h("div", { class: "row" }, h("div", { class: "grows" }, width), h("div", { class: "row" }, undo, redo, save)),
  );
  return { element, leave: () => document.removeEventListener("keydown", keys) };
}

async function saveSheet(sheet) {
  const blob = await new Promise((done) => sheet.canvas.toBlob(done, "image/png"));
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: "sheet.png" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// Thin lines where inputs are lines, broad ones where they are areas.
const firstWidth = (model) => (model.palette.length > 2 ? Math.max(2, Math.round(Math.min(model.width, model.height) / 20)) : 1);

function key(event, { sheet, use, widen, pick }) {
  if (event.target.closest?.("input, select, textarea, dialog")) return;
  const name = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (name === "z" && !event.shiftKey) sheet.undo();
    else if (name === "y" || name === "z") sheet.redo();
    else return;
    event.preventDefault();
    return;
  }
  if (event.altKey) return;
  const tool = TOOLS.find((each) => each[2] === name);
  if (tool) use(tool[0]);
  else if (name === "[") widen(-1);
  else if (name === "]") widen(1);
  else if (name >= "1" && name <= "9") pick(Number(name) - 1);
}
