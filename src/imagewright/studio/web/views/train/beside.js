// Several runs beside each other: their samples at equal images seen, and their curves in one plot.
import { h, whole } from "/web/dom.js";
import { live } from "/web/live.js";
import { titleOf } from "/web/parts/form.js";
import { slider } from "/web/parts/slider.js";
import { tellError } from "/web/parts/toast.js";
import { isWide } from "/web/views/train/curves.js";
import { samplesOverTime } from "/web/views/train/samples.js";
import { joined } from "/web/parts/curve.js";

const MOST = 4;

export default function show(root, asked) {
  const ids = asked.runs.split(",").filter(Boolean).slice(0, MOST);
  const found = new Map(); // by id: the run
  const columns = ids.map((id) => ({ id, samples: samplesOverTime(id, "Run", false), state: h("p", { class: "small faint" }) }));
  const grid = h("div", { class: "beside" }, columns.map(({ samples, state }) => h("div", { class: "stack" }, samples.element, state)));
  const curves = h("div", { class: "curve-grid" });
  let chosen = null; // images seen; null: the latest of all
  const time = slider({ label: "Images seen", low: 0, high: 1, step: 1, value: 1 }, (value) => {
    chosen = value;
    for (const { samples } of columns) if (samples.points.length) samples.at(value);
  });
  root.append(h("p", { class: "small" }, h("a", { href: "#/train" }, "All trainings")), h("h1", {}, "Runs beside each other"), h("p", { class: "lead" }, "Samples at equal images seen, and curves in one plot."), time, grid, curves);
  const ends = columns.map(({ id, samples, state }) =>
    live.follow("train/run", { run: id }, (run) => {
      found.set(id, run);
      samples.element.querySelector("h2").textContent = run.name;
      samples.show(run.samples);
      state.textContent = run.model ? `${run.model}, ${whole(run.images_seen)} images, ${run.state}` : run.state;
      const most = Math.max(1, ...[...found.values()].flatMap((each) => each.samples));
      time.set({ label: "Images seen", low: 0, high: most, step: 1, value: chosen ?? most });
      if (chosen !== null) samples.at(chosen);
      overlay(curves, ids.map((each) => found.get(each)).filter(Boolean));
      root.dataset.runs = found.size;
    }, tellError),
  );
  return () => {
    for (const end of ends) end();
    for (const { samples } of columns) samples.end();
  };
}

// A plot for each term: first of those that several runs have, the others in a fold.
function overlay(element, runs) {
  element.shown ??= new Map();
  element.alone ??= h("div", { class: "curve-grid" });
  for (const { group, name } of termsOf(runs)) {
    const series = {};
    for (const run of runs) {
      const points = run.curves[group]?.[name];
      if (points?.length) series[run.name in series ? `${run.name} ` : run.name] = points;
    }
    const [count, key] = [Object.keys(series).length, `${group} ${name}`];
    if (!count) continue;
    if (!element.shown.has(key)) {
      const curve = h("value-curve", { role: "img", "aria-label": `${name} of each run over images seen` });
      element.shown.set(key, { curve, panel: h("section", { class: "panel" }, h("h3", {}, titleOf(name.replace("/", ": "))), curve) });
    }
    const { curve, panel } = element.shown.get(key);
    const place = count > 1 ? element : element.alone;
    if (panel.parentElement !== place) place.append(panel);
    const { x, curves } = joined(series);
    curve.set(x, curves, { log: isWide(series) });
  }
  if (element.alone.childElementCount && !element.fold) {
    element.fold = h("details", { class: "fold" }, h("summary", {}, "Curves that only one of them has"), element.alone);
    element.after(element.fold);
  }
  if (element.fold) element.fold.hidden = !element.alone.childElementCount;
}

const termsOf = (runs) =>
  ["losses", "judged", "derived"].flatMap((group) => [...new Set(runs.flatMap((run) => Object.keys(run.curves[group] ?? {})))].map((name) => ({ group, name })));
