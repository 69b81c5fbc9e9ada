// Losses and distances over the steps, in bounded memory: when there are many, every second point is left out.
import { h } from "/web/dom.js";
import "/web/parts/curve.js";

const MOST = 600;
const DRAWN_EVERY = 300; // ms

export class History {
  #losses = h("value-curve", { role: "img", "aria-label": "losses of both networks over the steps" });
  #divergence = h("value-curve", { role: "img", "aria-label": "KL divergence of the generated density from the data's, over the steps" });
  #distances = h("value-curve", { role: "img", "aria-label": "JS divergence and Wasserstein distance of the generated density from the data's, over the steps" });
  #points = [];
  #stride = 1;
  #drawn = 0;
  #waiting = null;
  element = h("div", { class: "histories" }, h("div", {}, h("h3", {}, "Losses"), this.#losses), h("div", {}, h("h3", {}, "KL divergence"), this.#divergence), h("div", {}, h("h3", {}, "JS divergence, Wasserstein distance"), this.#distances));

  clear() {
    this.#points = [];
    this.#stride = 1;
  }

  add({ step, losses, measures }) {
    const last = this.#points.at(-1);
    if (last && step - last.step < this.#stride) return;
    const sum = (phase, isPenalty) => {
      const found = Object.entries(losses).filter(([name]) => name.startsWith(`${phase}/`) && /\/(r1|r2|gradient_penalty)$/.test(name) === isPenalty);
      return found.length ? found.reduce((total, [, value]) => total + value, 0) : null;
    };
    this.#points.push({ step, generator: sum("generator", false), discriminator: sum("discriminator", false), penalty: sum("discriminator", true), ...measures });
    if (this.#points.length > MOST) {
      this.#points = this.#points.filter((_, place) => place % 2 === 0);
      this.#stride = Math.max(1, Math.ceil((step - this.#points[0].step) / this.#points.length));
    }
    const wait = Math.max(0, this.#drawn + DRAWN_EVERY - performance.now());
    this.#waiting ??= setTimeout(() => this.#draw(), wait);
  }

  #draw() {
    this.#waiting = null;
    this.#drawn = performance.now();
    if (!this.element.isConnected) return;
    const column = (name) => this.#points.map((point) => point[name] ?? null);
    const settings = { xLabel: "steps", height: 190 };
    this.#losses.set(column("step"), { generator: column("generator"), discriminator: column("discriminator"), penalty: column("penalty") }, settings);
    this.#divergence.set(column("step"), { "KL divergence": column("kl") }, settings);
    this.#distances.set(column("step"), { "JS divergence": column("js"), "Wasserstein distance": column("distance") }, settings);
  }
}
