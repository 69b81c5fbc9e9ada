// Steer: one picture of a model, and everything that changes it.
import { clear, h } from "/web/dom.js";
import { read } from "/web/api.js";
import { live } from "/web/live.js";
import { chooseRun } from "/web/parts/choose.js";
import { sendActions } from "/web/parts/sending.js";
import { loadStyle } from "/web/parts/style.js";
import { told } from "/web/parts/toast.js";
import { SMOOTH_FROM } from "/web/parts/picture.js";
import { plainLook, Session, sessions, viewOf } from "/web/views/steer/session.js";
import { blendSection } from "/web/views/steer/blend.js";
import { codeSection, directionSection, latentSection, viewSection } from "/web/views/steer/controls.js";
import { dragTool } from "/web/views/steer/dragging.js";
import { historyStrip } from "/web/views/steer/history.js";
import { mixSection } from "/web/views/steer/mixing.js";
import { startSection, takePhoto } from "/web/views/steer/start.js";
import { walkSection } from "/web/views/steer/walk.js";

const SECTIONS = [startSection, directionSection, codeSection, blendSection, mixSection, latentSection, viewSection, walkSection];

export default async function show(root, asked) {
  await loadStyle("/web/views/steer/steer.css");
  const stage = h("div", { class: "steer" });
  let close = () => {};
  let opened = 0; // counts what was chosen: a model that loads slowly does not take the place of a later one
  const open = async (run) => {
    const turn = ++opened;
    close();
    close = () => {};
    if (!run) return void clear(stage, nothing());
    clear(stage, h("p", { class: "faint" }, "Loads the model …"));
    const offers = await read("steer/offers", { run: run.id, ...viewOf(sessions.get(run.id)?.look) });
    if (turn !== opened) return;
    close = openRun(stage, run, offers, !asked.run || run.id === asked.run ? asked : {});
    asked = {};
  };
  // Not waited for: the page is there while the model loads.
  const chosen = (run) => void told(open)(run).then(() => stage.querySelector(":scope > .faint") && clear(stage));
  const choice = await chooseRun({ fits: (run) => run.verbs.includes("decode"), chosen, value: asked.run, label: "Model" });
  root.append(h("div", { class: "row spread" }, h("h1", {}, "Steer"), choice.element), stage);
  return () => {
    opened += 1;
    close();
  };
}

const nothing = () =>
  h("div", { class: "panel stack" }, h("h3", {}, "No model to steer yet"), h("p", { class: "faint" }, "Train one on your pictures, for example a VAE or a GAN: it appears here with its first checkpoint."), h("div", {}, h("a", { class: "button main", href: "#/train" }, "Train a model")));

function openRun(stage, run, offers, asked) {
  const session = sessions.get(run.id) ?? new Session(run.id, offers);
  if (!sessions.has(run.id)) {
    sessions.set(run.id, session);
    if (!offers.samples && offers.latents.length) session.look = plainLook({ saved: offers.latents[0].name });
    if (offers.space) session.look.space = offers.space;
  }
  session.offers = offers;
  const listen = new AbortController();
  const on = (name, work) => session.addEventListener(name, work, { signal: listen.signal });
  const view = h("picture-view", { label: `picture of ${run.name}` });
  const status = h("p", { class: "small faint status", role: "status" });
  const controls = h("div", { class: "controls" });
  const parts = { session, view, status, run, signal: listen.signal, refresh: () => refresh() };
  const drag = dragTool(parts);
  view.actions = sendActions("steer");
  const ends = new Set();
  const build = () => {
    ends.forEach((end) => end());
    ends.clear();
    const open = new Set([...controls.querySelectorAll("details[open]")].map((each) => each.dataset.section));
    const shut = controls.childElementCount > 0;
    clear(controls, SECTIONS.map((section) => section({ ...parts, atEnd: (work) => ends.add(work) })));
    if (shut) for (const each of controls.querySelectorAll("details")) each.open = open.has(each.dataset.section);
  };
  const seenIn = () => JSON.stringify([session.look.space, session.look.at, session.look.sample_from]);
  let offered = seenIn();
  async function refresh() {
    offered = seenIn();
    session.offers = await read("steer/offers", { run: run.id, ...viewOf(session.look) });
    build();
  }
  const canvas = h("div", { class: "canvas" }, view, drag.overlay);
  const fit = fitPixels(canvas, session);
  on("shown", ({ detail }) => {
    view.show(detail);
    status.className = "small faint status";
    status.textContent = sentence(session, detail);
    status.title = `decoded in ${detail.about.decoding} ms`;
  });
  on("failed", ({ detail }) => {
    status.className = "small bad status";
    status.textContent = detail.message;
  });
  on("replaced", () => {
    build();
    if (seenIn() !== offered) told(refresh)(); // another space has other directions
  });
  live.addEventListener("up", () => session.ask(), { signal: listen.signal }); // after the studio was away
  clear(stage, h("div", { class: "seen" }, h("div", { class: "frame" }, canvas), status, drag.bar, historyStrip(parts)), controls);
  build();
  begin(parts, asked);
  return () => {
    listen.abort();
    ends.forEach((end) => end());
    drag.close();
    fit.disconnect();
    session.close();
  };
}

// Small pictures are shown pixel by pixel: their side is a multiple of their pixels, so that all of them are equal.
function fitPixels(canvas, { offers }) {
  const pixels = Math.max(...offers.size);
  const watch = new ResizeObserver(() => {
    canvas.style.maxWidth = "";
    const side = canvas.clientWidth;
    if (pixels < SMOOTH_FROM && side > pixels) canvas.style.maxWidth = `${(Math.floor(side / pixels) * pixels * offers.size[1]) / pixels}px`;
  });
  requestAnimationFrame(() => canvas.parentElement && watch.observe(canvas.parentElement));
  return watch;
}

function begin({ session, view, status, signal }, asked) {
  const parts = { session, view, status, signal };
  if (asked.start) return void told(takePhoto)(parts, { ticket: asked.start, name: "the picture" });
  if (asked.latents) return void session.replace(plainLook({ saved: asked.latents }), { label: asked.latents });
  if (!session.offers.samples && !("saved" in session.look.start) && !("held" in session.look.start)) {
    status.textContent = "This model makes no pictures of its own. Choose a photo to start with.";
    return;
  }
  session.ask();
}

function sentence({ about, offers }, { about: { label }, width, height }) {
  const found = about?.psnr === undefined ? "" : `, ${Number.isFinite(about.psnr) ? `${about.psnr.toFixed(1)} dB` : "equal"} ${Number.isFinite(about.psnr) ? "from" : "to"} the photo`;
  return `${label}${found} · ${width} × ${height} · ${offers.model}`;
}
