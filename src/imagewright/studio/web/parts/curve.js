// <value-curve>: curves over images seen (or any x), readable without colour: each has its own dash as well. By uPlot,
// which is loaded when the first curve is shown.
import { brief, h } from "/web/dom.js";
import { watchColours } from "/web/parts/style.js";

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 5], [4, 2, 1, 2]];

let loading = null;
function plotter() {
  loading ??= new Promise((done, failed) => {
    document.head.append(h("link", { rel: "stylesheet", href: "/web/vendor/uPlot.min.css" }));
    document.head.append(
      h("script", { src: "/web/vendor/uPlot.iife.min.js", onload: () => done(window.uPlot), onerror: () => failed(new Error("uPlot could not be loaded.")) }),
    );
  });
  return loading;
}

class ValueCurve extends HTMLElement {
  #plot = null;
  #names = null;
  #watch = null;
  #unwatch = null;
  #pending = null;

  disconnectedCallback() {
    this.#watch?.disconnect();
    this.#unwatch?.();
    this.#watch = this.#unwatch = null;
    this.#plot?.destroy();
    this.#plot = null;
  }

  // x: numbers; curves: { name: values }; settings: { xLabel, height, log }. Called again, it shows the new values.
  async set(x, curves, { xLabel = "images seen", height = 200, log = false } = {}) {
    this.#pending = { x, curves, xLabel, height, log };
    const uPlot = await plotter();
    if (!this.#pending || !this.isConnected) return;
    const now = this.#pending;
    this.#pending = null;
    const names = JSON.stringify([Object.keys(now.curves), now.log]);
    const data = [now.x, ...Object.values(now.curves)];
    if (this.#plot && names === this.#names) this.#plot.setData(data);
    else this.#draw(uPlot, now, data);
    this.#names = names;
    this.dataset.points = now.x.length;
  }

  #draw(uPlot, { curves, xLabel, height, log }, data) {
    this.#plot?.destroy();
    const style = getComputedStyle(this);
    const line = "rgb(128 128 128 / 0.25)";
    const axis = { stroke: () => style.color, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font: "12px system-ui" };
    const series = Object.keys(curves).map((label, place) => ({
      label,
      stroke: COLOURS[place % COLOURS.length],
      dash: DASHES[place % DASHES.length],
      width: 1.75,
      spanGaps: true,
      points: { show: data[0].length < 40, size: 4 },
      value: (_, value) => (value === null ? "–" : Number(value.toPrecision(4))),
    }));
    this.#plot = new uPlot(
      {
        width: this.clientWidth || 480,
        height,
        scales: { x: { time: false }, y: log ? { distr: 3 } : {} },
        axes: [
          { ...axis, label: xLabel, labelSize: 20, labelFont: "12px system-ui", values: (_, ticks) => ticks.map(brief) },
          { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : Number(tick.toPrecision(3)))) },
        ],
        series: [{ label: xLabel, value: (_, value) => brief(value) }, ...series],
        cursor: { drag: { x: true, y: false } },
      },
      data,
      this,
    );
    this.#watch ??= new ResizeObserver(() => this.#plot?.setSize({ width: this.clientWidth, height }));
    this.#watch.observe(this);
    this.#unwatch ??= watchColours(() => this.#plot?.redraw(false, true));
  }
}

customElements.define("value-curve", ValueCurve);

// Curves of different points over one axis: { label: [[x, y], ...] } as { x, curves }, with null between.
export function joined(series) {
  const places = [...new Set(Object.values(series).flatMap((points) => points.map(([x]) => x)))].sort((one, other) => one - other);
  const curves = {};
  for (const [label, points] of Object.entries(series)) {
    const values = new Map(points);
    curves[label] = places.map((x) => values.get(x) ?? null);
  }
  return { x: places, curves };
}
