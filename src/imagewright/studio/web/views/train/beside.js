// Several runs beside each other: their samples at equal images seen, and their curves in one plot.
import { clear, h, whole } from "/web/dom.js";
import { live } from "/web/live.js";
import { slider } from "/web/parts/slider.js";
import { tellError } from "/web/parts/toast.js";
import { isWide, joined } from "/web/views/train/curves.js";
import { samplesOverTime } from "/web/views/train/samples.js";
import "/web/parts/curve.js";

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

// A plot for each term, of the runs that have it.
function overlay(element, runs) {
  element.shown ??= new Map();
  for (const group of ["losses", "judged", "derived"]) {
    const names = [...new Set(runs.flatMap((run) => Object.keys(run.curves[group] ?? {})))];
    for (const name of names) {
      const series = {};
      for (const run of runs) {
        const points = run.curves[group]?.[name];
        if (points?.length) series[run.name in series ? `${run.name} ` : run.name] = points;
      }
      if (!Object.keys(series).length) continue;
      const key = `${group} ${name}`;
      if (!element.shown.has(key)) {
        const curve = h("value-curve", { role: "img", "aria-label": `${name} of each run over images seen` });
        element.append(h("section", { class: "panel" }, h("h3", {}, name.replace("/", ": ")), curve));
        element.shown.set(key, curve);
      }
      const { x, curves } = joined(series);
      element.shown.get(key).set(x, curves, { log: isWide(series) });
    }
  }
  if (!element.childElementCount) clear(element, h("p", { class: "faint" }, "No curves yet: they come with the first reports."));
}
