// The models to begin with for a source: three at most, each with the reason why.
import { clear, counted, h } from "/web/dom.js";
import { read } from "/web/api.js";

const KINDS = { pictures: "", classes: " with classes", pairs: " in pairs", "two sets": " in two sets", people: " of faces" };

// models: of library/models. choose(model, source, options): when one is chosen; options that suit the source. Returns { element, show(source) }.
export function whereToBegin(models, choose) {
  const element = h("div", { class: "stack begin", hidden: true });
  let latest = null;
  const card = ({ name, reason, options }, place, source) => {
    const model = models.find((each) => each.name === name);
    return h(
      "article",
      { class: "panel stack model-card", dataset: { begin: name } },
      h("h3", {}, name),
      h("p", { class: "small" }, reason),
      h("div", { class: "row end" }, h("button", { class: place ? "" : "main", onclick: () => choose(model, source, options), "aria-label": `Begin with ${name}` }, "Choose")),
    );
  };
  const show = async (source) => {
    latest = source;
    if (!source) return void (element.hidden = true);
    let found;
    try {
      found = await read("home/where_to_begin", { source: source.id });
    } catch (error) {
      found = { models: [], said: error.message };
    }
    if (latest !== source) return; // another one was chosen meanwhile
    const said = found.models.length ? `For ${counted(found.images, "picture")}${KINDS[found.needs]}.` : (found.said ?? "Faces are found in a video on the page Swap.");
    clear(element, h("p", { class: "small faint" }, said), h("div", { class: "grid" }, found.models.map((each, place) => card(each, place, source))));
    element.hidden = false;
    element.dataset.source = source.id;
  };
  return { element, show };
}
