// One run, as it trains or as it was: followed wherever it was started.
import { brief, clear, duration, h, imagesOf, whole } from "/web/dom.js";
import { live } from "/web/live.js";
import { act, pictureOf } from "/web/api.js";
import { openLarge } from "/web/parts/picture.js";
import { tell, told } from "/web/parts/toast.js";
import { hasDraft } from "/web/views/train/drafts.js";
import { curvePanels } from "/web/views/train/curves.js";
import { findingsPanel } from "/web/views/train/findings.js";
import { samplesOverTime } from "/web/views/train/samples.js";
import { lastWords, speedOf } from "/web/parts/jobs.js";

const GIB = 2 ** 30;

export default async function show(root, asked) {
  const parts = {
    title: h("h1", {}, "Run"),
    state: h("p", { class: "lead", role: "status" }, "Looks at the run …"),
    bar: h("progress", { max: "1", "aria-label": "images seen of those planned" }),
    actions: h("div", { class: "row" }),
    facts: h("dl", { class: "facts" }),
    real: h("div"),
    findings: h("div"),
    curves: h("div"),
  };
  const samples = samplesOverTime(asked.run);
  const body = h("div", { class: "columns" }, h("div", { class: "stack" }, samples.element, parts.real), h("div", { class: "stack" }, parts.findings, parts.facts));
  root.append(
    h("p", { class: "small" }, h("a", { href: "#/train" }, "All trainings")),
    parts.title,
    parts.state,
    parts.bar,
    parts.actions,
    body,
    parts.curves,
  );
  let latest = null;
  const end = live.follow("train/run", { run: asked.run }, (run) => {
    showState(parts, run);
    body.hidden = !run.model && run.state !== "starts"; // there is nothing to show
    samples.show(run.samples);
    if (run.has_training_pictures && !parts.real.childElementCount) showReal(parts.real, asked.run);
    clear(parts.findings, findingsPanel(run));
    curvePanels(parts.curves, run);
    latest = run;
    root.dataset.run = run.state;
  }, (error) => {
    parts.state.textContent = error.message;
    parts.state.className = "bad";
    if (!latest) for (const each of [parts.bar, body]) each.hidden = true;
    root.dataset.run = "unknown";
  });
  const jobs = ({ detail }) => showProgress(parts, latest, detail.find((job) => job.id === latest?.job));
  document.addEventListener("jobs", jobs);
  return () => {
    end();
    samples.end();
    document.removeEventListener("jobs", jobs);
  };
}

const SENTENCES = {
  starts: () => "It starts: pictures are prepared, and the speed is measured.",
  trains: (run) => `It trains: ${imagesOf(run)}${leftOf(run)}.`,
  trained: (run) => (run.planned ? `It is trained: ${run.images_seen > run.planned ? imagesOf(run) : `${whole(run.images_seen)} images`}.` : "It is fitted."),
  stopped: (run) => `It was stopped, and saved: ${imagesOf(run)}.`,
  time_over: (run) => `Its time was over, and it is saved: ${imagesOf(run)}, since the steps were slower than measured before.`,
  ended: (run) => `It ended without saving its last steps: it was killed, or the machine went off. ${run.checkpoints.length ? `The checkpoint at ${whole(run.checkpoints.at(-1))} images is kept.` : "There was no checkpoint yet: it can begin anew."}`,
  failed: (run) => `It failed: ${lastWords(run.problem ?? "")}`,
  damaged: (run) => run.problem,
  gone: () => "Its folder is not there: it was moved or removed. This page goes on when it is back.",
};
const BAD = ["ended", "failed", "damaged", "gone"];

const leftOf = (run) => (run.rate && run.planned > run.images_seen ? `, about ${duration((run.planned - run.images_seen) / run.rate)} left` : "");

