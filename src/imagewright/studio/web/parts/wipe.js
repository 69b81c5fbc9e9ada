// <before-after>: two pictures of one size, with an edge between them that is moved by pointer or arrow keys.
import { h } from "/web/dom.js";

class BeforeAfter extends HTMLElement {
  #at = 0.5;

  // addresses of the pictures, or elements that show them, such as a canvas; and what they are called
  set(before, after, labels = ["before", "after"]) {
    const [below, above] = [before, after].map((each, place) => (typeof each === "string" ? h("img", { src: each, alt: labels[place] }) : each));
    above.classList.add("after");
    this.replaceChildren(below, above, h("div", { class: "edge" }));
    this.tabIndex = 0;
    this.setAttribute("role", "slider");
    this.setAttribute("aria-label", `edge between ${labels[0]} and ${labels[1]}`);
    this.#move(this.#at);
    this.onpointerdown = (event) => {
      event.preventDefault();
      this.setPointerCapture(event.pointerId);
      this.#follow(event);
    };
    this.onpointermove = (event) => event.buttons && this.#follow(event);
    this.onkeydown = (event) => {
      const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
      if (step) this.#move(this.#at + step);
    };
    return this;
  }

  #follow({ clientX }) {
    const box = this.getBoundingClientRect();
    this.#move((clientX - box.left) / box.width);
  }

  #move(at) {
    this.#at = Math.min(1, Math.max(0, at));
    this.style.setProperty("--at", `${100 * this.#at}%`);
    this.setAttribute("aria-valuenow", Math.round(100 * this.#at));
  }
}

customElements.define("before-after", BeforeAfter);
