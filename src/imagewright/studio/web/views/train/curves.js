// The curves of one run: a panel for each phase, with terms of like sizes, as its report shows them.
import { h } from "/web/dom.js";
import { titleOf } from "/web/parts/form.js";
import { joined } from "/web/parts/curve.js";

const LOG_RATIO = 50; // a positive quantity whose largest value is more than this times its smallest gets a log scale
const TITLES = { losses: "Losses", judged: "Discriminator: how well it tells", derived: "Derived from the losses", settings: "Speed and learning rates" };
const NOTES = { judged: "The chance that the first gets a higher logit than the second. At 0.5 it cannot tell them apart; real far over held out means that it has learned its pictures by heart." };

export function isWide(series) {
  const values = Object.values(series).flatMap((points) => points.map(([, y]) => y));
  const low = Math.min(...values);
  return low > 0 && Math.max(...values) / low > LOG_RATIO;
}

const short = (name) => name.split("/").slice(1).join("/") || name;

// The place of a group's panels, under its heading.
function placeOf(element, group) {
  const heading = ["speed", "rates"].includes(group) ? "settings" : group;
  element.places ??= new Map();
  if (!element.places.has(heading)) {
    const grid = h("div", { class: "curve-grid" });
    const note = NOTES[heading] ? h("p", { class: "small faint" }, NOTES[heading]) : [];
    element.append(h("section", { dataset: { group: heading } }, h("h2", {}, TITLES[heading] ?? heading), note, grid));
    element.places.set(heading, grid);
  }
  return element.places.get(heading);
}

// element: of all panels. A panel stays where it is and gets new values; one whose terms are in others now leaves.
export function curvePanels(element, run) {
  element.shown ??= new Map(); // by group and title: { panel, curve }
  const now = new Set();
  for (const { group, title, names } of run.panels) {
    const key = `${group} ${title}`;
    const series = Object.fromEntries(names.map((name) => [short(name), run.curves[group][name]]).filter(([, points]) => points?.length));
    if (!Object.keys(series).length) continue;
    now.add(key);
    if (!element.shown.has(key)) {
      const curve = h("value-curve", { role: "img", "aria-label": `${title}: ${Object.keys(series).join(", ")} over images seen` });
      const panel = h("section", { class: "panel" }, h("h3", {}, titleOf(title)), curve);
      placeOf(element, group).append(panel);
      element.shown.set(key, { panel, curve });
    }
    const { x, curves } = joined(series);
    element.shown.get(key).curve.set(x, curves, { log: isWide(series) });
  }
  for (const [key, { panel }] of element.shown) {
    if (now.has(key)) continue;
    panel.remove();
    element.shown.delete(key);
  }
}
