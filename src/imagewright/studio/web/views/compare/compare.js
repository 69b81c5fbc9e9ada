// Compare: runs beside each other. What is chosen at the top is shown below: samples, scores, curves, one photo, time.
import { clear, counted, h } from "/web/dom.js";
import { act, madeBy, read } from "/web/api.js";
import { followJob, lastWords } from "/web/parts/jobs.js";
import { loadStyle } from "/web/parts/style.js";
import { slider } from "/web/parts/slider.js";
import { tell, told } from "/web/parts/toast.js";
import { showCurves } from "/web/views/compare/curves.js";
import { showPhoto } from "/web/views/compare/photo.js";
import { showSamples } from "/web/views/compare/samples.js";
import { showScores } from "/web/views/compare/scores.js";
import { showTime } from "/web/views/compare/time.js";

const FIRST = 2; // runs that are chosen when the page is opened
const MOST = 12;

export default async function show(root, asked) {
  const [{ runs }] = await Promise.all([read("library/runs"), loadStyle("/web/views/compare/compare.css")]);
  const known = runs.filter((run) => !run.damaged && run.checkpoints.length);
  root.append(h("h1", {}, "Compare"));
  if (!known.length) {
    root.append(
      h("p", { class: "lead" }, "There is no trained run in this folder yet."),
      h("p", {}, h("a", { href: "#/train" }, "Train one"), " and then a second one with another model or option: here they stand side by side."),
    );
    return;
  }
  const wanted = (asked.runs ?? "").split(",").filter((id) => known.some((run) => run.id === id));
  const likely = [...known].sort((one, other) => other.verbs.includes("sample") - one.verbs.includes("sample")).slice(0, FIRST);
  const chosen = new Set(wanted.length ? wanted : likely.map((run) => run.id));
  const state = { runs: () => known.filter((run) => chosen.has(run.id)), seed: 0, count: 8, abilities: abilitiesOf() };
  const parts = [showSamples(state), showScores(state), showCurves(state), showPhoto(state), showTime(state)];
  const update = () => parts.forEach((part) => part.update());
  const saving = savePage(state);

  const choose = (run, button) => {
    if (!chosen.delete(run.id)) {
      if (chosen.size === MOST) return tell(`${MOST} runs at most are compared at once.`);
      chosen.add(run.id);
    }
    button.setAttribute("aria-pressed", chosen.has(run.id));
    history.replaceState(null, "", `#/compare?runs=${[...chosen].join(",")}`);
    saving.update();
    update();
  };
  root.append(
    h("p", { class: "lead" }, "The same seeds, the same photo and the same measures for each run."),
    h("div", { class: "row run-choices", role: "group", "aria-label": "Runs" }, known.map((run) => runButton(run, chosen.has(run.id), choose))),
    h("div", { class: "row spread compare-bar" }, controls(state, parts), saving.element),
    ...parts.map((part) => part.element),
  );
  saving.update();
  update();
}

function runButton(run, pressed, choose) {
  const button = h("button", { onclick: () => choose(run, button), title: `${run.model}, ${counted(run.images_seen, "image")} seen` }, run.name);
  button.setAttribute("aria-pressed", pressed);
  return button;
}

// Seed and number of the samples, for all parts that show samples.
function controls(state, parts) {
  const seed = h("input", { type: "number", min: "0", step: "1", value: "0", "aria-label": "Seed of the samples" });
  const change = () => parts.forEach((part) => part.sampled?.());
  const take = (value) => {
    state.seed = Math.max(0, Math.floor(Number(value) || 0));
    seed.value = state.seed;
    change();
  };
  seed.addEventListener("change", () => take(seed.value));
  const count = slider({ label: "Samples of each run", low: 1, high: 16, step: 1, value: state.count }, (value) => {
    state.count = Math.min(16, Math.max(1, Math.round(value)));
    change();
  });
  return h(
    "div",
    { class: "row wide" },
    h("div", { class: "field" }, h("span", { class: "small faint" }, "Seed"), h("span", { class: "row" }, seed, h("button", { onclick: () => take(state.seed + 1) }, "Next seed"))),
    count,
  );
}

// What each run can do, asked once: the first time loads the model.
function abilitiesOf() {
  const known = new Map();
  return (run) => {
    if (!known.has(run.id)) known.set(run.id, read("compare/abilities", { run: run.id }).catch((error) => (known.delete(run.id), Promise.reject(error))));
    return known.get(run.id);
  };
}

// The comparison as one page, written by `imagewright compare`.
function savePage(state) {
  const ready = h("div", { class: "small", role: "status" });
  const button = h("button", { class: "main" }, "Save as a page");
  button.addEventListener(
    "click",
    told(async () => {
      button.disabled = true;
      clear(ready, h("span", { class: "faint" }, "Writes the page …"));
      try {
        const runs = state.runs();
        const job = await act("compare/save_page", { runs: runs.map((run) => run.id), seed: state.seed });
        const ended = await followJob(job.id);
        if (ended.state === "done") clear(ready, h("a", { class: "button", href: `${madeBy(job.id)}?save=true`, download: "" }, `Save ${ended.about.made[0].split("/").at(-1)}`));
        else clear(ready, h("span", { class: "bad" }, `The page was not written: ${lastWords(ended.said)}`));
      } catch (error) {
        clear(ready);
        throw error;
      } finally {
        update();
      }
    }),
  );
  const update = () => {
    button.disabled = state.runs().length < 2;
    button.title = button.disabled ? "Choose two runs or more" : "Scores, curves and samples as one HTML page that needs no studio";
  };
  return { element: h("div", { class: "row" }, ready, button), update };
}
