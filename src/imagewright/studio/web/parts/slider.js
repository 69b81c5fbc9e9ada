// <labelled-slider>: a slider with its name and a number that can be typed. Arrow keys, Page keys, Home and End work;
// a double click on the name brings back the first value. Fires "input" while it moves; `value` is a number.
import { h, newId } from "/web/dom.js";

class LabelledSlider extends HTMLElement {
  #range = h("input", { type: "range" });
  #number = h("input", { type: "number" });
  #label = h("label");
  #first = 0;
  #isLog = false;

  connectedCallback() {
    if (this.#range.isConnected) return;
    this.#range.id = newId("slider");
    this.#label.htmlFor = this.#range.id;
    this.append(this.#label, this.#range, this.#number);
    this.#range.addEventListener("input", (event) => this.#changed(event, this.#range.value));
    this.#number.addEventListener("input", (event) => this.#changed(event, this.#number.value));
    this.#label.addEventListener("dblclick", () => {
      this.value = this.#first;
      this.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  // log: the handle moves along the logarithm, for values over several powers of ten; `low` is then above 0
  set({ label, low = 0, high = 1, step = 0.01, value = low, hint = null, log = false }) {
    this.#label.textContent = label;
    this.#label.title = hint ?? label;
    this.#isLog = log;
    Object.assign(this.#number, { min: low, max: high, step: log ? "any" : step });
    Object.assign(this.#range, log ? { min: Math.log10(low), max: Math.log10(high), step: 0.01 } : { min: low, max: high, step });
    this.#number.setAttribute("aria-label", `${label}, as a number`);
    this.#first = value;
    this.value = value;
    return this;
  }

  get value() {
    if (!this.#isLog) return Number(this.#range.value);
    return Math.min(Number(this.#number.max), Math.max(Number(this.#number.min), Number(this.#number.value)));
  }

  set value(value) {
    this.#range.value = this.#isLog ? Math.log10(value) : value;
    this.#number.value = Number(Number(value).toPrecision(4));
    if (this.#isLog) this.#range.setAttribute("aria-valuetext", this.#number.value);
  }

  #changed(event, value) {
    event.stopPropagation();
    if (value === "" || !Number.isFinite(Number(value))) return;
    if (event.target === this.#range) this.#number.value = this.#isLog ? Number((10 ** value).toPrecision(3)) : Number(Number(value).toPrecision(4));
    else this.#range.value = this.#isLog ? Math.log10(Math.max(value, this.#number.min)) : value;
    if (this.#isLog) this.#range.setAttribute("aria-valuetext", this.#number.value);
    this.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

customElements.define("labelled-slider", LabelledSlider);

// A slider in one call: slider({ label, low, high, step, value, hint }, (value) => ...)
export function slider(settings, changed) {
  const element = h("labelled-slider", { oninput: () => changed(element.value) });
  element.connectedCallback();
  return element.set(settings);
}
