// All runs in a table, in a fold: to follow one, or to put several beside each other.
import { brief, h } from "/web/dom.js";

const MOST_BESIDE = 4;

export function runList(runs, isOpen) {
  if (!runs.length) return [];
  const boxes = new Map();
  const beside = h("button", { disabled: true, onclick: () => (location.hash = `#/train?runs=${chosen().join(",")}`) }, "Beside each other");
  const chosen = () => [...boxes].filter(([, box]) => box.checked).map(([id]) => id);
  const changed = () => {
    const count = chosen().length;
    beside.disabled = count < 2;
    for (const box of boxes.values()) box.disabled = !box.checked && count >= MOST_BESIDE;
  };
  const row = (run) => {
    if (run.damaged) return h("tr", {}, h("td"), h("td", {}, run.name), h("td", { class: "bad", colspan: "3" }, run.damaged));
    const box = h("input", { type: "checkbox", "aria-label": `Put ${run.name} beside others`, onchange: changed });
    boxes.set(run.id, box);
    const asked = run.images_seen > run.planned ? `${brief(run.images_seen)} (${brief(run.planned)} asked)` : `${brief(run.images_seen)} of ${brief(run.planned)}`;
    const progress = run.planned ? asked : brief(run.images_seen);
    return h("tr", {}, h("td", {}, box), h("td", {}, h("a", { href: `#/train?run=${run.id}` }, run.name)), h("td", {}, run.model), h("td", { class: "number" }, progress), h("td", {}, run.training ? h("span", { class: "good" }, "trains") : ""));
  };
  return h(
    "details",
    { class: "runs panel", open: isOpen },
    h("summary", {}, `Runs (${runs.length})`),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["", "Run", "Model", "Images", ""].map((title) => h("th", { scope: "col", class: title === "Images" ? "number" : null }, title)))), h("tbody", {}, runs.map(row)))),
    h("p", {}, beside),
  );
}
