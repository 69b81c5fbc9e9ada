// A model that makes pictures of latents: seeds, conditions, sliders along directions, a blend of four.
const FARTHEST = 3; // standard deviations of a slider

class Maker {
  constructor(engine, latents) {
    Object.assign(this, { engine, latents });
    this.base = facts.seeds ? { kind: "seed", number: 0 } : { kind: "saved", number: 0 };
    this.mode = "one";
    this.corners = range(0, 4).map((number) => (facts.seeds ? { kind: "seed", number: number % facts.seeds } : { kind: "saved", number: number % facts.saved.length }));
    this.point = [0.5, 0.5];
    this.classNumber = 0;
    this.strengths = (facts.directions ?? []).map(() => 0);
    this.conditions = new Map(); // of parts of the latent, by their place in facts.parts
    this.wish = new NewestWish(() => this.draw());
    this.canvas = h("canvas", { class: "picture", role: "img", width: facts.width, height: facts.height });
    this.sliders = [];
  }

  latentOf(base) {
    const latent = this.latents.of(base, this.classNumber);
    for (const [place, values] of this.conditions) latent.set(values, facts.parts[place].start);
    return latent;
  }

  latent() {
    const start = this.mode === "one" ? this.latentOf(this.base) : this.latents.blend(this.corners.map((each) => this.latentOf(each)), this.point);
    return this.latents.moved(start, this.strengths);
  }

  picture(latent) {
    return this.engine.run(0, { latents: ["float32", latent, [1, ...facts.shape]] });
  }

  async draw() {
    const begun = performance.now();
    show(this.canvas, await this.picture(this.latent()));
    tellTime(performance.now() - begun);
    this.canvas.setAttribute("aria-label", `picture: ${this.nameOf(this.base)}`);
    document.documentElement.dataset.drawn = Number(document.documentElement.dataset.drawn ?? 0) + 1;
    await new Promise(requestAnimationFrame); // so that it is seen before the next one is computed
  }

  nameOf({ kind, number }) {
    if (this.mode === "blend") return "blend of four";
    return kind === "seed" ? `seed ${number}` : kind === "saved" ? facts.saved[number] : `new picture ${number}`;
  }

  choose(base) {
    this.base = base;
    this.mode = "one";
    this.tell();
    this.wish.wish();
  }

  tell() {
    this.title.textContent = this.nameOf(this.base);
    for (const thumb of this.thumbs) thumb.element.setAttribute("aria-pressed", this.mode === "one" && thumb.base.kind === this.base.kind && thumb.base.number === this.base.number);
    this.pad?.tell();
  }

  // What the saved file says of how it was made.
  settings() {
    const moves = Object.fromEntries(this.strengths.map((strength, number) => [facts.directions[number], strength]).filter(([, strength]) => strength));
    const conditions = Object.fromEntries([...this.conditions].map(([place, values]) => [facts.parts[place].name, [...values].map((each) => +each.toFixed(3))]));
    return {
      made_in: facts.runtime,
      ...(this.mode === "one" ? { [this.base.kind === "own" ? "page_seed" : this.base.kind]: this.base.kind === "saved" ? facts.saved[this.base.number] : this.base.number } : { blend: this.corners, at: this.point }),
      ...(facts.classes?.length ? { class: facts.classes[this.classNumber] } : {}),
      ...(Object.keys(moves).length ? { moves } : {}),
      ...(Object.keys(conditions).length ? { conditions } : {}),
    };
  }

  save() {
    return savePicture(this.canvas, this.settings(), fileName(facts.title, this.nameOf(this.base)));
  }

  reset() {
    this.strengths.fill(0);
    for (const each of this.sliders) each.set(0);
    this.wish.wish();
  }

  renew() {
    this.choose({ kind: "own", number: Math.floor(Math.random() * 2 ** 31) });
  }

  step(by) {
    const count = this.thumbs.length;
    const at = this.thumbs.findIndex(({ base }) => base.kind === this.base.kind && base.number === this.base.number);
    this.choose(this.thumbs[(at + by + count) % count].base);
  }

