// Where a look begins: a sample by its seed, a photo that is encoded or projected, or latents saved in the run.
import { h, newId } from "/web/dom.js";
import { act, fileOf } from "/web/api.js";
import { choosePicture } from "/web/parts/choose.js";
import { tellError, told } from "/web/parts/toast.js";
import { section } from "/web/views/steer/sections.js";
import { plainLook, viewOf } from "/web/views/steer/session.js";
import { followWork, showTicket } from "/web/views/steer/work.js";

export const newSeed = () => Math.floor(Math.random() * 1_000_000);

export function startSection(parts) {
  const { session, view, status } = parts;
  const { offers, look } = session;
  const rows = [];
  if (offers.samples) rows.push(sampleRow(session, look.start ?? {}));
  const photo = h("button", { onclick: told(async () => {
    const picture = await choosePicture("Start with a photo");
    if (picture) await takePhoto(parts, picture);
  }) }, "Photo …");
  const reset = h("button", { onclick: () => session.replace(plainLook(look.start), session.about) }, "Reset sliders");
  rows.push(h("div", { class: "row" }, photo, reset, savedChoice(offers.latents, look.start, (start) => session.replace(plainLook(start), { label: start.saved }))));
  if (session.about?.ticket) rows.push(photoRow({ session, view, status, signal: parts.signal }));
  return section("Start", { open: true, name: "start" }, ...rows);
}

function sampleRow(session, start) {
  const seed = h("input", { type: "number", min: 0, step: 1, value: String(start.seed ?? ""), id: newId("seed"), placeholder: "–" });
  const classes = session.offers.classes;
  const label = classes.length ? h("select", { id: newId("class") }, h("option", { value: "" }, "any class"), classes.map((name) => h("option", { value: name }, name))) : null;
  if (label) label.value = start.label ?? "";
  const take = (value) => {
    const number = Math.max(0, Math.floor(Number(value)));
    if (!Number.isFinite(number)) return;
    // Sliders keep what they say, so that one can see the same change on other pictures.
    session.look.start = { seed: number, ...(label?.value ? { label: label.value } : {}) };
    delete session.look.corners;
    seed.value = number;
    session.about = null;
    session.ask();
  };
  const another = h("button", { class: "main", onclick: () => take(newSeed()) }, "New picture");
  seed.addEventListener("input", () => seed.value !== "" && take(seed.value));
  label?.addEventListener("change", () => take(seed.value === "" ? 0 : seed.value));
  const number = h("span", { class: "row" }, h("label", { for: seed.id, class: "small faint" }, "Seed"), seed);
  return h("div", { class: "row" }, another, number, label && h("span", { class: "row" }, h("label", { for: label.id, class: "small faint" }, "Class"), label));
}

// A list of the latents that are saved in the run; nothing if there are none.
export function savedChoice(latents, start, chosen, words = "Saved latents …") {
  if (!latents.length) return null;
  const select = h("select", { "aria-label": "Saved latents" }, h("option", { value: "" }, words));
  for (const { name, count } of latents)
    for (let number = 0; number < Math.min(count, 50); number++) select.append(h("option", { value: `${number}|${name}` }, count > 1 ? `${name}, number ${number}` : name));
  if (start?.saved) select.value = `${start.number ?? 0}|${start.saved}`;
  select.addEventListener("change", () => {
    const [number, name] = [select.value.split("|")[0], select.value.slice(select.value.indexOf("|") + 1)];
    if (select.value) chosen({ saved: name, number: Number(number) });
  });
  return select;
}

// How near a model comes to a photo. Where both are equal the PSNR is infinite, which comes as null.
const nearness = (psnr) => (psnr === null ? "the model draws it exactly" : `the model comes within ${psnr.toFixed(1)} dB of it`);

function photoRow(parts) {
  const { about } = parts.session;
  const closer = h("button", { onclick: told(() => projectPhoto(parts, about)) }, "Bring it closer");
  return h(
    "div",
    { class: "photo row" },
    h("img", { src: fileOf(about.ticket, "webp"), alt: `the photo ${about.name}`, width: 64, height: 64 }),
    h("span", { class: "stack small" }, h("span", {}, about.name), h("span", { class: "faint" }, about.psnr === undefined ? "" : nearness(about.psnr)), about.notes?.length ? h("span", { class: "faint" }, about.notes.join(" ")) : null),
    closer,
  );
}

// Start with a photo: { ticket, name }. Encoded at once where the model can; else projected, which is shown as it goes.
export async function takePhoto(parts, picture) {
  const { session, status } = parts;
  if (!session.offers.encodes) return projectPhoto(parts, picture);
  status.textContent = "Encodes the photo …";
  try {
    const found = await act("steer/encode", { run: session.run, ...viewOf(session.look), ticket: picture.ticket });
    session.replace(plainLook({ held: found.held }), { ...found, ...picture, label: found.label });
  } catch (error) {
    tellError(error);
  }
}

// Find the latents of a photo by optimisation. What is nearest so far is in the picture; "Stop" takes it as it is.
async function projectPhoto(parts, picture) {
  const { session, view: shown, status, signal } = parts;
  const asked = { run: session.run, ...viewOf(session.look), ticket: picture.ticket };
  try {
    const found = await followWork("steer/project", asked, {
      status,
      signal,
      words: "Searches for the photo in the model …",
      tell: (value) => {
        showTicket(shown, value.picture, picture.name);
        return `Searches for the photo: ${nearness(value.psnr)}`;
      },
    });
    session.replace(plainLook({ held: found.held }), { ...found, ...picture, label: found.label });
  } catch (error) {
    tellError(error);
    session.ask();
  }
}
