// The curves of one run: a panel for each phase, with terms of like sizes, as its report shows them.
import { h } from "/web/dom.js";
import { titleOf } from "/web/parts/form.js";
import "/web/parts/curve.js";

const LOG_RATIO = 50; // a positive quantity whose largest value is more than this times its smallest gets a log scale
const TITLES = { losses: "Losses", judged: "Discriminator: how well it tells", derived: "Derived from the losses", settings: "Speed and learning rates" };
const NOTES = { judged: "The chance that the first gets a higher logit than the second. At 0.5 it cannot tell them apart; real far over held out means that it has learned its pictures by heart." };

// Curves of different points over one axis: { label: [[x, y], ...] } as { x, curves }, with null between.
export function joined(series) {
  const places = [...new Set(Object.values(series).flatMap((points) => points.map(([x]) => x)))].sort((one, other) => one - other);
  const curves = {};
  for (const [label, points] of Object.entries(series)) {
    const values = new Map(points);
    curves[label] = places.map((x) => values.get(x) ?? null);
  }
  return { x: places, curves };
}

export function isWide(series) {
  const values = Object.values(series).flatMap((points) => points.map(([, y]) => y));
  const low = Math.min(...values);
  return low > 0 && Math.max(...values) / low > LOG_RATIO;
}

const short = (name) => name.split("/").slice(1).join("/") || name;

// element: of the panels; they stay, and get new values.
export function curvePanels(element, run) {
  element.shown ??= new Map();
  for (const panel of run.panels) {
    const key = `${panel.group} ${panel.title}`;
    const series = Object.fromEntries(panel.names.map((name) => [short(name), run.curves[panel.group][name]]).filter(([, points]) => points?.length));
    if (!Object.keys(series).length) continue;
    if (!element.shown.has(key)) {
      const heading = ["speed", "rates"].includes(panel.group) ? "settings" : panel.group;
      if (!element.querySelector(`h2[data-group="${heading}"]`)) {
        element.append(h("h2", { dataset: { group: heading } }, TITLES[heading] ?? heading));
        if (NOTES[panel.group]) element.append(h("p", { class: "small faint note" }, NOTES[panel.group]));
      }
      const curve = h("value-curve", { role: "img", "aria-label": `${panel.title}: ${Object.keys(series).join(", ")} over images seen` });
      element.append(h("section", { class: "panel" }, h("h3", {}, titleOf(panel.title)), curve));
      element.shown.set(key, curve);
    }
    const { x, curves } = joined(series);
    element.shown.get(key).set(x, curves, { log: isWide(series) });
  }
}
