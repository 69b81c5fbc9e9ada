// A square on which data are drawn by hand. Points are [x0, y0, x1, y1, ...] from -1 to 1. By keyboard: arrow keys move a
// cross, Space puts points there, Delete clears.
import { h } from "/web/dom.js";
import { DATA, sharpCanvas } from "/web/views/learn/canvas.js";

const SPREAD = 0.03; // of the points that one place of the pen leaves
const EACH = 3;
const MOST = 4000;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const heart = () =>
  Array.from({ length: 120 }, (_, place) => {
    const angle = (2 * Math.PI * place) / 120;
    return [0.75 * Math.sin(angle) ** 3, (0.75 / 16) * (13 * Math.cos(angle) - 5 * Math.cos(2 * angle) - 2 * Math.cos(3 * angle) - Math.cos(4 * angle)) + 0.1];
  }).flat();

// changed(points) is called when a stroke ends
export function drawingPad(changed) {
  const state = { points: heart(), isOwn: false, at: [0, 0] };
  const draw = (context, width, height, { accent }) => {
    context.fillStyle = DATA;
    for (let place = 0; place < state.points.length; place += 2) {
      context.fillRect(((state.points[place] + 1) / 2) * width - 1.5, ((1 - state.points[place + 1]) / 2) * height - 1.5, 3, 3);
    }
    if (document.activeElement !== canvas) return;
    context.strokeStyle = accent;
    const [x, y] = [((state.at[0] + 1) / 2) * width, ((1 - state.at[1]) / 2) * height];
    context.strokeRect(x - 6, y - 6, 12, 12);
  };
  const put = ([x, y]) => {
    if (!state.isOwn) state.points = []; // the first stroke takes the place of the example
    state.isOwn = true;
    for (let each = 0; each < EACH && state.points.length < 2 * MOST; each += 1) {
      const around = () => SPREAD * (Math.random() + Math.random() - 1);
      state.points.push(...[x + around(), y + around()].map((value) => Math.max(-1, Math.min(1, value))));
    }
    canvas.redraw();
  };
  const placeOf = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [(2 * (clientX - box.left)) / box.width - 1, 1 - (2 * (clientY - box.top)) / box.height];
  };
  const end = () => state.points.length && changed(state.points);
  const empty = () => {
    [state.points, state.isOwn] = [[], true];
    canvas.redraw();
  };
  const canvas = sharpCanvas("Draw the data here. Arrow keys move a cross, Space puts points, Delete clears.", 1, draw, {
    role: "application",
    tabindex: "0",
    class: "drawn drawing",
    onpointerdown: (event) => {
      canvas.setPointerCapture(event.pointerId);
      put(placeOf(event));
    },
    onpointermove: (event) => event.buttons && put(placeOf(event)),
    onpointerup: end,
    onfocus: () => canvas.redraw(),
    onblur: () => canvas.redraw(),
    onkeydown: (event) => {
      if (event.key in KEYS) state.at = state.at.map((value, axis) => Math.max(-1, Math.min(1, value + 0.05 * KEYS[event.key][axis])));
      else if (event.key === " ") put(state.at);
      else if (event.key === "Delete" || event.key === "Backspace") empty();
      else return;
      event.preventDefault();
      canvas.redraw();
    },
    onkeyup: (event) => event.key === " " && end(),
  });
  const clear = h("button", { class: "plain small", onclick: empty }, "Clear the drawing");
  return {
    element: h("div", { class: "stack" }, canvas, h("div", { class: "row spread" }, h("span", { class: "small faint" }, "Press and move to draw."), clear)),
    get points() {
      return state.points;
    },
  };
}
