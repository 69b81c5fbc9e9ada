// The models as cards: what each is, what it can do, its paper; with a search and a choice of the family.
import { clear, h } from "/web/dom.js";
import { titleOf } from "/web/parts/form.js";

export const NEEDS = {
  pictures: "any pictures",
  classes: "pictures with classes",
  pairs: "pairs of pictures",
  "two sets": "two sets of pictures",
  people: "faces of two people",
};

// Whether a source alone can be learned by a model; a sentence if it cannot.
function whyNot(model, source) {
  if (!source) return "";
  if (model.needs === "people" && source.kind !== "faces") return "It needs faces of two people, extracted from footage.";
  if (model.needs === "classes" && source.kind === "pictures" && source.classes < 2) return "It needs classes: sub-folders of pictures.";
  return "";
}

function card(model, source, choose) {
  const reason = whyNot(model, source);
  return h(
    "article",
    { class: "panel stack model-card", dataset: { model: model.name } },
    h("h3", {}, model.name),
    h("p", { class: "small" }, model.summary),
    h("p", { class: "small faint" }, model.paper),
    h("p", { class: "small faint" }, `Can ${model.verbs.join(", ")}.`),
    h("p", {}, h("span", { class: "tag" }, `needs ${NEEDS[model.needs] ?? model.needs}`)),
    reason ? h("p", { class: "small warn" }, reason) : [],
    h("div", { class: "row end" }, h("button", { onclick: () => choose(model), "aria-label": `Train ${model.name}` }, "Choose")),
  );
}

const WIDE = "(min-width: 821px)"; // where there is room for all cards at once

// The cards of a family under its name: open where there is room, or if few are left by a search.
function section(name, models, source, choose, isOpen) {
  const able = models.filter((model) => !whyNot(model, source));
  const cards = [...able, ...models.filter((model) => !able.includes(model))].map((model) => card(model, source, choose));
  return h("details", { class: "family", open: isOpen, dataset: { family: name } }, h("summary", {}, `${titleOf(name)} (${models.length})`), h("div", { class: "grid" }, cards));
}

// models: of library/models. choose(model): when one is chosen. source: that is learned from, if it is known already.
export function modelCards(models, choose, source = null) {
  const search = h("input", { type: "search", placeholder: "Search models", "aria-label": "Search models" });
  const families = [...new Set(models.map((model) => model.family))];
  const family = h("select", { "aria-label": "Family" }, h("option", { value: "" }, "all families"), families.map((each) => h("option", { value: each }, titleOf(each))));
  const sections = h("div", { class: "stack" });
  const show = () => {
    const text = search.value.trim().toLowerCase();
    const fits = (model) => (!family.value || model.family === family.value) && `${model.name} ${model.summary} ${model.paper} ${model.verbs.join(" ")} ${NEEDS[model.needs]}`.toLowerCase().includes(text);
    const found = models.filter(fits);
    const isOpen = Boolean(text || family.value) || matchMedia(WIDE).matches;
    const of = (name) => found.filter((model) => model.family === name);
    clear(sections, families.filter((name) => of(name).length).map((name) => section(name, of(name), source, choose, isOpen)));
    if (!found.length) sections.append(h("p", { class: "faint" }, "No model is like this. Search for what it should do, such as sample or translate."));
    sections.dataset.shown = found.length;
  };
  for (const each of [search, family]) each.addEventListener("input", show);
  show();
  return h("div", { class: "stack" }, h("div", { class: "row" }, search, family), sections);
}
