// Data and generated points in the plane, in layers: a field behind, contours of both densities, the generator's net, the
// points, and where the generator's loss pulls each generated point.
import { h } from "/web/dom.js";
import { arrow, contour, DATA, FAKE, paintField, saveCanvas, shadeText, sharpCanvas } from "/web/views/learn/canvas.js";
import { slider } from "/web/parts/slider.js";
import { drawCells } from "/web/views/learn/gan_cells.js";
import { select } from "/web/views/learn/gan_form.js";

const BEHIND = [
  { name: "probability", title: "how real the discriminator takes each place to be" },
  { name: "best", title: "the same of the best discriminator" },
  { name: "generated", title: "density of generated points" },
  { name: "density", title: "density of the data" },
  { name: "none", title: "nothing" },
];
const LAYERS = [
  { name: "real", title: "data", shown: true },
  { name: "fake", title: "generated points", shown: true },
  { name: "pulls", title: "pull on each (gradient)", shown: true },
  { name: "cells", title: "the generator's cells: darker is denser", shown: false },
  { name: "net", title: "the generator's net", shown: false },
  { name: "contours", title: "contours of both densities", shown: false },
];
const LONGEST = 26; // pixels of an arrow at the 90th percentile
const SPOT = 16; // pixels, for one arrow

export function planeView() {
  const state = { behind: "probability", layers: Object.fromEntries(LAYERS.map(({ name, shown }) => [name, shown])), fixed: null, frame: null, emphasis: null, span: 0.5, share: 1 };
  const canvas = sharpCanvas("Data, generated points and the discriminator's field in the plane", 1, (...given) => state.frame && draw(state, ...given));
  const scale = h("div", { class: "scale", "aria-hidden": "true" });
  scale.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(shadeText).join(", ")})`;
  const ends = h("div", { class: "row spread small faint" });
  const nothing = h("p", { class: "small faint", hidden: true }, "For this loss no best discriminator follows from the two densities.");
  const showScale = () => {
    const isField = state.behind === "probability" || state.behind === "best";
    const [low, high] = [0.5 - state.span, 0.5 + state.span].map((value) => value.toFixed(2));
    ends.replaceChildren(...(isField ? [`${low}: generated`, "½: cannot tell (thick line)", `${high}: real`] : ["no points", "most points"]).map((text) => h("span", {}, text)));
    scale.hidden = ends.hidden = state.behind === "none";
  };
  const behind = select("Behind the points", BEHIND, state.behind, (name) => {
    state.behind = name;
    state.span = spanOf(state.frame?.[name] ?? []);
    showScale();
    refresh();
  });
  const boxes = LAYERS.map(({ name, title, shown }) => {
    const box = h("input", { type: "checkbox", checked: shown, onchange: () => ((state.layers[name] = box.checked), (way.hidden = !state.layers.cells), refresh()) });
    return h("label", { class: "small" }, box, " ", mark(name), title);
  });
  const way = slider({ label: "From z (0) to the points (1)", low: 0, high: 1, step: 0.01, value: 1, hint: "How far the cells are on the way from the square of z to where the generator maps them" }, (value) => ((state.share = value), canvas.redraw()));
  way.hidden = true;
  const refresh = () => {
    nothing.hidden = !(state.behind === "best" && state.frame && !state.frame.best);
    canvas.redraw();
  };
  showScale();
  const save = h("button", { class: "plain small", onclick: () => saveCanvas(canvas, `gan-step-${state.frame?.step ?? 0}`) }, "Save this view");
  return {
    element: h("div", { class: "stack" }, h("div", { class: "plane" }, canvas), scale, ends, nothing, h("div", { class: "row layers" }, boxes), way, h("div", { class: "row wide" }, behind.element, save)),
    begin: (fixed) => ((state.fixed = fixed), (state.frame = null)),
    show: (frame) => {
      state.frame = frame;
      state.span = spanOf(frame[state.behind] ?? []);
      showScale();
      refresh();
    },
    emphasise: (part) => ((state.emphasis = part), canvas.redraw()),
    leave: () => canvas.leave(),
  };
}

// The sign of a layer in its label, as it is drawn
function mark(name) {
  if (name === "real" || name === "fake") return h("span", { class: `sign ${name}`, "aria-hidden": "true" });
  return null;
}

// How far a field goes from one half, in steps that do not flicker: colours are stretched over it.
function spanOf(field) {
  let most = 0.05;
  for (const value of field) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value - 0.5));
  return [0.05, 0.1, 0.2, 0.3].find((each) => most <= each) ?? 0.5;
}

function draw(state, context, width, height, colours) {
  const { fixed, frame, layers, emphasis } = state;
  const box = { left: 0, top: 0, size: width };
  const place = (x, y) => [((x / fixed.reach + 1) / 2) * width, ((1 - y / fixed.reach) / 2) * height];
  const shows = (name) => layers[name] || emphasis === name;
  const fades = emphasis === "fake"; // of the field, while points are made
  drawField(state, context, box, fades);
  if (shows("contours")) drawContours(fixed, frame, context, box, colours);
  if (shows("cells")) drawCells(state, context, place);
  if (shows("net")) drawNet(frame, context, place);
  if (shows("real")) drawPoints(context, fixed.real, place, DATA, "circle");
  if (layers.cells && state.share < 1) return; // generated points are not on the way
  if (shows("fake")) drawPoints(context, frame.fake, place, FAKE, "square");
  if (shows("pulls") && (emphasis === null || emphasis === "pulls" || emphasis === "move")) drawPulls(frame, context, place);
}

function drawField({ fixed, frame, behind, span }, context, box, fades) {
  const field = behind === "density" ? fixed.density : frame[behind];
  if (!field || behind === "none") return;
  const isField = behind === "probability" || behind === "best";
  const top = isField ? 1 : field.reduce((most, value) => Math.max(most, value), 1e-9);
  context.globalAlpha = fades ? 0.35 : 1;
  paintField(context, field, fixed.cells, box, isField ? (value) => 0.5 + (value - 0.5) / (2 * span) : (value) => Math.sqrt(value / top));
  context.globalAlpha = 1;
  if (!isField) return;
  for (const [value, width, dash] of [[0.5 - span / 2, 1, [3, 4]], [0.5, 2.25, []], [0.5 + span / 2, 1, [8, 4]]]) {
    context.strokeStyle = "rgb(255 255 255 / 0.85)";
    context.lineWidth = width;
    context.setLineDash(dash);
    contour(context, field, fixed.cells, box, value);
  }
  context.setLineDash([]);
}

function drawContours(fixed, frame, context, box, { paper }) {
  const top = fixed.density.reduce((most, value) => Math.max(most, value), 0);
  for (const [field, colour, dash] of [[fixed.density, DATA, []], [frame.generated, FAKE, [5, 3]]]) {
    for (const share of [0.1, 0.4]) {
      for (const [width, ink] of [[4, paper], [1.75, colour]]) {
        [context.lineWidth, context.strokeStyle] = [width, ink];
        context.setLineDash(dash);
        contour(context, field, fixed.cells, box, share * top);
      }
    }
  }
  context.setLineDash([]);
}

function drawNet({ net, line }, context, place) {
  for (const [width, colour] of [[3, "rgb(0 0 0 / 0.45)"], [1.25, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    for (let point = 0; 2 * point < net.length; point += 1) {
      const at = place(net[2 * point], net[2 * point + 1]);
      if (point % line === 0) context.moveTo(...at);
      else context.lineTo(...at);
    }
    context.stroke();
  }
}

function drawPoints(context, points, place, colour, shape) {
  context.fillStyle = colour;
  context.strokeStyle = "#fff";
  context.lineWidth = 1;
  for (let point = 0; point < points.length; point += 2) {
    const [x, y] = place(points[point], points[point + 1]);
    context.beginPath();
    if (shape === "circle") context.arc(x, y, 3.2, 0, 2 * Math.PI);
    else context.rect(x - 2.8, y - 2.8, 5.6, 5.6);
    context.fill();
    context.stroke();
  }
}

function drawPulls({ fake, pulls }, context, place) {
  const lengths = [];
  for (let point = 0; point < pulls.length; point += 2) lengths.push(Math.hypot(pulls[point], pulls[point + 1]));
  const usual = [...lengths].sort((one, other) => one - other)[Math.floor(0.9 * lengths.length)] || 1;
  const stretch = LONGEST / Math.max(usual, 1e-9);
  const arrows = [];
  const taken = new Set(); // one arrow for a spot: many on one place would hide everything
  for (let point = 0; point < pulls.length; point += 2) {
    const [x, y] = place(fake[point], fake[point + 1]);
    const spot = `${Math.round(x / SPOT)} ${Math.round(y / SPOT)}`;
    if (taken.has(spot)) continue;
    taken.add(spot);
    const [dx, dy] = [pulls[point] * stretch, -pulls[point + 1] * stretch];
    const most = Math.min(1, (1.5 * LONGEST) / Math.max(1e-9, Math.hypot(dx, dy)));
    arrows.push([x, y, dx * most, dy * most]);
  }
  for (const [width, colour] of [[3.5, "rgb(255 255 255 / 0.8)"], [1.4, "#111"]]) {
    [context.lineWidth, context.strokeStyle] = [width, colour];
    for (const each of arrows) arrow(context, ...each);
  }
}
