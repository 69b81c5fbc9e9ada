// What the model makes of the sheet: the newest answer, alone or with the sheet before it under a wipe.
import { clear, h } from "/web/dom.js";
import { live, Newest } from "/web/live.js";
import { drawOn, openLarge, savePicture } from "/web/parts/picture.js";
import { fileOf } from "/web/api.js";
import { sendActions } from "/web/parts/sending.js";
import "/web/parts/wipe.js";

const SLOW = 600; // milliseconds, after which it is said that the model works

// shape: [width, height] before there is an answer.
// asked(): what is asked of the model, or null if there is nothing to ask yet, with a sentence in `missing()`.
// Returns { element, ask }. again(picture) puts an answer on the sheet.
export function answerOf(sheet, { shape, asked, missing, again }) {
  const view = h("picture-view", { label: "translation" });
  const wipe = h("before-after", { hidden: true });
  const before = h("canvas", { "aria-label": "the sheet", role: "img" });
  const after = h("canvas", { "aria-label": "the translation", role: "img" });
  wipe.set(before, after, ["the sheet", "the translation"]);
  const said = h("p", { class: "small faint said", role: "status" }, "The model works …");
  const buttons = h("div", { class: "row", hidden: true });
  const place = h("div", { class: "place" }, view, wipe);
  place.style.setProperty("--shape", shape.join(" / "));
  let shown = null;

  const show = (picture) => {
    shown = picture;
    view.show(picture);
    drawOn(after, picture);
    Object.assign(before, { width: sheet.canvas.width, height: sheet.canvas.height });
    before.getContext("2d").drawImage(sheet.canvas, 0, 0);
    buttons.hidden = false;
    const { seconds, notes } = picture.about;
    said.className = "small faint said";
    said.textContent = [...notes, `Answered in ${seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`}.`].join(" ");
    place.dataset.answers = Number(place.dataset.answers ?? 0) + 1;
    delete place.dataset.stale;
  };
  const failed = (error) => {
    said.className = "small bad said";
    said.textContent = error.message;
    place.dataset.stale = "";
  };
  const asking = new Newest(async () => {
    const hint = missing();
    if (hint) {
      said.className = "small said";
      said.textContent = hint;
      place.dataset.stale = "";
      return;
    }
    const waiting = setTimeout(() => tellWork(said), SLOW);
    try {
      show((await live.wish("draw/translate", await asked()))[0]);
    } finally {
      clearTimeout(waiting);
    }
  }, () => {}, failed);
  const ask = () => asking.ask();

  const alone = h("button", { "aria-pressed": "true", onclick: () => choose(false) }, "Answer");
  const both = h("button", { "aria-pressed": "false", onclick: () => choose(true) }, "Before and after");
  const choose = (isWipe) => {
    [view.hidden, wipe.hidden] = [isWipe, !isWipe];
    alone.setAttribute("aria-pressed", !isWipe);
    both.setAttribute("aria-pressed", isWipe);
  };
  clear(
    buttons,
    h("button", { onclick: () => savePicture(shown) }, "Save"),
    h("button", { onclick: () => openLarge(fileOf(shown.ticket), shown.name, shown, sendActions("draw")) }, "Open large"),
    h("button", { onclick: () => again(shown), title: "Translate the answer once more" }, "Put on the sheet"),
    sendActions("draw").map(({ label, act }) => h("button", { onclick: () => act(shown) }, label)),
  );
  const views = h("div", { class: "row", role: "group", "aria-label": "view" }, alone, both);
  return { element: h("section", { class: "answer stack", "aria-label": "answer" }, place, h("div", { class: "row spread" }, views, buttons), said), ask };
}

function tellWork(said) {
  said.className = "small faint said";
  said.textContent = "The model works …";
}
