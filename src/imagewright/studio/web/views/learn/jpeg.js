// JPEG: quality as a slider, and the block of 8 x 8 pixels under the pointer at every stage of coding.
import { decimals, h, whole } from "/web/dom.js";
import { Channel } from "/web/live.js";
import { drawOn } from "/web/parts/picture.js";
import { slider } from "/web/parts/slider.js";
import { tellError } from "/web/parts/toast.js";
import { shade } from "/web/views/learn/canvas.js";
import { captioned, chosenPicture } from "/web/views/learn/chosen.js";
import { blockStages } from "/web/views/learn/jpeg_block.js";

const BLOCK = 8;
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export default async function show(root) {
  const state = { picture: null, quality: 50, row: 0, column: 0, coded: null, showsBits: false };
  const original = h("picture-view", { label: "the picture as it is" });
  const decoded = h("picture-view", { label: "the picture as the file decodes" });
  const said = h("p", { class: "number", role: "status" }, " ");
  const map = h("canvas", { tabindex: "0", role: "slider", "aria-label": "block of the picture", "aria-valuemin": "0" });
  const stages = blockStages();

  const code = new Channel("learn/jpeg", showCoded, tellError);
  const open = new Channel("learn/jpeg_block", (block) => stages.show(block), tellError);
  const asked = () => ({ ...state.picture, quality: state.quality });
  const askCode = () => state.picture && code.ask(asked());
  const askBlock = () => state.picture && open.ask({ ...asked(), row: state.row, column: state.column });

  function showCoded([before, after]) {
    original.show(before);
    decoded.show(after);
    const isFirst = state.coded === null;
    state.coded = { ...after.about, picture: after };
    const { rows, columns, bits } = state.coded;
    if (isFirst) [state.row, state.column] = busiest(bits);
    state.row = Math.min(state.row, rows - 1);
    state.column = Math.min(state.column, columns - 1);
    const { quality, bytes, bits_per_pixel, psnr } = after.about;
    said.textContent = `Quality ${quality}: ${whole(bytes)} bytes, ${decimals(bits_per_pixel)} bits a pixel in place of 24, PSNR ${decimals(psnr)} dB.`;
    root.dataset.quality = quality;
    drawMap();
    askBlock();
  }

  function drawMap() {
    const { picture, rows, columns, bits } = state.coded;
    drawOn(map, picture);
    const context = map.getContext("2d");
    if (state.showsBits) {
      const most = Math.max(...bits.map((row) => Math.max(...row)), 1);
      bits.forEach((row, y) =>
        row.forEach((count, x) => {
          context.fillStyle = `rgb(${shade(count / most).join(" ")} / 0.85)`;
          context.fillRect(BLOCK * x, BLOCK * y, BLOCK, BLOCK);
        }),
      );
    }
    for (const [width, colour] of [[3, "#000"], [1, "#fff"]]) {
      [context.lineWidth, context.strokeStyle] = [width, colour];
      context.strokeRect(BLOCK * state.column - 0.5, BLOCK * state.row - 0.5, BLOCK + 1, BLOCK + 1);
    }
    map.setAttribute("aria-valuemax", rows * columns - 1);
    map.setAttribute("aria-valuenow", state.row * columns + state.column);
    map.setAttribute("aria-valuetext", `row ${state.row}, column ${state.column}, ${bits[state.row][state.column]} bits`);
  }

  const move = (row, column) => {
    if (!state.coded) return;
    const [y, x] = [Math.max(0, Math.min(state.coded.rows - 1, row)), Math.max(0, Math.min(state.coded.columns - 1, column))];
    if (y === state.row && x === state.column) return;
    [state.row, state.column] = [y, x];
    drawMap();
    askBlock();
  };
  map.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const scale = map.width / map.clientWidth / BLOCK;
    move(Math.floor(offsetY * scale), Math.floor(offsetX * scale));
  });
  map.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    const [down, right] = KEYS[event.key];
    move(state.row + down, state.column + right);
  });

  const showBits = h("input", { type: "checkbox", onchange: () => ((state.showsBits = showBits.checked), state.coded && drawMap()) });
  const pictures = await chosenPicture((picture) => {
    [state.picture, state.coded] = [picture, null];
    askCode();
  });
  root.append(
    pictures,
    h("div", { class: "wide-slider" }, slider({ label: "Quality", low: 1, high: 100, step: 1, value: state.quality }, (quality) => ((state.quality = quality), askCode()))),
    said,
    h(
      "div",
      { class: "columns even" },
      h("div", { class: "stack" }, h("h2", {}, "Point at a block"), h("div", { class: "blocks" }, map), h("label", { class: "small" }, showBits, " show where the bits go")),
      h("div", { class: "stack" }, h("h2", {}, "The whole file"), h("div", { class: "pictures" }, captioned(original, "as it is, at most 256 pixels a side"), captioned(decoded, "as the file decodes")), stages.waves),
    ),
    stages.element,
  );
}

// The block of most bits: [row, column]
function busiest(bits) {
  let found = [0, 0];
  bits.forEach((row, y) => row.forEach((count, x) => (count > bits[found[0]][found[1]] ? (found = [y, x]) : null)));
  return found;
}
