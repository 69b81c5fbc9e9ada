// A swap tried on a still, then footage converted with the same settings, and the results.
import { h } from "/web/dom.js";
import { act, read } from "/web/api.js";
import { choosePicture, chooseRun, chooseSource } from "/web/parts/choose.js";
import { showJob } from "/web/parts/jobs.js";
import { slider } from "/web/parts/slider.js";
import { told } from "/web/parts/toast.js";
import { list, personChoice } from "/web/views/swap/person.js";
import { showResults } from "/web/views/swap/results.js";
import { showStill } from "/web/views/swap/still.js";
import { addressOf } from "/web/views/swap/swap.js";

const WHOM = { known: "the person it was trained to replace", all: "every face", picked: "a person of a face set" };
const COLOURS = ["reinhard", "linear", "mkl", "histogram", "none"];
const MASKS = { product: "learned, inside the outline", learned: "as the model learned it", hull: "the outline of the face" };

export async function showConvert(root, asked) {
  const { models } = await read("swap/models");
  const names = models.map((each) => each.name);
  const state = { run: null, source: null, ticket: null, share: 0.5 };
  const still = showStill();
  const settings = { to: "source", strength: 1, whom: "known", colour: "reinhard", mask: "product", blur: 0.06 };
  const person = personChoice(() => update());
  const values = () => ({ run: state.run?.id, ...settings, ...(settings.whom === "picked" ? { person: person.value } : {}) });
  const update = () => {
    if (!state.run || !(state.ticket || state.source)) return;
    if (settings.whom === "picked" && !person.value) return;
    still.ask({ ...values(), ...(state.ticket ? { ticket: state.ticket } : { source: state.source.id, share: state.share }) });
  };
  const place = slider({ label: "Place in the footage", low: 0, high: 1, step: 0.01, value: state.share }, (value) => ((state.share = value), update()));
  const footage = await chooseSource({
    label: "Footage",
    none: "none",
    value: asked.footage,
    fits: (each) => each.kind !== "builtin" && each.kind !== "faces",
    chosen: (each) => {
      [state.source, state.ticket] = [each, each ? null : state.ticket];
      place.hidden = !each;
      update();
    },
  });
  const photo = h("button", {}, "A photo instead");
  photo.addEventListener(
    "click",
    told(async () => {
      const found = await choosePicture("Choose a photo to try the swap on");
      if (!found) return;
      state.ticket = found.ticket;
      place.hidden = true;
      update();
    }),
  );
  const run = await chooseRun({ label: "Trained swap", value: asked.run, fits: (each) => names.includes(each.model), chosen: (each) => ((state.run = each), update()) });
  if (!state.run) {
    root.append(h("p", {}, "No swap is trained in this folder yet. ", h("a", { href: addressOf("faces", asked) }, "Choose the faces of two people"), " and train one."));
    return;
  }
  const results = showResults();
  const controls = h(
    "div",
    { class: "stack controls" },
    run.element,
    footage.element,
    h("div", { class: "row" }, photo),
    place,
    slider({ label: "Strength", value: 1, hint: "how much of the identity is changed" }, (value) => ((settings.strength = value), update())),
    list("Who is put in", { source: "the person put in by the training", target: "the other one" }, (value) => ((settings.to = value), update())),
    list("Whose face is replaced", WHOM, (value) => {
      settings.whom = value;
      person.element.hidden = value !== "picked";
      update();
    }),
    person.element,
    h(
      "details",
      {},
      h("summary", { class: "small" }, "Colour and edge"),
      list("Colours are matched by", Object.fromEntries(COLOURS.map((name) => [name, name])), (value) => ((settings.colour = value), update())),
      list("What is replaced", MASKS, (value) => ((settings.mask = value), update())),
      slider({ label: "Soft edge", low: 0, high: 0.5, value: settings.blur }, (value) => ((settings.blur = value), update())),
    ),
    convertForm(state, values, results),
  );
  root.append(h("div", { class: "columns" }, still.element, controls), results.element);
  await results.update();
}

function convertForm(state, values, results) {
  const mark = h("input", { type: "checkbox" });
  const bar = h("job-bar", { hidden: true });
  const start = h("button", { class: "main" }, "Convert the footage");
  start.addEventListener(
    "click",
    told(async () => {
      if (!state.source) throw new Error("Choose footage: a video, or pictures. A single photo is saved by the button below it.");
      start.disabled = true;
      try {
        const ended = await showJob(await act("swap/convert", { ...values(), source: state.source.id, mark: mark.checked }), bar);
        if (ended.state === "done") await results.update(ended.id);
      } finally {
        start.disabled = false;
      }
    }),
  );
  return h("div", { class: "stack" }, h("label", { class: "small" }, mark, " Write “AI-generated face” in a corner"), h("div", { class: "row" }, start), bar);
}
