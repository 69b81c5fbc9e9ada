// Dimension: how many random samples hit the cells of a line, a square and a cube, and how distances gather around their mean.
import { clear, decimals, h, whole } from "/web/dom.js";
import { Channel } from "/web/live.js";
import { slider } from "/web/parts/slider.js";
import { tellError } from "/web/parts/toast.js";
import { DATA, sharpCanvas, unpack } from "/web/views/learn/canvas.js";
import { drawCells } from "/web/views/learn/dimension_cells.js";

const NAMES = ["line", "square", "cube"];
const TURN = 0.1; // radians of an arrow key
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export default function show(root) {
  const state = { dimensions: 2, samples: 100, seed: 0, found: null, turned: [0.6, 0.5] };
  const canvas = sharpCanvas("Cells of side 0.1 and random samples", 0.85, (context, width, height, colours) => state.found && drawCells(context, width, height, colours, state), { tabindex: "0" });
  const said = h("p", { role: "status", class: "number" });
  const others = h("tbody");
  const channel = new Channel(
    "learn/cover",
    (found, asked) => {
      const { share, expected, elsewhere } = found;
      state.found = { dimensions: asked.dimensions, points: unpack(found.points), hit: unpack(found.hit) };
      said.textContent = `${whole(asked.samples)} random samples hit ${decimals(100 * share)} % of the ${whole(10 ** asked.dimensions)} cells of a ${NAMES[asked.dimensions - 1]}; ${decimals(100 * expected)} % are expected.`;
      clear(others, elsewhere.map((each, place) => h("tr", {}, h("td", {}, place + 1), h("td", { class: "number" }, whole(10 ** (place + 1))), h("td", { class: "number" }, `${decimals(100 * each)} %`))));
      root.dataset.samples = asked.samples;
      canvas.redraw();
    },
    tellError,
  );
  const ask = () => channel.ask({ dimensions: state.dimensions, samples: state.samples, seed: state.seed });
  const buttons = NAMES.map((name, place) =>
    h("button", { "aria-pressed": String(state.dimensions === place + 1), onclick: () => {
      state.dimensions = place + 1;
      buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === place)));
      ask();
    } }, `${name} (${place + 1})`),
  );
  const turn = (right, down) => {
    state.turned = [state.turned[0] + right, Math.max(-1.5, Math.min(1.5, state.turned[1] + down))];
    canvas.redraw();
  };
  canvas.addEventListener("pointermove", ({ buttons: pressed, movementX, movementY }) => pressed && state.dimensions === 3 && turn(movementX / 120, movementY / 120));
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || state.dimensions !== 3) return;
    event.preventDefault();
    turn(...KEYS[event.key].map((each) => each * TURN));
  });
  const again = h("button", { class: "plain", onclick: () => ((state.seed += 1), ask()) }, "Other samples");
  const distances = distancesPart();
  root.append(
    h("h2", {}, "What covers a square and a cube"),
    h(
      "div",
      { class: "columns" },
      h("div", { class: "stack" }, h("div", { class: "row", role: "group", "aria-label": "Dimensions" }, buttons, again), canvas, h("p", { class: "small faint" }, "Filled cells hold a sample. Drag the cube, or turn it by arrow keys.")),
      h(
        "div",
        { class: "stack" },
        slider({ label: "Samples", low: 1, high: 20000, value: state.samples, log: true }, (samples) => ((state.samples = Math.round(samples)), ask())),
        said,
        h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "dimensions"), h("th", { class: "number" }, "cells"), h("th", { class: "number" }, "hit by as many samples"))), others),
        h("p", { class: "small faint" }, "Each further dimension takes ten times as many samples. A picture of 64 pixels a side has 12,288 dimensions: no number of pictures covers them, and pictures lie near a small part of them."),
      ),
    ),
    distances.element,
  );
  ask();
  return () => {
    canvas.leave();
    distances.leave();
  };
}

function distancesPart() {
  let found = null;
  const canvas = sharpCanvas("How often each distance occurs, in units of the mean distance", 0.34, (context, width, height, colours) => found && drawBars(context, width, height, colours, found));
  const said = h("p", { role: "status", class: "number" });
  const channel = new Channel(
    "learn/distances",
    (answer, asked) => {
      found = answer;
      said.textContent = `In ${whole(asked.dimensions)} dimensions distances vary by ${decimals(100 * answer.variation)} % of their mean.`;
      canvas.redraw();
    },
    tellError,
  );
  const ask = (dimensions) => channel.ask({ dimensions: Math.round(dimensions) });
  const element = h(
    "section",
    { "aria-label": "Distances" },
    h("h2", {}, "All are equally far apart"),
    h("p", {}, "Distances between 300 random points. In many dimensions nothing is near, and nothing far: a nearest neighbour says little."),
    h("div", { class: "wide-slider" }, slider({ label: "Dimensions", low: 1, high: 1000, value: 2, log: true }, ask)),
    said,
    canvas,
  );
  ask(2);
  return { element, leave: () => canvas.leave() };
}

function drawBars(context, width, height, { line, faint }, { counts, edges }) {
  const floor = height - 22;
  const most = Math.max(...counts);
  const across = (value) => 8 + (value / edges.at(-1)) * (width - 16);
  context.fillStyle = DATA;
  counts.forEach((count, place) => {
    const tall = (count / most) * (floor - 8);
    context.fillRect(across(edges[place]), floor - tall, Math.max(1, across(edges[place + 1]) - across(edges[place]) - 1), tall);
  });
  context.strokeStyle = line;
  context.strokeRect(8, floor, width - 16, 0);
  context.fillStyle = faint;
  context.font = "12px system-ui";
  context.textAlign = "center";
  for (const value of [0, 0.5, 1, 1.5, 2]) context.fillText(value === 1 ? "mean" : `${value}`, across(value) + (value ? 0 : 6), height - 6);
}
