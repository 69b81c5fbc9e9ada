// One run through time: the same seeds at each of its checkpoints.
import { clear, counted, h, newId, whole } from "/web/dom.js";
import { pictureRow } from "/web/views/compare/samples.js";

const MOST = 8; // checkpoints that are shown, spread evenly

export function showTime(state) {
  const select = h("select", { id: newId("run") });
  const list = h("div", { class: "compared" });
  const start = h("button", {}, "Show its checkpoints");
  const controls = h("div", { class: "row" }, h("label", { for: select.id, class: "small faint" }, "Run"), select, start);
  const element = h("section", { "aria-label": "Through time" }, h("h2", {}, "Through time"), controls, list);
  let [rows, run] = [[], null];

  const ask = () => rows.forEach(({ row, seen }) => row.ask({ run: run.id, seed: state.seed, count: state.count, images_seen: seen }));
  const reset = () => {
    rows = [];
    run = state.runs().find((each) => each.id === select.value) ?? null;
    start.hidden = !run;
    clear(list, h("p", { class: "faint small" }, run ? `${counted(run.checkpoints.length, "checkpoint")} of this run ${run.checkpoints.length === 1 ? "is" : "are"} kept. Each is loaded when it is shown.` : "Choose runs above."));
  };
  start.addEventListener("click", () => {
    const all = run.checkpoints;
    const last = Math.min(MOST, all.length) - 1;
    const chosen = last < 1 ? all.slice(-1) : Array.from({ length: last + 1 }, (_, place) => all[Math.round((place * (all.length - 1)) / last)]);
    start.hidden = true;
    rows = chosen.map((seen) => ({ seen, row: pictureRow("compare/samples", whole(seen), "images seen") }));
    clear(list, rows.map(({ row }) => row.element));
    state.abilities(run).then((can) => (can.samples ? ask() : rows.forEach(({ row }) => row.refuse("This model does not sample."))), ({ message }) => rows.forEach(({ row }) => row.refuse(message)));
  });
  select.addEventListener("change", reset);
  const update = () => {
    const before = select.value;
    const runs = state.runs();
    clear(select, runs.map((each) => h("option", { value: each.id }, each.name)));
    if (runs.some((each) => each.id === before)) select.value = before;
    if (!run || select.value !== run.id) reset();
  };
  return { element, update, sampled: () => rows.length && ask() };
}
