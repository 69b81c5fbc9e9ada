// A run as a card: its latest samples, how far it is, its scores, and what the doctor says.
import { brief, clear, decimals, h, imagesOf } from "/web/dom.js";
import { act, pictureOf } from "/web/api.js";
import { told } from "/web/parts/toast.js";

// Returns { id, element, isTraining, show(run) }.
export function runCard(run) {
  const element = h("article", { class: "panel stack run-card", dataset: { run: run.id } });
  const card = { id: run.id, element, isTraining: false, show };
  let shown = null;
  function show(now) {
    card.isTraining = now.training || now.resuming || false;
    clear(element, now.damaged ? damaged(now) : parts(now, resume, shown?.images_seen !== now.images_seen ? now.images_seen : shown.images_seen));
    shown = now;
  }
  async function resume() {
    await act("train/resume", { run: run.id });
    show({ ...shown, resuming: true }); // until the studio tells of it
  }
  show(run);
  return card;
}

const damaged = (run) => [h("h3", {}, run.name), h("p", { class: "bad small" }, "This run is damaged."), h("p", { class: "small wraps" }, run.damaged)];

function parts(run, resume, stamp) {
  const none = () => h("div", { class: "thumbnail none" }, "no picture yet");
  const image = !run.has_picture ? none() : h("img", { class: "thumbnail", alt: `the latest samples of ${run.name}`, loading: "lazy", src: pictureOf("library/run_picture", { run: run.id, side: 320, stamp }) });
  image.addEventListener("error", () => image.replaceWith(none()));
  const progress = run.resuming ? "resuming" : run.planned || run.images_seen ? imagesOf(run, brief) : "fitted in one go";
  const [finding] = run.findings;
  return [
    h("a", { href: `#/train?run=${run.id}`, "aria-label": `Open ${run.name}` }, image),
    h("h3", {}, h("a", { href: `#/train?run=${run.id}` }, run.name.split("/").at(-1))),
    h("p", { class: "small faint" }, `${run.model}, ${progress}`, run.resuming ? "" : run.training ? h("span", { class: "good" }, " – trains now") : isStopped(run) ? " – stopped" : ""),
    (run.training || run.resuming) && run.planned ? h("progress", { max: "1", value: run.resuming ? null : Math.min(1, run.images_seen / run.planned), "aria-label": `progress of ${run.name}` }) : [],
    run.scores.slice(0, 2).map((score) => h("p", { class: "small number" }, `${score.title}: ${decimals(score.value)}`)),
    finding ? h("p", { class: "small warn", title: finding.evidence }, `Doctor: ${finding.name}. ${finding.suggestion}`) : [],
    actions(run, resume),
  ];
}

// Stopped, killed, or out of time: there is more to train.
const isStopped = (run) => !run.training && !run.resuming && run.planned > run.images_seen;

function actions(run, resume) {
  const can = (...verbs) => verbs.every((verb) => run.verbs.includes(verb)) && run.checkpoints.length > 0;
  const links = [["Open", `#/train?run=${run.id}`]];
  if (can("decode")) links.push(["Steer", `#/steer?run=${run.id}`]);
  if (can("translate")) links.push(["Draw", `#/draw?run=${run.id}`]);
  return h("div", { class: "row end" }, isStopped(run) ? h("button", { class: "plain small", onclick: told(resume) }, "Resume") : [], links.map(([label, address]) => h("a", { class: "small", href: address }, label)));
}
