// Scores with their recipes and intervals, and the evaluation that computes them.
import { clear, counted, h } from "/web/dom.js";
import { act, read } from "/web/api.js";
import { chooseSource } from "/web/parts/choose.js";
import { field } from "/web/parts/field.js";
import { showJob } from "/web/parts/jobs.js";
import { told, tellError } from "/web/parts/toast.js";

const ARROWS = { lower: " ↓", higher: " ↑" };
const WORDS = { lower: "lower is better", higher: "higher is better" };

export function showScores(state) {
  const table = h("div", { class: "scroll" });
  const form = h("details", {}, h("summary", {}, "Evaluate these runs"));
  const bar = h("job-bar", { hidden: true });
  let suggest = () => {}; // until the form is there
  const element = h("section", { "aria-label": "Scores" }, h("h2", {}, "Scores"), table, form, bar);
  const showTable = told(async () => {
    const runs = state.runs();
    if (!runs.length) return void clear(table);
    suggest(runs);
    clear(table, tableOf(await read("compare/scores", { runs: runs.map((run) => run.id).join(",") })));
  });
  const run = async (asked) => {
    const job = await act("compare/evaluate", { runs: state.runs().map((each) => each.id), ...asked });
    await showJob(job, bar);
    await showTable();
  };
  evaluation(run).then((found) => {
    form.append(found.element);
    suggest = told(found.suggest);
    suggest(state.runs());
  }).catch(tellError);
  return { element, update: showTable };
}

function tableOf({ columns, rows, recipes, notes }) {
  if (!columns.length) return h("p", { class: "faint" }, "These runs have no scores yet. Evaluate them below: their samples are measured against real pictures.");
  const head = columns.map(({ title, better }) => h("th", { class: "number", title: WORDS[better] ?? "" }, title, ARROWS[better] ?? ""));
  const cell = (score) => {
    if (!score) return h("td", { class: "number faint" }, "–");
    const title = [score.interval, score.images_seen === null ? "" : `at ${score.images_seen.toLocaleString("en")} images seen`].filter(Boolean).join("; ");
    return h("td", { class: score.best ? "number best" : "number", title }, score.best ? h("strong", {}, score.text) : score.text, score.best && h("span", { class: "best-mark" }, " best"));
  };
  return h(
    "div",
    {},
    h("table", { class: "scores" }, h("thead", {}, h("tr", {}, h("th", {}, "Run"), head)), h("tbody", {}, rows.map(({ name, cells }) => h("tr", {}, h("th", { scope: "row" }, name), cells.map(cell))))),
    recipes.map((line) => h("p", { class: "small faint" }, line)),
    h("p", { class: "small faint" }, "The latest score of each run, its interval in brackets. Scores of different recipes never share a column."),
    notes.length > 0 && h("details", {}, h("summary", { class: "small" }, `${counted(notes.length, "reservation")} about these scores`), notes.map((note) => h("p", { class: "small" }, note))),
  );
}

// The form of an evaluation: real pictures, how many samples, features, metrics.
async function evaluation(run) {
  const { features, metrics, count } = await read("compare/evaluation_choices");
  const source = await chooseSource({ label: "Real pictures", none: "choose the real pictures", fits: (each) => each.kind !== "video" && each.kind !== "faces" });
  const number = h("input", { type: "number", min: "2", max: "1000000", value: String(count) });
  const network = h("select", {}, features.map((each) => h("option", { value: each.name }, each.fetched ? `${each.name} (weights are fetched once)` : each.name)));
  const boxes = metrics.map((each) => {
    const box = h("input", { type: "checkbox", value: each.name, checked: each.usual });
    return { box, label: h("label", { class: "small" }, box, ` ${each.name}: `, h("span", { class: "faint" }, each.summary)) };
  });
  const start = h("button", {}, "Evaluate");
  start.addEventListener(
    "click",
    told(async () => {
      if (!source.value) throw new Error("Choose the real pictures: add a folder of them in Pictures first.");
      start.disabled = true;
      try {
        const named = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
        await run({ source: source.value.id, count: Number(number.value), features: network.value, metrics: named });
      } finally {
        start.disabled = false;
      }
    }),
  );
  // What is chosen already stays while runs are added: what it starts from follows the runs until then.
  let isTouched = false;
  const element = h(
    "div",
    { class: "stack evaluation", onchange: ({ isTrusted }) => (isTouched ||= isTrusted) },
    h("div", { class: "row wide" }, source.element, field("Samples of each run", number), field("Features", network)),
    h("details", {}, h("summary", { class: "small" }, "Metrics"), h("div", { class: "metrics" }, boxes.map(({ label }) => label))),
    h("div", { class: "row" }, start, h("span", { class: "small faint" }, "More samples give narrower intervals, and take longer. Scores stay in the runs.")),
  );
  const suggest = async (runs) => {
    if (isTouched || !runs.length) return;
    const first = await read("compare/evaluation_start", { runs: runs.map((each) => each.id).join(",") });
    if (isTouched) return;
    network.value = first.features;
    source.pick((each) => each.id === first.source);
  };
  return { element, suggest };
}
