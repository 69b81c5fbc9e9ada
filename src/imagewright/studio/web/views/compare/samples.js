// Samples at equal seeds: a row for each run, sample k of the seed in column k.
import { clear, counted, h, newId } from "/web/dom.js";
import { Channel } from "/web/live.js";
import { sendActions } from "/web/parts/sending.js";
import "/web/parts/picture.js";

// A row of pictures that answers a wish. `ask(asked)` shows what comes; the row says what went wrong.
export function pictureRow(wish, title, note = "") {
  const pictures = h("div", { class: "pictures" });
  const said = h("p", { class: "small faint" }, note);
  const element = h("div", { class: "compared-row" }, h("div", { class: "about" }, h("h3", {}, title), said), pictures);
  const views = [];
  const channel = new Channel(
    wish,
    (found) => {
      element.dataset.state = "shown";
      if (!Array.isArray(found)) {
        clear(pictures, h("p", { class: "small faint" }, found.cannot));
        views.length = 0;
        return;
      }
      if (!views.length) clear(pictures);
      found.forEach((picture, place) => {
        if (!views[place]) {
          const view = h("picture-view", { label: `${title}, ${picture.about.title}` });
          view.actions = sendActions();
          views[place] = { view, figure: h("figure", {}, view, h("figcaption", { class: "small faint" })) };
          pictures.append(views[place].figure);
        }
        views[place].view.show(picture);
        views[place].figure.lastChild.textContent = picture.about.title;
      });
      for (const { figure } of views.splice(found.length)) figure.remove();
    },
    (error) => {
      element.dataset.state = "failed";
      views.length = 0;
      clear(pictures, h("p", { class: "small bad" }, error.message));
    },
  );
  return {
    element,
    say: (text) => (said.textContent = text),
    refuse: (text) => (channel.clear(), (views.length = 0), clear(pictures, h("p", { class: "small faint" }, text))),
    ask: (asked) => {
      if (!views.length) clear(pictures, h("p", { class: "small faint" }, "…"));
      channel.ask(asked);
    },
  };
}

export function showSamples(state) {
  const rows = new Map(); // by run
  const list = h("div", { class: "compared" });
  const select = h("select", { id: newId("class") });
  const classes = h("span", { class: "field inline", hidden: true }, h("label", { for: select.id, class: "small faint" }, "Class"), select);
  const element = h("section", { "aria-label": "Samples" }, h("div", { class: "row spread" }, h("h2", {}, "Samples of equal seeds"), classes), list);
  let known = new Map(); // abilities by run

  const ask = (run) => {
    const [row, can] = [rows.get(run.id), known.get(run.id)];
    if (!row || !can) return;
    const label = select.value;
    row.say(can.classes.length ? `${run.model}, ${counted(can.classes.length, "class", "classes")}` : run.model);
    if (!can.samples) row.refuse("This model does not sample: it is compared by a photo, below.");
    else if (label && can.classes.length && !can.classes.includes(label)) row.refuse(`It was trained without the class ${label}.`);
    else row.ask({ run: run.id, seed: state.seed, count: state.count, label: label && can.classes.includes(label) ? label : null });
  };
  const showClasses = () => {
    const names = [...new Set(state.runs().flatMap((run) => known.get(run.id)?.classes ?? []))];
    const before = select.value;
    classes.hidden = !names.length;
    clear(select, h("option", { value: "" }, "any class"), names.map((name) => h("option", { value: name }, name)));
    select.value = names.includes(before) ? before : "";
  };
  const sampled = () => state.runs().forEach(ask);
  select.addEventListener("change", sampled);

  const update = () => {
    const runs = state.runs();
    for (const run of runs) {
      if (rows.has(run.id)) continue;
      rows.set(run.id, pictureRow("compare/samples", run.name, run.model));
      rows.get(run.id).refuse("Loads the model …");
      state
        .abilities(run)
        .then((can) => {
          known.set(run.id, can);
          showClasses();
          ask(run);
        })
        .catch((error) => rows.get(run.id)?.refuse(error.message));
    }
    for (const id of [...rows.keys()]) if (!runs.some((run) => run.id === id)) rows.delete(id);
    clear(list, runs.length ? runs.map((run) => rows.get(run.id).element) : h("p", { class: "faint" }, "Choose runs above."));
    showClasses();
  };
  return { element, update, sampled };
}
