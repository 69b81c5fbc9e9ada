// Data and generated points on a line: both densities, the discriminator and the best one above; the points and their
// pulls; below, how the generator maps its numbers z to places x. The figure 1 of Goodfellow et al. 2014, while it trains.
import { h } from "/web/dom.js";
import { arrow, DATA, FAKE, saveCanvas, sharpCanvas } from "/web/views/learn/canvas.js";

const LAYERS = [
  { name: "density", title: "density of the data", sign: "solid", colour: DATA },
  { name: "generated", title: "generated density", sign: "dashed", colour: FAKE },
  { name: "probability", title: "discriminator (right axis)", sign: "solid", colour: null },
  { name: "best", title: "best discriminator", sign: "dotted", colour: null },
  { name: "pulls", title: "pull on each point (gradient)" },
];
const DASHES = { solid: [], dashed: [7, 4], dotted: [2, 3] };
const EDGE = { left: 36, right: 36 };

export function lineView() {
  const state = { fixed: null, frame: null, emphasis: null, layers: Object.fromEntries(LAYERS.map(({ name }) => [name, true])) };
  const canvas = sharpCanvas("Densities, discriminator and generator on a line", 0.72, (...given) => state.frame && draw(state, ...given));
  const boxes = LAYERS.map(({ name, title, sign, colour }) => {
    const box = h("input", { type: "checkbox", checked: true, onchange: () => ((state.layers[name] = box.checked), canvas.redraw()) });
    const mark = sign ? h("span", { class: `stroke ${sign}`, "aria-hidden": "true" }) : null;
    if (mark) mark.style.borderTopColor = colour ?? "currentColor";
    return h("label", { class: "small" }, box, " ", mark, title);
  });
  const save = h("button", { class: "plain small", onclick: () => saveCanvas(canvas, `gan-step-${state.frame?.step ?? 0}`) }, "Save this view");
  return {
    element: h("div", { class: "stack" }, h("div", { class: "row layers" }, boxes), canvas, h("div", { class: "row spread" }, h("span"), save)),
    begin: (fixed) => ((state.fixed = fixed), (state.frame = null)),
    show: (frame) => ((state.frame = frame), canvas.redraw()),
    emphasise: (part) => ((state.emphasis = part), canvas.redraw()),
    leave: () => canvas.leave(),
  };
}

function draw({ fixed, frame, layers, emphasis }, context, width, height, colours) {
  const floor = 0.58 * height;
  const wide = width - EDGE.left - EDGE.right;
  const across = (x) => EDGE.left + ((x / fixed.reach + 1) / 2) * wide;
  const highest = 1.25 * fixed.density.reduce((most, value) => Math.max(most, value), 0);
  const up = { density: highest, generated: highest, probability: 1, best: 1 };
  drawFrame(context, width, height, floor, across, highest, colours);
  for (const { name, sign, colour } of LAYERS) {
    const values = name === "density" ? fixed.density : frame[name];
    if (name === "pulls" || !values || !layers[name]) continue;
    context.globalAlpha = emphasis === "fake" && colour === null ? 0.3 : 1;
    context.setLineDash(DASHES[sign]);
    context.lineWidth = 2.25;
    context.strokeStyle = colour ?? colours.text;
    curve(context, values, fixed, across, (value) => floor - Math.min(1.02, value / up[name]) * (floor - 14));
    context.stroke();
    if (name === "density" || name === "generated") fill(context, across, fixed, floor, colour);
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
  drawPoints(fixed, frame, layers, emphasis, context, across, floor);
  drawMap(frame, context, across, floor + 26, height - 22, wide, colours);
}

function curve(context, values, { cells, reach }, across, heightOf) {
  context.beginPath();
  let isDown = false;
  for (let cell = 0; cell < cells; cell += 1) {
    const value = values[cell];
    if (!Number.isFinite(value)) {
      isDown = false;
      continue;
    }
    const at = [across(reach * ((2 * (cell + 0.5)) / cells - 1)), heightOf(value)];
    if (isDown) context.lineTo(...at);
    else context.moveTo(...at);
    isDown = true;
  }
}

function fill(context, across, { reach }, floor, colour) {
  context.lineTo(across(reach), floor);
  context.lineTo(across(-reach), floor);
  context.globalAlpha = 0.12;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

function drawFrame(context, width, height, floor, across, highest, { line, faint }) {
  context.strokeStyle = line;
  context.fillStyle = faint;
  context.lineWidth = 1;
  context.font = "12px system-ui";
  context.beginPath();
  for (const y of [floor, floor + 26, height - 22]) {
    context.moveTo(EDGE.left, y);
    context.lineTo(width - EDGE.right, y);
  }
  context.stroke();
  context.textAlign = "center";
  for (const x of [-1, -0.5, 0, 0.5, 1]) {
    context.fillText(String(x), across(x), height - 6);
  }
  context.textAlign = "right";
  context.fillText((highest / 1.25).toFixed(1), EDGE.left - 6, floor - (floor - 14) / 1.25 + 4);
  context.fillText("x", EDGE.left - 10, floor + 17);
  context.fillText("z", EDGE.left - 10, height - 18);
  context.textAlign = "left";
  for (const [value, text] of [[0, "0"], [0.5, "½"], [1, "1"]]) context.fillText(text, width - EDGE.right + 8, floor - value * (floor - 14) + 4);
}

function drawPoints(fixed, frame, layers, emphasis, context, across, floor) {
  context.globalAlpha = 0.6;
  context.fillStyle = DATA;
  for (const x of fixed.real) context.fillRect(across(x) - 1, floor + 2, 2, 9);
  context.fillStyle = FAKE;
  for (const x of frame.fake) context.fillRect(across(x) - 1, floor + 15, 2, 9);
  context.globalAlpha = 1;
  if (!layers.pulls || emphasis === "fake" || emphasis === "probability") return;
  const usual = [...frame.pulls].map(Math.abs).sort((one, other) => one - other)[Math.floor(0.9 * frame.pulls.length)] || 1;
  context.strokeStyle = FAKE;
  context.lineWidth = 1.25;
  for (let point = 0; point < Math.min(60, frame.fake.length); point += 1) {
    const reach = Math.max(-48, Math.min(48, (24 * frame.pulls[point]) / usual));
    arrow(context, across(frame.fake[point]), floor - 4 - (point % 6) * 5, reach, 0, 3.5);
  }
}

function drawMap({ net }, context, across, top, bottom, wide, { faint }) {
  context.strokeStyle = faint;
  context.lineWidth = 1;
  context.globalAlpha = 0.8;
  for (let place = 0; place < net.length; place += 1) {
    const z = (2 * place) / (net.length - 1) - 1;
    context.beginPath();
    context.moveTo(EDGE.left + ((z + 1) / 2) * wide, bottom);
    context.lineTo(across(net[place]), top);
    context.stroke();
  }
  context.globalAlpha = 1;
}
