// One still before and after, with a wipe: a photo, or a frame of footage. It follows every control at once.
import { clear, counted, h } from "/web/dom.js";
import { fileOf } from "/web/api.js";
import { Channel } from "/web/live.js";
import { drawOn, openLarge, savePicture } from "/web/parts/picture.js";
import "/web/parts/wipe.js";

// Returns { element, ask(asked) }.
export function showStill() {
  const [before, after] = [h("canvas"), h("canvas")];
  const wipe = h("before-after").set(before, after, ["as it was", "swapped"]);
  const said = h("p", { class: "small faint", role: "status" });
  const notes = h("div", { class: "small" });
  let shown = null;
  const save = h("button", { onclick: () => savePicture(shown) }, "Save this picture");
  const large = h("button", { onclick: () => openLarge(fileOf(shown.ticket), shown.name, shown) }, "Open large");
  const frame = h("div", { class: "stack", hidden: true }, wipe, h("div", { class: "row spread" }, said, h("span", { class: "row" }, large, save)));
  const empty = h("p", { class: "faint" }, "Choose footage or a photo: it is shown here before and after.");
  const element = h("div", { class: "still" }, empty, frame, notes);
  const channel = new Channel(
    "swap/try",
    ([old, made]) => {
      empty.hidden = true;
      frame.hidden = false;
      drawOn(before, old);
      drawOn(after, made);
      shown = made;
      element.dataset.shown = Number(element.dataset.shown ?? 0) + 1;
      const { faces, others } = made.about;
      save.disabled = !faces;
      said.textContent = faces ? `${counted(faces, "face")} swapped${others ? `, ${counted(others, "other")} left as they are` : ""}` : "No face is swapped here.";
      clear(notes, made.about.notes.map((note) => h("p", { class: faces ? "faint" : "warn" }, note)));
    },
    (error) => {
      empty.hidden = false;
      frame.hidden = true;
      empty.textContent = error.message;
      clear(notes);
    },
  );
  const ask = (asked) => {
    if (frame.hidden) empty.textContent = "Looks for the face …";
    channel.ask(asked);
  };
  return { element, ask };
}