function showState({ title, state, bar, actions, facts }, run) {
  title.textContent = run.name;
  state.textContent = SENTENCES[run.state](run);
  state.className = BAD.includes(run.state) ? "bad" : "lead";
  bar.hidden = run.state === "gone" || !run.planned;
  if (run.planned) bar.value = Math.min(1, run.images_seen / run.planned);
  clear(actions, actionsOf(run));
  const rows = [
    ["Model", run.model],
    ["Size", run.size ? `${run.size[1]} × ${run.size[0]}` : null],
    ["Pictures", run.pictures ? whole(run.pictures) : null],
    ["Images a step", run.batch_size ? whole(run.batch_size) : null],
    ["Speed", run.rate ? `${brief(run.rate)} images a second` : null],
    ["Time", run.seconds ? duration(run.seconds) : null],
    ["Memory", run.memory_bytes ? `${(run.memory_bytes / GIB).toFixed(2)} GiB` : null],
    ["Checkpoints", run.checkpoints.length ? run.checkpoints.map(brief).join(", ") : null],
    ...(run.scores ?? []).map((score) => [score.title, `${Number(score.value.toPrecision(4))}`]),
  ];
  clear(facts, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

// Between two reports the job of the training knows how far it is.
function showProgress({ state, bar }, run, job) {
  if (!run || !job?.progress?.done || job.progress.stage !== "training") return;
  const { done, total } = job.progress;
  const now = { ...run, images_seen: done, planned: total, rate: speedOf(job.progress) ?? run.rate }; // as the bar of the job counts
  bar.value = job.progress.done / job.progress.total;
  if (run.state === "trains") state.textContent = SENTENCES.trains(now);
}

function actionsOf(run) {
  const found = [];
  const button = (label, work, kind = "") => found.push(h("button", { class: kind, onclick: told(work) }, label));
  if (run.job) button("Pause", async () => { await act("library/stop", { job: run.job }); tell("It saves, and stops. Resume it at any time."); }, "main");
  else if (run.state === "trains") found.push(h("span", { class: "small faint" }, "It was started elsewhere: Ctrl-C there stops it."));
  if (!run.job && ["stopped", "ended", "failed"].includes(run.state) && run.model) button("Resume", () => act("train/resume", { run: run.run }), "main");
  const isWhole = !run.job && ["trained", "time_over"].includes(run.state); // it ended by itself: what is made with it comes first
  const uses = run.checkpoints.length && run.state !== "gone" ? usesOf(run) : [];
  found.push(...uses.map(([label, address], place) => h("a", { class: isWhole && !place ? "button main" : "button", href: address }, label)));
  if (isWhole && run.planned) button("Train as long again", () => act("train/resume", { run: run.run, images_seen: run.images_seen + run.planned }), uses.length ? "" : "main");
  if (run.checkpoints.length && run.state !== "gone") found.push(branch(run));
  if (run.model && run.state !== "gone") found.push(h("a", { class: "button", href: `#/train?again=${run.run}` }, "Train anew with changes"));
  else if (hasDraft(run.run)) found.push(h("a", { class: "button main", href: `#/train?draft=${run.run}` }, "Change what was asked"));
  return found;
}

// The pages on which something is made with it: [label, address].
function usesOf({ run, verbs, needs }) {
  const can = (...needed) => needed.every((verb) => verbs?.includes(verb));
  return [
    can("decode", "sample") && ["Steer", `#/steer?run=${run}`],
    needs === "people" ? ["Try it on a photo or video", `#/swap?step=convert&run=${run}`] : can("translate") && ["Draw", `#/draw?run=${run}`],
  ].filter(Boolean);
}

// A new training that starts from one of the checkpoints.
function branch(run) {
  const select = h("select", { "aria-label": "Branch from a checkpoint" }, h("option", { value: "" }, "Branch from …"), run.checkpoints.toReversed().map((at) => h("option", { value: String(at) }, `${whole(at)} images`)));
  select.addEventListener("change", () => select.value && (location.hash = `#/train?again=${run.run}&at=${select.value}`));
  return select;
}

function showReal(element, run) {
  const address = pictureOf("train/training_pictures", { run });
  const image = h("img", { class: "grid-picture", src: address, alt: "some of the pictures that it learns from" });
  const button = h("button", { class: "picture-button", title: "Open large", onclick: () => openLarge(address, "training pictures") }, image);
  element.append(h("h2", {}, "What it learns from"), button);
}
