// <point-pad>: a square in which a point is moved by pointer or arrow keys. Fires "input"; `point` is [x, y] from 0 to 1,
// x to the right, y down. What lies under the point, such as pictures in the corners, is put inside the element.
import { h } from "/web/dom.js";

const STEP = 0.02;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class PointPad extends HTMLElement {
  #dot = h("div", { class: "dot" });
  #point = [0.5, 0.5];

  connectedCallback() {
    if (this.#dot.isConnected) return;
    this.append(this.#dot);
    this.tabIndex = 0;
    this.setAttribute("role", "slider");
    this.setAttribute("aria-roledescription", "pad");
    this.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button, select, input")) return;
      this.setPointerCapture(event.pointerId);
      this.#follow(event);
    });
    this.addEventListener("pointermove", (event) => event.buttons && this.hasPointerCapture(event.pointerId) && this.#follow(event));
    this.addEventListener("keydown", (event) => {
      if (event.target !== this || !(event.key in KEYS)) return;
      event.preventDefault();
      const [x, y] = KEYS[event.key];
      const step = event.shiftKey ? 5 * STEP : STEP;
      this.#move([this.#point[0] + x * step, this.#point[1] + y * step]);
    });
    this.point = this.#point;
  }

  get point() {
    return [...this.#point];
  }

  set point(point) {
    this.#point = point.map((each) => Math.min(1, Math.max(0, each)));
    const [x, y] = this.#point;
    this.#dot.style.left = `${100 * x}%`;
    this.#dot.style.top = `${100 * y}%`;
    this.setAttribute("aria-valuenow", Math.round(100 * x));
    this.setAttribute("aria-valuetext", `${Math.round(100 * x)} % across, ${Math.round(100 * y)} % down`);
  }

  #follow({ clientX, clientY }) {
    const box = this.getBoundingClientRect();
    this.#move([(clientX - box.left) / box.width, (clientY - box.top) / box.height]);
  }

  #move(point) {
    this.point = point;
    this.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

customElements.define("point-pad", PointPad);
