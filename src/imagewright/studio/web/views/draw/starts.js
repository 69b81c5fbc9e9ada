// What one begins with: a blank sheet, an example of the training, or a photo and what is made of it.
import { clear, h, newId } from "/web/dom.js";
import { pictureOf, upload } from "/web/api.js";
import { live, Newest } from "/web/live.js";
import { choosePicture } from "/web/parts/choose.js";
import { slider } from "/web/parts/slider.js";
import { told } from "/web/parts/toast.js";
import { imageOf } from "/web/views/draw/pixels.js";

// Returns { element, usePhoto(photo), useExample(place), blank(), tickets(), leave }. began({ name, photo, said }) is called with what is on
// the sheet, failed(error) if that did not work.
export function startsOf(sheet, model, run, { began, failed }) {
  const made = h("div", { class: "stack", hidden: true });
  let ended = false;

  const begin = async (asked, about) => {
    const found = await live.wish("draw/start", { run, ...asked });
    const image = await imageOf(found.ticket);
    if (ended) return;
    sheet.put(image, { keep: "shown" in sheet.dataset });
    began({ name: found.name, said: found.said, photo: null, ...about });
  };
  const blank = () => {
    made.hidden = true;
    sheet.clear(sheet.ground, [model.width, model.height]);
    began({ name: "drawing", said: "", photo: null });
  };
  const useExample = async (place) => {
    await begin({ example: place }, {});
    made.hidden = true;
  };
  let latest = null; // the photo whose options are shown
  const usePhoto = async (photo) => {
    latest = photo;
    const controls = madeControls(model, photo, () => ask());
    clear(made, controls.element);
    made.hidden = !controls.element;
    const asking = new Newest(() => begin({ photo: photo.ticket, ...controls.wanted() }, { photo: controls.wanted().made_by === "picture" ? photo : null }), () => {}, failed);
    const ask = () => asking.ask();
    ask();
  };
  const choose = told(async () => {
    const photo = await choosePicture(model.labelled ? "Choose a label map" : "Choose a photo");
    if (photo) await usePhoto(photo);
  });
  const leaveFiles = takeFiles(sheet, told(async (file) => usePhoto(await upload(file))));
  const examples = model.examples.map((name, place) =>
    h("button", { class: "example", title: name, "aria-label": `example ${place + 1}, ${name}`, onclick: told(() => useExample(place)) }, h("img", { src: pictureOf("draw/example", { run, index: place }), alt: "", loading: "lazy" })),
  );
  const element = h(
    "section",
    { class: "stack starts", "aria-label": "start from" },
    h(
      "div",
      { class: "row" },
      h("button", { class: "main", onclick: choose }, model.labelled ? "Choose a label map" : "Choose a photo"),
      h("button", { onclick: blank }, "Blank sheet"),
      examples.length ? h("span", { class: "small faint" }, "or an example:") : null,
      examples.length ? h("div", { class: "examples" }, examples) : null,
    ),
    made,
  );
  return { element, usePhoto, useExample, blank, tickets: () => (latest ? [latest.ticket] : []), leave: () => ((ended = true), leaveFiles()) };
}

// How a photo comes onto the sheet: which input is made of it, and whether it keeps its shape.
function madeControls(model, photo, changed) {
  const about = h("p", { class: "small faint" });
  const options = h("div", { class: "row wide" });
  const usual = model.makers.some((each) => each.name === model.made_by.input) ? model.made_by.input : "picture";
  const select = h("select", { id: newId("made-by") }, model.makers.map((each) => h("option", { value: each.name }, each.name === "picture" ? "the photo itself" : each.name)));
  select.value = usual;
  let values = {};
  const show = () => {
    const maker = model.makers.find((each) => each.name === select.value);
    values = {};
    about.textContent = maker?.about ?? "";
    clear(
      options,
      (maker?.options ?? []).map((each) => {
        const known = maker.name === usual && each.name in model.made_by ? model.made_by[each.name] : each.value;
        values[each.name] = known;
        const step = each.whole ? 1 : each.high > 5 ? 0.1 : 0.01;
        return h("div", { class: "grows" }, slider({ label: each.name, hint: each.about, low: each.low, high: Math.min(each.high, each.whole ? 32 : 10), step, value: known }, (value) => ((values[each.name] = value), changed())));
      }),
    );
  };
  select.addEventListener("change", () => (show(), changed()));
  show();
  const isOfOtherShape = Math.abs(photo.width / photo.height - model.width / model.height) > 0.01;
  const whole = h("input", { type: "checkbox", onchange: changed });
  const hasChoice = model.makers.length || isOfOtherShape;
  const element = hasChoice && h(
    "div",
    { class: "panel stack" },
    h("div", { class: "row" }, h("strong", {}, photo.name), model.makers.length ? [h("label", { for: select.id, class: "small faint" }, "becomes"), select] : null, isOfOtherShape ? h("label", { class: "small" }, whole, " keep its shape") : null),
    model.makers.length ? [about, options] : null,
  );
  return { element, wanted: () => ({ made_by: model.makers.length ? select.value : "picture", options: values, whole: whole.checked }) };
}

// Pictures that are dropped on the sheet or pasted anywhere.
function takeFiles(sheet, take) {
  const over = (event) => {
    event.preventDefault();
    sheet.dataset.over = "";
  };
  const out = () => delete sheet.dataset.over;
  const drop = (event) => {
    event.preventDefault();
    out();
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  };
  const paste = (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
    if (file && !event.target.closest?.("input, textarea")) take(file);
  };
  sheet.addEventListener("dragover", over);
  sheet.addEventListener("dragleave", out);
  sheet.addEventListener("drop", drop);
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}
