// The plane of the latent space: the sheet of the whole plane, and the picture at the point under the pointer.
import { clear, decimals, h } from "/web/dom.js";
import { Channel, live } from "/web/live.js";
import { choosePicture, chooseRun, chooseSource } from "/web/parts/choose.js";
import "/web/parts/pad.js";
import { drawOn, savePicture } from "/web/parts/picture.js";
import { sendActions } from "/web/parts/sending.js";
import { told, tellError } from "/web/parts/toast.js";

export default async function show(root) {
  const state = { run: null, source: null, axes: [], dimensions: null, sheet: null };
  const sheet = h("canvas", { "aria-hidden": "true" });
  const dots = h("div");
  const pad = h("point-pad", { class: "plane-pad", "aria-label": "plane of the latent space" }, sheet, dots);
  const picture = h("picture-view", { label: "the picture at the point" });
  picture.actions = sendActions();
  const said = h("p", { class: "small number", role: "status" });
  const notes = h("div", { class: "stack" });
  const body = h("div", { class: "columns", hidden: true });
  const asked = () => ({ run: state.run.id, ...(state.source ? { source: state.source.id } : {}), ...(state.dimensions ? { dimensions: state.dimensions } : {}) });
  const numbers = ["Latent across", "Latent upwards"].map((label) => h("input", { type: "number", min: 0, step: 1, placeholder: "auto", "aria-label": label, onchange: () => choose() }));
  const chosen = h("div", { class: "row small" }, "Latents", numbers);
  const choose = () => {
    const given = numbers.filter((input) => input.value !== "");
    if (given.length === 1) return; // the other number follows; none: the plane that is chosen for the model
    state.dimensions = given.length ? given.map((input) => Number(input.value)) : null;
    load();
  };

  const channel = new Channel(
    "learn/plane_point",
    ([found]) => {
      picture.show(found);
      said.textContent = found.about.values.map((value, place) => `${state.axes[place]}: ${decimals(value)}`).join(", ");
      root.dataset.shown = Number(root.dataset.shown ?? 0) + 1;
    },
    tellError,
  );
  const ask = () => {
    const [right, down] = pad.point;
    channel.ask({ ...asked(), right, up: 1 - down });
  };
  pad.addEventListener("input", ask);
  pad.addEventListener("pointermove", (event) => {
    if (event.buttons || event.pointerType !== "mouse" || !state.run) return;
    const box = pad.getBoundingClientRect();
    pad.point = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    ask();
  });

  const place = ([right, up], title, own = false) => {
    const dot = h("div", { class: own ? "placed own" : "placed", title });
    dot.style.left = `${100 * right}%`;
    dot.style.top = `${100 * (1 - up)}%`;
    return dot;
  };
  const load = told(async () => {
    body.hidden = !state.run;
    if (!state.run) return;
    clear(notes, h("p", { class: "small faint" }, "The plane is drawn."));
    const wanted = asked();
    let found;
    try {
      [found] = await live.wish("learn/plane", wanted);
    } catch (error) {
      clear(notes, h("p", { class: "bad" }, error.message));
      return;
    }
    if (JSON.stringify(wanted) !== JSON.stringify(asked())) return; // another one was chosen meanwhile
    const { axes, placed, labels, classes, notes: noted } = found.about;
    [state.axes, state.sheet] = [axes, found];
    chosen.hidden = found.about.latents <= 2;
    numbers.forEach((input, place) => Object.assign(input, { max: found.about.latents - 1, value: found.about.dimensions[place] ?? "" }));
    drawOn(sheet, found);
    clear(dots, placed.map((each, number) => place(each, classes && labels ? classes[labels[number]] : `picture ${number}`)));
    clear(notes, h("p", { class: "small" }, `Across: ${axes[0]}. Upwards: ${axes[1]}. Each step holds an equal share of the latents.`), noted.map((note) => h("p", { class: "small faint" }, note)));
    ask();
  });
  const own = told(async () => {
    const chosen = await choosePicture("Place a picture on the plane");
    if (!chosen) return;
    const { right, up } = await live.wish("learn/plane_photo", { ...asked(), ticket: chosen.ticket });
    dots.append(place([right, up], chosen.name, true));
    pad.point = [right, 1 - up];
    ask();
  });
  const ownButton = h("button", { onclick: own }, "Place a picture of yours");
  const save = h("button", { class: "plain", onclick: () => state.sheet && savePicture(state.sheet) }, "Save the plane");
  const runs = await chooseRun({
    label: "Model",
    fits: (run) => run.verbs.includes("decode"),
    chosen: (run) => {
      [state.run, state.dimensions] = [run, null];
      ownButton.hidden = !run?.verbs.includes("encode");
      load();
    },
  });
  const sources = await chooseSource({ label: "Pictures to place on it", none: "none", chosen: (source) => ((state.source = source), state.run && load()) });
  body.append(h("div", { class: "stack" }, pad, notes), h("div", { class: "stack" }, picture, said, chosen, h("div", { class: "row" }, ownButton, save)));
  root.append(h("div", { class: "row wide" }, runs.element, sources.element), body);
  if (!state.run) root.append(h("p", {}, "There is no model with a latent plane yet. ", h("a", { href: "#/train" }, "Train one"), ": a VAE with a latent dim of 2 shows the whole of its plane."));
}
