// Curves of all chosen runs in one plot: a loss, a derived metric, or a score, over images seen or over time.
import { clear, h } from "/web/dom.js";
import { read } from "/web/api.js";
import { field } from "/web/parts/field.js";
import { told } from "/web/parts/toast.js";
import { joined } from "/web/parts/curve.js";

export function showCurves(state) {
  const metric = h("select");
  const over = h("select", {}, h("option", { value: "images_seen" }, "images seen"), h("option", { value: "seconds" }, "seconds of training"));
  const plot = h("value-curve");
  const said = h("p", { class: "faint" });
  const element = h("section", { "aria-label": "Curves" }, h("h2", {}, "Curves"), h("div", { class: "row wide" }, field("Show", metric, { kind: "inline" }), field("over", over, { kind: "inline" })), said, plot);

  const update = told(async () => {
    const runs = state.runs();
    if (!runs.length) return void ((plot.hidden = true), (said.textContent = "Choose runs above."));
    const wanted = metric.value;
    let found = await read("compare/curves", { runs: runs.map((run) => run.id).join(","), over: over.value, ...(wanted ? { metric: wanted } : {}) });
    if (wanted && !found.metric) found = await read("compare/curves", { runs: runs.map((run) => run.id).join(","), over: over.value });
    const name = ({ name: each, runs: having }) => (having === runs.length ? each : `${each} (${having} of ${runs.length} runs)`);
    clear(metric, found.names.map((each) => h("option", { value: each.name }, name(each))));
    metric.disabled = !found.names.length;
    plot.hidden = !found.metric;
    said.textContent = found.metric ? "" : "These runs have no reports yet: curves appear when a training has made some.";
    if (!found.metric) return;
    metric.value = found.metric;
    plot.setAttribute("aria-label", `${found.metric} of ${Object.keys(found.points).join(", ")}`);
    const { x, curves } = joined(found.points);
    await plot.set(x, curves, { xLabel: over.selectedOptions[0].textContent, height: 260 });
  });
  metric.addEventListener("change", update);
  over.addEventListener("change", update);
  return { element, update };
}
