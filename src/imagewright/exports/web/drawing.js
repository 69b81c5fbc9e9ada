// A model that translates pictures: a sheet to draw on, or a photo, and what becomes of it.
const PENS = [["fine", 0.006], ["middle", 0.02], ["broad", 0.06]]; // radius as a share of the longer side

class Drawing {
  constructor(engine, styles) {
    Object.assign(this, { engine, styles });
    this.raster = new Raster(facts.width, facts.height, facts.palette, facts.ground);
    this.pen = 1;
    this.tool = "pen";
    this.colour = facts.palette.length > 1 ? (facts.ground === 0 ? 1 : 0) : 0;
    this.domain = facts.domains.length - 1;
    this.style = 0;
    this.attributes = new Float32Array(facts.attributes.length);
    this.wish = new NewestWish(() => this.draw());
    this.sheet = h("canvas", { class: "picture sheet", role: "img", "aria-label": "the sheet" });
    this.canvas = h("canvas", { class: "picture", role: "img", "aria-label": "what becomes of it", width: facts.width, height: facts.height });
  }

  inputs() {
    const { width, height, image, classes } = this.raster, plane = width * height;
    const inputs = {};
    if (facts.labelled) {
      inputs[facts.input] = ["int64", BigInt64Array.from(classes, BigInt), [1, 1, height, width]];
    } else {
      const numbers = new Float32Array(facts.channels * plane);
      for (let at = 0; at < plane; at++) {
        const [red, green, blue] = image.data.subarray(4 * at, 4 * at + 3);
        const levels = facts.channels === 1 ? [0.299 * red + 0.587 * green + 0.114 * blue] : [red, green, blue, 255];
        for (let channel = 0; channel < facts.channels; channel++) numbers[channel * plane + at] = levels[channel] / 127.5 - 1;
      }
      inputs[facts.input] = ["float32", numbers, [1, facts.channels, height, width]];
    }
    if (facts.styled) {
      const [, count, size] = facts.tensors.styles, start = (this.domain * count + this.style) * size;
      inputs.style = ["float32", this.styles.slice(start, start + size), [1, ...facts.style_shape]];
    }
    if (facts.attributes.length && this.graph() === facts.graphs - 1) inputs.attributes = ["float32", this.attributes, [1, this.attributes.length]];
    return inputs;
  }

  graph() {
    return facts.graphs === 1 ? 0 : this.domain;
  }

  async draw() {
    show(this.sheet, this.raster.image);
    const begun = performance.now();
    show(this.canvas, await this.engine.run(this.graph(), this.inputs()));
    tellTime(performance.now() - begun);
    document.documentElement.dataset.drawn = Number(document.documentElement.dataset.drawn ?? 0) + 1;
    await new Promise(requestAnimationFrame);
  }

  changed() {
    show(this.sheet, this.raster.image);
    return this.wish.wish();
  }

  save() {
    const named = facts.domains[this.domain] ?? "translated";
    const settings = { made_in: facts.runtime, to: named, ...(facts.styled ? { style: this.style, seed: 0 } : {}), ...(facts.attributes.length ? { attributes: Object.fromEntries(facts.attributes.map((name, at) => [name, this.attributes[at]])) } : {}) };
    return savePicture(this.canvas, settings, fileName(facts.title, named));
  }

  undo() {
    this.raster.undo();
    this.changed();
  }

  async take(file) {
    if (!file) return;
    this.raster.remember();
    try {
      await this.raster.take(file, facts.labelled);
    } catch {
      this.raster.undo();
      document.getElementById("speed").textContent = `${file.name} is no picture that this browser can open.`;
      return;
    }
    await this.changed();
  }

  draws() {
    const place = (event) => {
      const box = this.sheet.getBoundingClientRect(), scale = Math.min(box.width / facts.width, box.height / facts.height);
      return [(event.clientX - box.left - (box.width - facts.width * scale) / 2) / scale, (event.clientY - box.top - (box.height - facts.height * scale) / 2) / scale];
    };
    let last = null;
    const line = (event) => {
      const next = place(event), radius = PENS[this.pen][1] * Math.max(facts.width, facts.height);
      this.raster.line(last, next, radius, this.colour);
      last = next;
      this.changed();
    };
    this.sheet.addEventListener("pointerdown", (event) => {
      const start = place(event);
      if (start[0] < 0 || start[1] < 0 || start[0] >= facts.width || start[1] >= facts.height) return;
      this.raster.remember();
      if (this.tool === "fill") {
        this.raster.fill(start, this.colour);
        return void this.changed();
      }
      this.sheet.setPointerCapture(event.pointerId);
      last = start;
      line(event);
    });
    this.sheet.addEventListener("pointermove", (event) => last && line(event));
    for (const end of ["pointerup", "pointercancel"]) this.sheet.addEventListener(end, () => (last = null));
  }

