// A new training: pictures, a model, its options, what it will take, start.
import { clear, h } from "/web/dom.js";
import { act, pictureOf, read } from "/web/api.js";
import { whereToBegin } from "/web/parts/begin.js";
import { chooseSource } from "/web/parts/choose.js";
import { buildForm } from "/web/parts/form.js";
import { modelCards, NEEDS } from "/web/parts/models.js";
import { told } from "/web/parts/toast.js";
import { draftOf, keepDraft } from "/web/views/train/drafts.js";
import { planPanel } from "/web/views/train/plan.js";
import { consentFields } from "/web/views/train/consents.js";
import { runList } from "/web/views/train/list.js";

const TITLES = { pictures: "How pictures are read", training: "The training" };
const SHOWN = 6; // pictures of a source

export default async function show(root, asked) {
  const [{ models }, { runs }, { sources }] = await Promise.all([read("library/models"), read("library/runs"), read("library/sources")]);
  const filled = asked.again ? await read("train/again", { run: asked.again, finding: asked.finding, at: asked.at }) : asked.draft ? draftOf(asked.draft) : null;
  const place = { models, runs, sources, filled, source: asked.source ?? null, options: optionsOf(asked.options) };
  const setup = h("section", { class: "stack" });
  root.append(h("h1", {}, "New training"), h("p", { class: "lead" }, "Choose pictures and a model. What a training needs is measured and said before it starts."), runList(runs, !Object.keys(asked).length), setup);
  const wanted = filled?.model ?? asked.model;
  await chooseModel(setup, place, models.find((model) => model.name === wanted) ?? null);
}

// The options in a link, by name; none if it was mistyped.
function optionsOf(text) {
  try {
    return Object(JSON.parse(text ?? "{}"));
  } catch {
    return {};
  }
}

// The strip of some pictures of a source.
function strip(source) {
  const count = Math.min(SHOWN, source.pictures ?? SHOWN);
  return [...Array(count).keys()].map((place) => {
    const image = h("img", { alt: "", loading: "lazy", src: pictureOf("library/source_picture", { source: source.id, share: place / count, side: 128 }) });
    image.addEventListener("error", () => image.remove());
    return image;
  });
}

// none: what stands there while nothing is chosen; null if the first source is. fits(source): whether it is offered.
async function sourceField({ slot, label, wanted, none = null, fits = () => true, changed = () => {} }) {
  const pictures = h("div", { class: "strip" });
  const chosen = (source) => {
    clear(pictures, source ? strip(source) : []);
    changed(source);
  };
  const field = await chooseSource({ label, value: wanted, none, fits, chosen });
  const element = h("div", { class: "stack" }, field.element, slot.description ? h("p", { class: "small faint" }, slot.description) : [], pictures);
  return { element, slot, read: () => field.value };
}

// What stands in an empty choice: of a source that may be left out, or one that was not found again.
function emptyOf(place, schema, slot) {
  if (slot.is_optional) return "none: the first holds both";
  if (place.filled && slot.name in place.filled.sources && !place.filled.sources[slot.name]) return "its pictures are not in this folder: choose others";
  return schema.needs === "people" && !place.sources.some(isFaces) ? "no faces yet: the page Swap finds them in footage" : null;
}

const isFaces = (source) => source.kind === "faces";

async function chooseModel(setup, place, model) {
  if (model) return showForm(setup, place, model);
  const [cards, begin] = [h("div"), whereToBegin(place.models, (chosen, _, options) => choose(chosen, options))];
  const choose = told((chosen, options = {}) => showForm(setup, { ...place, options }, chosen));
  const changed = (source) => {
    place.source = source?.id ?? null;
    begin.show(source);
    clear(cards, modelCards(place.models, choose, source));
  };
  const field = await sourceField({ slot: { name: "images" }, label: "Pictures", wanted: place.source, changed });
  clear(setup, h("h2", {}, "Pictures"), field.element, h("h2", {}, "Where to begin"), begin.element, h("h2", {}, "All models"), cards);
  setup.dataset.step = "model";
}

async function showForm(setup, place, model) {
  setup.dataset.step = "loading";
  clear(setup, h("p", { class: "faint" }, `Reads what ${model.name} asks for …`));
  const schema = await read("train/form", { model: model.name });
  const { filled } = place;
  const wanted = (slot, number) => filled?.sources?.[slot.name] ?? (number === 0 ? place.source : null);
  const labels = schema.slots.length === 1 ? ["Pictures"] : schema.slots.map((slot) => `Pictures: ${slot.name}`);
  const fields = [];
  for (const [number, slot] of schema.slots.entries()) {
    const settings = { slot, label: labels[number], wanted: wanted(slot, number), none: emptyOf(place, schema, slot) };
    fields.push(await sourceField(schema.needs === "people" ? { ...settings, fits: isFaces } : settings));
  }
  const consent = schema.needs_consent ? consentFields() : null;
  const form = buildForm({
    options: schema.is_fitted ? schema.options.filter((each) => each.of !== "training" || each.name === "seed" || each.name === "device") : schema.options,
    essential: schema.is_fitted ? ["size"] : schema.essential,
    titles: { ...TITLES, [model.name]: `Options of ${model.name}` },
    values: filled?.options ?? place.options,
    runs: place.runs.filter((run) => !run.damaged && run.checkpoints?.length).map((run) => [JSON.stringify({ run: run.id }), `${run.name} (${run.model})`]),
    sources: place.sources.map((source) => [JSON.stringify({ source: source.id }), source.name]),
    changed: () => plan.forget(),
  });
  const name = h("input", { type: "text", placeholder: "its model and its pictures", maxlength: "80", id: "run-name", value: filled?.name ?? "" });
  const asked = () => ({
    model: model.name,
    sources: Object.fromEntries(fields.map(({ slot, read: value }) => [slot.name, value()?.id ?? ""])),
    options: form.values,
    consent: consent?.value() ?? {},
    name: name.value.trim(),
  });
  const plan = planPanel(() => (form.isRight() ? asked() : null));
  const refused = h("p", { class: "bad small", role: "alert" });
  const start = h("button", { class: "main", onclick: () => begin(start, form, asked, refused) }, "Start training");
  const other = h("button", { class: "plain", onclick: told(() => chooseModel(setup, { ...place, filled: null, source: fields[0].read()?.id ?? null }, null)) }, "Another model");
  clear(
    setup,
    h("h2", {}, "Pictures"),
    h("div", { class: schema.slots.length > 1 ? "columns even" : "" }, fields.map((field) => field.element)),
    h("h2", {}, `Model: ${model.name}`),
    h("p", {}, `${schema.summary}. `, h("span", { class: "faint" }, `${schema.paper}. It learns from ${NEEDS[schema.needs]}.`)),
    h("p", {}, other),
    form.element,
    consent ? [h("h2", {}, "Consent"), consent.element] : [],
    h("div", { class: "start panel stack" }, h("div", { class: "field" }, h("label", { for: "run-name" }, "Name of the run"), name), h("div", { class: "row" }, start, plan.button), refused, plan.element),
  );
  setup.dataset.step = "form";
}

async function begin(button, form, asked, refused) {
  refused.textContent = "";
  if (!form.isRight()) return;
  button.disabled = true;
  try {
    const training = asked();
    const { run } = await act("train/start", training);
    keepDraft(run, training);
    location.hash = `#/train?run=${run}`;
  } catch (error) {
    refused.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}
