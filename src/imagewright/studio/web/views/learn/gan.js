// The GAN laboratory: what there is to see (gan_plane.js, gan_line.js), the steps (gan_steps.js), the settings (gan_form.js),
// and the curves (gan_history.js). The studio trains; this file holds what is asked of it.
import { clear, h } from "/web/dom.js";
import { live, Channel } from "/web/live.js";
import { read } from "/web/api.js";
import { tellError } from "/web/parts/toast.js";
import { unpack } from "/web/views/learn/canvas.js";
import { dataChoice, settingsForm, caseButtons } from "/web/views/learn/gan_form.js";
import { History } from "/web/views/learn/gan_history.js";
import { lineView } from "/web/views/learn/gan_line.js";
import { planeView } from "/web/views/learn/gan_plane.js";
import { stepsView } from "/web/views/learn/gan_steps.js";

const words = (value) => String(value).replaceAll("_", " ");
const FIELDS = ["generated", "probability", "best", "net", "fake", "pulls", "corners", "cells_density"];

export default async function show(root) {
  const described = await read("learn/laboratory");
  // What is asked for. The feed keeps this object: after a cut of the connection it asks for the present state.
  const asked = { data: "ring", points: [], settings: Object.fromEntries(described.settings.map((each) => [each.name, each.default])), running: false, steps_per_second: 30, id: null };
  let fixed = null;
  let view = null;

  const history = new History();
  const stage = h("div", { class: "stage" }, h("p", { class: "faint" }, "The laboratory is set up."));
  const doctor = h("div", { class: "stack", role: "status" });
  const measures = h("p", { class: "number measures", role: "status" });

  // Changes and new starts go one after the other, the newest next: a start that is not answered yet is asked for again.
  const starts = { wanted: 0, made: 0 };
  const made = ({ start }) => (starts.made = Math.max(starts.made, start));
  const channel = new Channel("learn/laboratory_change", (_, sent) => made(sent), (error, sent) => (made(sent), tellError(error)));
  const change = () => {
    if (!asked.id) return; // before the first frame nothing is there to change
    channel.ask({ ...asked, fresh: starts.wanted > starts.made, start: starts.wanted });
  };
  const startAnew = () => {
    starts.wanted += 1;
    change();
  };

  const form = settingsForm(described.settings, (name, value, fresh) => {
    asked.settings[name] = value;
    if (fresh) startAnew();
    else change();
  });
  const steps = stepsView({
    run: (running) => {
      form.settle();
      asked.running = running;
      change();
    },
    pace: (steps_per_second) => {
      asked.steps_per_second = steps_per_second;
      change();
    },
    step: async (part) => {
      if (!asked.id) return;
      form.settle();
      await channel.settled; // a step belongs to the laboratory that was asked for before it
      await live.wish("learn/laboratory_step", part ? { id: asked.id, part } : { id: asked.id }).catch(tellError);
    },
    startAnew,
    emphasise: (part) => view?.emphasise(part),
  });
  const data = dataChoice(described.data, (name, points) => {
    [asked.data, asked.points] = [name, points];
    startAnew();
  });
  const apply = (changes) => {
    form.settle();
    Object.assign(asked.settings, changes);
    form.set(asked.settings);
  };
  const cases = caseButtons(described.cases, (chosen) => {
    apply(chosen.changes);
    if (!chosen.data) return change();
    asked.data = chosen.data;
    data.set(chosen.data);
    asked.running = true;
    steps.running = true;
    return startAnew();
  });

  const titles = Object.fromEntries(described.settings.map(({ name, title }) => [name, title]));
  const showFindings = (findings, step) => {
    const said = findings.map((finding) => {
      const names = Object.keys(finding.change);
      const cure = names.length ? h("button", { onclick: () => (apply(finding.change), change()) }, names.map((name) => `${titles[name]}: set ${words(finding.change[name])}`).join(", ")) : null;
      return h("div", { class: "row" }, h("p", { class: "small" }, h("strong", { class: "warn" }, finding.name), `: ${finding.evidence}.`), cure);
    });
    const isEarly = step < 200;
    const key = JSON.stringify([findings, isEarly]);
    if (doctor.dataset.said === key) return;
    doctor.dataset.said = key;
    const nothing = isEarly ? "It is too early to say: the doctor looks from step 200 on." : "It finds nothing wrong so far.";
    clear(doctor, said.length ? said : h("p", { class: "small faint" }, nothing));
  };

  const begin = (told) => {
    fixed = { ...told, density: unpack(told.density), real: unpack(told.real), corners: unpack(told.corners) };
    history.clear();
    delete doctor.dataset.said;
    const wanted = fixed.dimensions === 2 ? planeView : lineView;
    if (view?.kind !== wanted) {
      view?.leave();
      view = wanted();
      view.kind = wanted;
      clear(stage, view.element);
    }
    view.begin(fixed);
  };

  const showFrame = (frame) => {
    if (asked.id !== frame.id) {
      asked.id = frame.id;
      // What was changed before the first frame is asked for now.
      starts.made = starts.wanted;
      if (JSON.stringify([asked.data, asked.settings]) !== begun) startAnew();
      else if (asked.running) change();
    }
    if (frame.failed) {
      asked.running = false;
      steps.show(frame);
      clear(doctor, h("p", { class: "bad" }, frame.failed));
      measures.textContent = `Step ${frame.step.toLocaleString("en")}: the training diverged.`;
      delete doctor.dataset.said;
      return;
    }
    if (frame.fixed) begin(frame.fixed);
    for (const name of FIELDS) if (frame[name]) frame[name] = unpack(frame[name]);
    history.add(frame);
    steps.show(frame);
    view.show(frame);
    const { modes, kl, js, distance, in_view } = frame.measures;
    const away = in_view < 1 ? `; ${Math.round(100 * (1 - in_view))} % of generated points are out of view` : "";
    measures.textContent = `Step ${frame.step.toLocaleString("en")}: ${modes} of ${fixed.modes} modes covered, KL ${kl.toFixed(2)}, JS ${js.toFixed(3)}, Wasserstein distance ${distance.toPrecision(3)}${away}`;
    root.dataset.step = frame.step;
    showFindings(frame.findings, frame.step);
  };

  const failed = (error) => clear(stage, h("p", { class: "bad" }, error.message));
  root.append(
    h(
      "div",
      { class: "columns laboratory" },
      h("div", { class: "stack" }, steps.element, stage, measures),
      h(
        "div",
        { class: "stack side" },
        h("section", { class: "stack", "aria-label": "Data" }, data.element),
        h("section", { "aria-label": "The doctor" }, h("h2", {}, "The doctor"), doctor),
        h("section", { class: "stack", "aria-label": "Collapse and its cures" }, h("h2", {}, "Collapse and its cures"), cases),
        form.element,
      ),
      h("section", { "aria-label": "Over time" }, h("h2", {}, "Over time"), history.element),
    ),
  );
  const begun = JSON.stringify([asked.data, asked.settings]);
  const end = live.follow("learn/laboratory", asked, showFrame, failed);
  return () => {
    end();
    steps.leave();
    view?.leave();
  };
}
