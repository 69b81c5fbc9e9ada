// Draw: a sheet on the left, what a model that translates makes of it on the right.
import { clear, h, query } from "/web/dom.js";
import { fileOf, read } from "/web/api.js";
import { live } from "/web/live.js";
import { chooseRun } from "/web/parts/choose.js";
import { loadStyle } from "/web/parts/style.js";
import { tellError } from "/web/parts/toast.js";
import { answerOf } from "/web/views/draw/answer.js";
import { controlsOf } from "/web/views/draw/controls.js";
import { fullSize } from "/web/views/draw/full_size.js";
import { keeps, kept } from "/web/views/draw/keeping.js";
import { addressOf, contentOf } from "/web/views/draw/pixels.js";
import { startsOf } from "/web/views/draw/starts.js";
import { toolsOf } from "/web/views/draw/tools.js";
import "/web/views/draw/sheet.js";

const LATEST = "draw-run"; // the run that was chosen last, for as long as the tab is open

export default async function show(root, asked) {
  await loadStyle("/web/views/draw/draw.css");
  const { runs } = await read("draw/runs");
  const body = h("div", { class: "stack wide" });
  let photo = asked.photo ? await photoOf(asked.photo) : null;
  let leave = () => {};
  let current = null;
  const chosen = async (run) => {
    if (!run) return clear(body, nothing());
    if (run.id === current) return;
    current = run.id;
    leave();
    leave = () => {};
    sessionStorage.setItem(LATEST, run.id);
    clear(body, h("p", { class: "faint", role: "status" }, `${run.name} is opened …`));
    try {
      const model = await read("draw/model", { run: run.id });
      if (current !== run.id || !root.isConnected) return;
      const end = await open(body, run, model, photo);
      if (current !== run.id || !root.isConnected) return end(); // another run or page was opened meanwhile
      leave = end;
      photo = null;
    } catch (error) {
      if (current === run.id) clear(body, h("p", { class: "bad", role: "alert" }, error.message));
    }
  };
  // Not waited for: a model may take seconds to open, and the page is there before.
  const runList = await chooseRun({ fits: (run) => run.id in runs, chosen: (run) => void chosen(run), value: asked.run ?? wantedRun(runs, photo) });
  root.append(h("div", { class: "row spread" }, h("h1", {}, "Draw"), runList.element), body);
  return () => {
    current = null;
    leave();
  };
}

// A photo that was sent here goes to a run that takes photos, and a drawing to one that learned from pairs, if there is one.
function wantedRun(runs, photo) {
  const latest = sessionStorage.getItem(LATEST);
  const fitting = Object.keys(runs).filter((id) => runs[id].paired === !photo);
  if (latest in runs && (!photo || fitting.includes(latest))) return latest;
  return fitting[0] ?? latest;
}

async function photoOf(ticket) {
  try {
    const response = await fetch(fileOf(ticket));
    if (!response.ok) throw new Error("The studio has let go of the picture that was sent here: make it or drop it once more.");
    const bitmap = await createImageBitmap(await response.blob());
    return { ticket, name: "picture", width: bitmap.width, height: bitmap.height };
  } catch (error) {
    tellError(error);
    return null;
  }
}

const nothing = () =>
  h(
    "div",
    { class: "panel stack" },
    h("p", {}, "No run of this folder translates pictures yet."),
    h("p", { class: "faint" }, "Train pix2pix on pairs, such as edges and their photos, and it answers while you draw. Train CycleGAN on two folders, and it turns a photo of one into a picture of the other."),
    h("div", { class: "row" }, h("a", { class: "button main", href: `#/train?${query({ model: "pix2pix" })}` }, "Train one")),
  );

async function open(body, run, model, photo) {
  const sheet = h("drawing-sheet", { "aria-label": "sheet" });
  sheet.connectedCallback();
  let name = "drawing";
  let isOpen = true;
  const note = h("p", { class: "small faint said", role: "status" });
  const sheetText = async () => ({ sheet: contentOf(await addressOf(sheet.canvas)), name });
  const controls = controlsOf(model, run.id, { changed: () => answer.ask(), sheetText });
  const answer = answerOf(sheet, {
    shape: [model.width, model.height],
    asked: async () => ({ run: run.id, ...(await sheetText()), ...controls.wanted(), kept: [...starts.tickets(), ...controls.tickets()] }),
    missing: controls.missing,
    again: (picture) => starts.usePhoto({ ...picture, name }),
  });
  const whole = fullSize(async () => ({ run: run.id, ...controls.wanted() }));
  sheet.addEventListener("drawn", () => whole.set(null));
  const failed = (error) => {
    note.className = "small bad said";
    note.textContent = error.message;
  };
  const starts = startsOf(sheet, model, run.id, {
    began: (found) => {
      name = found.name;
      note.className = "small faint said";
      note.textContent = found.said;
      whole.set(found.photo && !model.labelled && isLarger(found.photo, sheet.size) ? found.photo : null);
      keep();
    },
    failed,
  });
  const tools = toolsOf(sheet, model, run.id);
  const before = await kept(run.id);
  const keep = keeps(sheet, run.id, () => name);
  sheet.addEventListener("input", () => isOpen && answer.ask());
  live.addEventListener("up", answer.ask); // after the studio was away
  sheet.addEventListener("told", ({ detail }) => (note.textContent = detail));
  clear(
    body,
    h("p", { class: "lead" }, leadOf(model)),
    starts.element,
    h(
      "div",
      { class: "desk" },
      h("div", { class: "side" }, h("div", { class: "stack at-sheet" }, sheet, note), h("section", { class: "panel at-tools", "aria-label": "tools" }, tools.element, help())),
      h("div", { class: "side" }, h("div", { class: "stack at-answer" }, answer.element, h("div", { class: "row" }, whole.element)), controls.element ? h("section", { class: "panel at-controls", "aria-label": "controls" }, controls.element) : null),
    ),
  );
  await begin({ sheet, model, starts, photo, before, named: (found) => (name = found) }).catch(failed);
  return () => {
    isOpen = false;
    live.removeEventListener("up", answer.ask);
    tools.leave();
    starts.leave();
  };
}

// What is on the sheet at first: a photo that was sent, what was drawn before, an example, or nothing.
async function begin({ sheet, model, starts, photo, before, named }) {
  if (photo) {
    await starts.usePhoto(photo);
  } else if (before) {
    named(before.name);
    sheet.put(before.image, { keep: false });
  } else if (model.examples.length) {
    await starts.useExample(0);
  } else starts.blank();
}

const isLarger = (photo, [width, height]) => photo.width * photo.height > 1.2 * width * height;

function leadOf(model) {
  if (model.labelled) return `Paint a label map of ${model.classes} classes. The model answers while you paint.`;
  if (model.paired) return "Draw what the inputs of its training look like. The model answers while you draw.";
  return "Drop a photo on the sheet, paint over it if you like, and see what the model makes of it.";
}

const help = () =>
  h(
    "details",
    { class: "small" },
    h("summary", {}, "Keys"),
    h("p", { class: "faint" }, "On the sheet, arrow keys move a cursor, Shift moves it further. Space puts the pen down and lifts it; with Line and Box, Space sets the two ends, and Escape takes them back."),
    h("p", { class: "faint" }, "P pen, L line, B box, F fill, E eraser, K pick a colour, [ and ] width, 1 to 9 colours, Ctrl Z undo, Ctrl Shift Z redo. Pictures can be pasted."),
  );