  build() {
    this.title = h("strong", {});
    const isOwn = facts.own != null;
    const bases = [
      ...range(0, facts.saved?.length ?? 0).map((number) => ({ kind: "saved", number })),
      ...range(0, facts.seeds ?? 0).map((number) => ({ kind: "seed", number })),
    ];
    this.thumbs = bases.map((base) => {
      const canvas = h("canvas", { width: facts.width, height: facts.height });
      const name = this.nameOf(base);
      return { base, canvas, element: h("button", { class: "thumb", title: name, "aria-label": name, onclick: () => this.choose(base) }, canvas) };
    });
    const wall = h("div", { class: "wall" }, this.thumbs.map((each) => each.element));
    const stage = h("section", { class: "stage" });
    stage.append(
      h("div", { class: "frame" }, this.canvas),
      h("div", { class: "row spread" },
        h("span", {}, this.title),
        h("span", { class: "row" },
          isOwn ? h("button", { class: "main", onclick: () => this.renew(), title: "a new picture, of the page's own seed: N" }, "New one") : null,
          h("button", { onclick: () => this.save(), title: "save as PNG: S" }, "Save PNG"),
          scaleButton(stage))),
    );
    this.pad = new Pad(this);
    const panels = h("div", { class: "panels" }, this.conditionPanels(), this.directionPanel(),
      panel("Blend of four", h("p", { class: "faint small" }, "Drag between the corners. To change a corner, choose a picture and click the corner."), this.pad.element));
    const seeds = panel(facts.saved ? "Saved latents and seeds" : "Seeds", h("p", { class: "faint small" }, facts.seeds ? "The pictures of imagewright's own seeds, 0 and up." : "Those of the run."), wall);
    seeds.classList.add("seeds");
    onKeys({ n: () => isOwn && this.renew(), s: () => this.save(), r: () => this.reset(), ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), p: () => stage.querySelector("[title*=square]").click() });
    this.tell();
    return [stage, panels, seeds];
  }

  directionPanel() {
    if (!this.strengths.length) return null;
    this.sliders = facts.directions.map((name, number) =>
      slider(name, { low: -FARTHEST, high: FARTHEST, changed: (value) => {
        this.strengths[number] = value;
        this.wish.wish();
      } }));
    return panel("Directions", this.sliders.map((each) => each.element), h("button", { onclick: () => this.reset(), title: "all to the middle: R" }, "Reset"));
  }

  // Classes, attributes and codes: what is conditioned on.
  conditionPanels() {
    const rows = [];
    const set = (place, values) => {
      this.conditions.set(place, values);
      this.changedConditions();
    };
    if (facts.classes?.length && !facts.class_in_latent) {
      rows.push(choice("class", facts.classes, (number) => {
        this.classNumber = number;
        this.changedConditions();
      }));
    }
    for (const [place, part] of facts.parts.entries()) {
      const count = part.stop - part.start;
      if (part.kind === "category") {
        const names = !part.code && facts.classes?.length === count ? facts.classes : range(0, count).map((number) => `${part.name} ${number}`);
        const chosen = (number) => {
          if (!part.code) this.classNumber = number;
          set(place, Float32Array.from({ length: count }, (_, at) => Number(at === number)));
        };
        rows.push(choice(part.name, names, chosen));
        this.conditions.set(place, Float32Array.from({ length: count }, (_, at) => Number(at === 0)));
      } else if (part.kind === "attributes") {
        const values = new Float32Array(count);
        this.conditions.set(place, values);
        rows.push(...(facts.attributes ?? range(0, count).map(String)).map((name, at) => slider(name, { low: 0, high: 1, changed: (value) => {
          values[at] = value;
          set(place, values);
        } }).element));
      } else if (part.code) {
        const reach = part.kind === "uniform" ? 1 : 2;
        rows.push(slider(part.name, { low: -reach, high: reach, changed: (value) => set(place, new Float32Array(count).fill(value)) }).element);
      }
    }
    return rows.length ? panel("What it shows", rows) : null;
  }

  changedConditions() {
    this.wish.wish();
    this.fill();
  }

  // The small pictures, one after another, while nothing else is wished for; begun anew if the class changes.
  async fill() {
    const run = (this.filling = (this.filling ?? 0) + 1);
    const targets = [...this.pad.corners.map((corner, number) => [corner, () => this.corners[number]]), ...this.thumbs.map((each) => [each.canvas, () => each.base])];
    for (const [canvas, base] of targets) {
      while (this.wish.busy) await new Promise((done) => setTimeout(done, 30));
      if (run !== this.filling) return;
      show(canvas, await this.picture(this.latentOf(base())));
      await new Promise((done) => setTimeout(done));
    }
    document.documentElement.dataset.filled = "yes";
  }
}

// A square with a picture at each corner, and a dot between them.
class Pad {
  constructor(maker) {
    this.maker = maker;
    this.corners = maker.corners.map(() => h("canvas", { width: facts.width, height: facts.height }));
    const buttons = this.corners.map((canvas, number) => h("button", { class: "thumb", "aria-label": `corner ${number + 1}: put the present picture here`, onclick: () => this.put(number) }, canvas));
    this.dot = h("div", { class: "dot" });
    this.element = h("div", { class: "pad", tabindex: 0, role: "group", "aria-label": "blend of four pictures: arrow keys move the dot" }, buttons, this.dot);
    this.element.addEventListener("pointerdown", (event) => {
      if (event.target.closest(".thumb")) return;
      this.element.setPointerCapture(event.pointerId);
      this.move(event);
    });
    this.element.addEventListener("pointermove", (event) => this.element.hasPointerCapture(event.pointerId) && this.move(event));
    this.element.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way || event.target !== this.element) return;
      event.preventDefault();
      this.at(this.maker.point.map((value, axis) => value + 0.05 * way[axis]));
    });
    this.tell();
  }

  move(event) {
    const box = this.element.getBoundingClientRect();
    this.at([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }

  at(point) {
    this.maker.point = point.map((value) => Math.min(1, Math.max(0, value)));
    this.maker.mode = "blend";
    this.maker.tell();
    this.maker.wish.wish();
  }

  put(number) {
    if (this.maker.mode === "one") this.maker.corners[number] = this.maker.base;
    else this.at([number % 2, number >> 1]);
    this.maker.fill();
  }

  tell() {
    this.dot.style.left = `${100 * this.maker.point[0]}%`;
    this.dot.style.top = `${100 * this.maker.point[1]}%`;
    this.dot.classList.toggle("idle", this.maker.mode === "one");
  }
}
