// One block at every stage: pixels, DCT, quantised, rebuilt, and the symbols and bits of the file.
import { clear, counted, h } from "/web/dom.js";
import { shade } from "/web/views/learn/canvas.js";

const STAGES = [
  { name: "pixels", title: "1. Pixels of the luminance", about: "0 to 255", level: (value) => value / 255, isGrey: true },
  { name: "dct", title: "2. Cosine transform", about: "what each of 64 waves contributes; 128 is subtracted first", level: signed },
  { name: "table", title: "3. Steps at this quality", about: "coarser for fine waves", level: (value) => Math.log2(value) / 8 },
  { name: "quantised", title: "4. Divided by steps, rounded", about: "most are 0: they cost nearly nothing", level: (value) => signed(16 * value) },
  { name: "rebuilt", title: "5. Pixels rebuilt", about: "steps times numbers, transformed back", level: (value) => value / 255, isGrey: true },
];

function signed(value) {
  return 0.5 + (Math.sign(value) * Math.log2(1 + Math.abs(value))) / 22;
}

export function blockStages() {
  const tables = STAGES.map((stage) => ({ ...stage, cells: [...Array(64)].map(() => h("td")) }));
  const title = h("h2", { "aria-live": "polite" }, "One block");
  const symbols = h("tbody");
  const wave = h("canvas", { width: BASIS, height: BASIS, role: "img", "aria-label": "the 64 waves, those that this block keeps outlined" });
  const element = h(
    "section",
    { "aria-label": "One block" },
    title,
    h(
      "div",
      { class: "stages" },
      tables.map(({ title: name, about, cells }) => h("div", {}, h("h3", {}, name), h("p", { class: "small faint" }, about), matrix(cells, name))),
      h("div", {}, h("h3", {}, "6. Bits of the file"), h("p", { class: "small faint" }, "in zig-zag order; the code of the symbol, then the bits of its value"), h("div", { class: "symbols", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "symbol"), h("th", {}, "code"), h("th", {}, "value"))), symbols))),
    ),
  );
  const show = (block) => {
    title.textContent = `Block in row ${block.row}, column ${block.column}: ${counted(block.bits, "bit")} in place of 512, ${counted(block.nonzero, "wave")} of 64 kept`;
    for (const { name, cells, level, isGrey } of tables) block[name].flat().forEach((value, place) => paint(cells[place], value, level(value), isGrey));
    clear(symbols, block.symbols.map((each) => h("tr", {}, h("td", {}, each.meaning), h("td", { class: "code" }, each.code_bits), h("td", { class: "code" }, each.value_bits))));
    drawWaves(wave, block);
  };
  const waves = h("div", {}, h("h3", {}, "The 64 waves"), h("p", { class: "small faint" }, "A block is a sum of these; outlined ones are kept."), wave);
  return { element, waves, show };
}

function matrix(cells, name) {
  const rows = [...Array(8)].map((_, row) => h("tr", {}, cells.slice(8 * row, 8 * row + 8)));
  return h("table", { class: "matrix", "aria-label": name }, h("tbody", {}, rows));
}

function paint(cell, value, level, isGrey) {
  const shown = Math.max(0, Math.min(1, level));
  const [red, green, blue] = isGrey ? [255 * shown, 255 * shown, 255 * shown] : shade(shown);
  cell.textContent = Math.round(value);
  cell.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
  cell.style.color = 0.3 * red + 0.6 * green + 0.1 * blue > 120 ? "#111" : "#fff";
}

const WAVE = 4; // pixels of the canvas for each of a wave
const STEP = 8 * WAVE + 6;
const BASIS = 8 * STEP;

// The basis comes as 64 pictures in reading order, or 8 x 8 of them.
function drawWaves(canvas, { basis, quantised }) {
  const waves = basis.flat(basis.length === 8 ? 1 : 0);
  const kept = quantised.flat();
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, BASIS, BASIS);
  waves.forEach((wave, number) => {
    const [left, top] = [STEP * (number % 8) + 3, STEP * Math.floor(number / 8) + 3];
    const most = Math.max(...wave.flat().map(Math.abs));
    wave.forEach((row, y) =>
      row.forEach((value, x) => {
        const grey = 128 + (127 * value) / most;
        context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
        context.fillRect(left + WAVE * x, top + WAVE * y, WAVE, WAVE);
      }),
    );
    if (!kept[number]) {
      context.fillStyle = "rgb(128 128 128 / 0.55)";
      context.fillRect(left, top, 8 * WAVE, 8 * WAVE);
      return;
    }
    context.strokeStyle = "#d55e00";
    context.lineWidth = 3;
    context.strokeRect(left - 1, top - 1, 8 * WAVE + 2, 8 * WAVE + 2);
  });
}