  tools() {
    const pressed = (buttons, chosen) => buttons.forEach((button, number) => button.setAttribute("aria-pressed", number === chosen));
    const swatches = facts.palette.map((colour, number) => {
      const name = facts.labelled ? `class ${number}` : `colour ${number + 1}: rgb ${colour.join(" ")}`;
      const button = h("button", { class: "swatch", title: name, "aria-label": name, onclick: () => pressed(swatches, (this.colour = number)) }, facts.labelled ? String(number) : "");
      button.style.setProperty("--swatch", `rgb(${colour.join(" ")})`);
      button.style.setProperty("--on-swatch", colour[0] * 0.3 + colour[1] * 0.59 + colour[2] * 0.11 < 128 ? "white" : "black");
      return button;
    });
    const pens = [...PENS.map(([name], number) => h("button", { onclick: () => choosePen(number) }, name)), h("button", { onclick: () => choosePen(PENS.length), title: "fill an area" }, "fill")];
    const choosePen = (number) => {
      this.tool = number < PENS.length ? "pen" : "fill";
      this.pen = Math.min(number, PENS.length - 1);
      pressed(pens, number);
    };
    const input = h("input", { type: "file", accept: "image/*", onchange: () => this.take(input.files[0]) });
    pressed(swatches, this.colour);
    choosePen(1);
    return panel("Draw", h("div", { class: "palette" }, swatches), h("p", {}), h("div", { class: "row" }, pens), h("p", {}),
      h("div", { class: "row" }, h("button", { onclick: () => this.undo(), title: "undo: Z" }, "Undo"),
        h("button", { onclick: () => { this.raster.remember(); this.raster.fillAll(facts.ground); this.changed(); }, title: "empty the sheet" }, "Clear"),
        h("label", { class: "file" }, "Open a picture", input)));
  }

  build() {
    const stage = h("section", { class: "stage" });
    stage.append(
      h("div", { class: "sheets" }, h("div", {}, h("h2", {}, "Sheet"), h("div", { class: "frame" }, this.sheet)), h("div", {}, h("h2", {}, "Picture"), h("div", { class: "frame" }, this.canvas))),
      h("div", { class: "row spread" }, h("span", { class: "faint small" }, facts.paired ? "Draw on the sheet, or drop a picture such as those it learned from." : "Drop a photo on the sheet, or draw."),
        h("span", { class: "row" }, h("button", { class: "main", onclick: () => this.save(), title: "save the picture as PNG: S" }, "Save PNG"), scaleButton(stage))));
    for (const kind of ["dragover", "dragleave", "drop"]) {
      document.addEventListener(kind, (event) => {
        event.preventDefault();
        document.body.classList.toggle("dropping", kind === "dragover");
        if (kind === "drop") this.take(event.dataTransfer.files[0]);
      });
    }
    this.draws();
    const rows = [];
    if (facts.domains.length > 1) {
      const select = choice("to", facts.domains, (number) => this.turn("domain", number));
      select.value = this.domain;
      rows.push(panel("To", select));
    }
    if (facts.styled) {
      const [, count] = facts.tensors.styles;
      rows.push(panel("Style", slider("sampled style", { low: 0, high: count - 1, step: 1, shown: String, changed: (number) => this.turn("style", number) }).element));
    }
    if (facts.attributes.length) {
      rows.push(panel("Attributes", facts.attributes.map((name, at) => slider(name, { low: 0, high: 1, changed: (value) => { this.attributes[at] = value; this.wish.wish(); } }).element)));
    }
    onKeys({ s: () => this.save(), z: () => this.undo(), p: () => stage.querySelector("[title*=square]").click() });
    return [stage, h("div", { class: "panels" }, this.tools(), rows)];
  }

  turn(name, number) {
    this[name] = number;
    this.wish.wish();
  }
}
