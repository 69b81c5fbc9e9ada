// Finding the direction of marked pictures in a run, as a job, and where to steer with it.
import { clear, h } from "/web/dom.js";
import { act, pictureOf } from "/web/api.js";
import { chooseRun } from "/web/parts/choose.js";
import { followJob, lastWords } from "/web/parts/jobs.js";
import { openLarge } from "/web/parts/picture.js";
import { tellError } from "/web/parts/toast.js";

const PROJECTED = "This model has no encoder: the latent of each picture is searched for, which takes some seconds a picture.";

// nameOf(): of what is marked; save(): writes the table. Returns { element, enable(isReady), end() }
export async function findIn({ contents }, { nameOf, save }) {
  const help = h("p", { class: "small faint" });
  const result = h("div", { class: "stack" });
  const replace = h("input", { type: "checkbox" });
  const button = h("button", { class: "main", disabled: true, onclick: () => find().catch(tellError) }, "Find the direction");
  let isReady = false;
  let isOpen = true;
  const runs = await chooseRun({
    fits: (run) => run.verbs.includes("decode"),
    label: "in the run",
    chosen: (run) => {
      clear(help, run === null ? "Train a model on these pictures first: the marks are kept." : run.verbs.includes("encode") ? "" : PROJECTED);
      mark();
    },
  });
  mark();

  function mark() {
    button.disabled = !isReady || !runs?.value;
  }

  async function find() {
    await save();
    const [run, name] = [runs.value, nameOf()];
    button.disabled = true;
    try {
      const job = await act("pictures/find_direction", { source: contents.id, run: run.id, name, replace: replace.checked });
      clear(result, h("p", { class: "faint", role: "status" }, "It runs: its bar is in the corner."));
      const ended = await followJob(job.id);
      if (!isOpen) return;
      if (ended.state === "done") show(run, ended.about.name);
      else clear(result, h("p", { class: "bad" }, `It ${ended.state === "failed" ? "failed" : "was stopped"}. ${lastWords(ended.said)}`));
    } finally {
      mark();
    }
  }

  function show(run, name) {
    const address = pictureOf("pictures/sheet", { source: contents.id, run: run.id, name, at: Date.now() });
    const sheet = h("img", { class: "sheet", src: address, alt: `pictures moved along ${name}` });
    clear(
      result,
      h("p", { class: "good", role: "status" }, `The direction ${name} is saved in ${run.name}.`),
      h("button", { class: "plain sheet-button", title: "Open large", onclick: () => openLarge(address, `pictures moved along ${name}`) }, sheet),
      h("div", { class: "row" }, h("a", { class: "button", href: `#/steer?run=${run.id}&direction=${encodeURIComponent(name)}` }, `Steer with ${name}`), h("a", { class: "button", href: address, download: `${name}.png` }, "Save the sheet")),
    );
  }

  return {
    element: h("section", {}, h("h2", {}, "The direction"), h("div", { class: "row tools" }, runs.element, button, h("label", { class: "row small" }, replace, "replace one of this name")), help, result),
    enable: (ready) => {
      isReady = ready;
      mark();
    },
    end: () => (isOpen = false),
  };
}
