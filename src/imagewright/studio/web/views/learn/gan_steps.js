// Play, pause, single steps of both networks or of one, and slow motion, in which each part of a step is shown and said.
import { h } from "/web/dom.js";
import { slider } from "/web/parts/slider.js";

const SLOW_SECONDS = 1.6;
const IDLE = "The generator learns to make points that the discriminator takes for data; the discriminator learns to tell them apart.";
const BOXES = [
  { name: "z", title: "z" },
  { name: "generator", title: "Generator" },
  { name: "fake", title: "generated" },
  { name: "discriminator", title: "Discriminator" },
  { name: "loss", title: "loss" },
];
// The parts of one step: the network that will move, what lights up in the diagram, what is emphasised in the view, what is said.
const PARTS = [
  { network: "generator", lit: ["z", "generator", "fake"], view: "fake", said: "The generator makes points from random numbers z." },
  { network: "generator", lit: ["fake", "discriminator"], view: "probability", said: "The discriminator says how real each of them is." },
  { network: "generator", lit: ["loss", "discriminator", "fake"], view: "pulls", said: "The loss pulls each point to where the discriminator takes it for more real: the arrows." },
  { network: "generator", lit: ["generator"], view: "move", move: true, said: "The generator's weights move, so that its points follow the arrows." },
  { network: "discriminator", lit: ["data", "fake", "discriminator"], view: "probability", said: "The discriminator sees data and generated points." },
  { network: "discriminator", lit: ["loss", "discriminator"], view: "probability", said: "Its loss is small where it tells them apart." },
  { network: "discriminator", lit: ["discriminator"], view: "move", move: true, said: "The discriminator's weights move: the field changes." },
];

export function stepsView({ run, pace, step, startAnew, emphasise }) {
  let isRunning = false;
  let slow = null;
  let place = 0;
  const play = h("button", { class: "main play", onclick: () => toggle() }, "Run");
  const both = h("button", { title: "One step of both networks", onclick: () => once() }, "One step");
  const one = ["generator", "discriminator"].map((part) => h("button", { title: `Let the ${part} alone move once`, onclick: () => once(part) }, `${part[0].toUpperCase()}${part.slice(1)} only`));
  const slowly = h("button", { "aria-pressed": "false", title: "Show each part of a step, slowly", onclick: () => (slow === null ? goSlowly() : endSlowly()) }, "Slow motion");
  const anew = h("button", { class: "plain", onclick: () => startAnew() }, "Start anew");
  const boxes = new Map([...BOXES, { name: "data", title: "data" }].map(({ name, title }) => [name, h("span", { class: `box ${name}` }, title)]));
  const to = () => h("span", { class: "faint" }, "→");
  const [z, generator, fake, discriminator, loss, real] = [...boxes.values()];
  const diagram = [h("div", { class: "inputs" }, h("div", {}, z, to(), generator, to(), fake, to()), h("div", {}, real, to())), discriminator, to(), loss];
  const said = h("p", { class: "small said faint", role: "status" }, IDLE);
  const speed = slider({ label: "Steps a second", low: 1, high: 400, value: 30, log: true, hint: "As many as this machine can, at the right end" }, (value) => pace(value));

  const showPlay = () => {
    play.textContent = isRunning ? "Pause" : "Run";
    play.setAttribute("aria-pressed", String(isRunning));
    for (const button of [both, ...one]) button.disabled = isRunning;
  };
  const toggle = () => {
    endSlowly();
    isRunning = !isRunning;
    showPlay();
    run(isRunning);
  };
  const stop = () => {
    if (isRunning) run(false);
    isRunning = false;
    showPlay();
  };
  const once = (part) => {
    endSlowly();
    step(part);
  };
  const light = (lit) => {
    for (const [name, box] of boxes) box.toggleAttribute("data-lit", lit.includes(name));
  };
  const goSlowly = () => {
    stop();
    place = 0;
    slowly.setAttribute("aria-pressed", "true");
    const next = () => {
      const part = PARTS[place];
      light(part.lit);
      emphasise(part.view);
      said.textContent = part.said;
      if (part.move) step(part.network);
      place = (place + 1) % PARTS.length;
      slow = setTimeout(next, 1000 * SLOW_SECONDS);
    };
    next();
  };
  const endSlowly = () => {
    if (slow === null) return;
    clearTimeout(slow);
    slow = null;
    slowly.setAttribute("aria-pressed", "false");
    light([]);
    said.textContent = IDLE;
    emphasise(null);
  };
  showPlay();
  return {
    element: h(
      "section",
      { class: "stack steps", "aria-label": "Steps" },
      h("div", { class: "row" }, play, both, one, slowly, anew, speed),
      h("div", { class: "diagram", role: "img", "aria-label": "z goes into the generator, which makes generated points; the discriminator sees these and the data; the loss follows from what it says" }, diagram),
      said,
    ),
    set running(value) {
      endSlowly();
      isRunning = value;
      showPlay();
    },
    show: (frame) => {
      if (frame.failed) {
        endSlowly();
        isRunning = false;
        showPlay();
      }
    },
    leave: () => clearTimeout(slow),
  };
}
