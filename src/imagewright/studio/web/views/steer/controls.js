// Sliders for directions, codes, single latents and the view of the model.
import { clear, h, whole } from "/web/dom.js";
import { act } from "/web/api.js";
import { live } from "/web/live.js";
import { field } from "/web/parts/field.js";
import { followJob, lastWords } from "/web/parts/jobs.js";
import { slider } from "/web/parts/slider.js";
import { tell, tellError, told } from "/web/parts/toast.js";
import { section } from "/web/views/steer/sections.js";

const REACH = 4; // deviations to either side
const SHOWN = 12; // single latents at first

function strengthSlider(session, values, name, label, hint) {
  return slider({ label, low: -REACH, high: REACH, step: 0.05, value: 0, hint }, (value) => {
    if (value) values[name] = value;
    else delete values[name];
    session.ask();
  });
}

export function directionSection({ session, refresh, run }) {
  const { directions, elsewhere } = session.offers;
  const sliders = directions.map(({ name, found, usable }) => {
    const one = strengthSlider(session, session.look.moves, name, usable === "yes" ? name : `${name} (${usable})`, found);
    one.value = session.look.moves[name] ?? 0;
    return one;
  });
  const find = h("button", { onclick: told(async () => {
    find.disabled = true;
    const { at, space, truncation, sample_from } = session.look;
    const { job } = await act("steer/find_directions", { run: run.id, at, space, truncation, sample_from });
    tell("Searches for what varies most: the sliders come when it is done.");
    const ended = await followJob(job);
    if (ended.state === "failed") tell(lastWords(ended.said), "bad");
    await refresh();
  }) }, "Find what varies");
  const empty = h("p", { class: "small faint" }, "No directions are saved in this run. Search for what varies most in its pictures, or mark pictures with and without something on the page Pictures.");
  const other = elsewhere.length ? h("p", { class: "small faint" }, `In another latent space: ${elsewhere.map(({ name, space }) => `${name} (${space})`).join(", ")}.`) : null;
  return section("Attributes and directions", { open: true, name: "directions" }, directions.length ? sliders : empty, other, h("div", {}, find));
}

export function codeSection({ session, atEnd }) {
  const { parts } = session.offers;
  if (!parts.length) return null;
  const listen = new AbortController();
  atEnd(() => listen.abort());
  return section("Codes and classes", { open: true, name: "codes" }, parts.map((part) => (part.kind === "category" ? category(session, part) : numbers(session, part, listen.signal))));
}

function category(session, { name, count, labels }) {
  const select = h("select", {}, h("option", { value: "" }, "as it starts"));
  for (let value = 0; value < count; value++) select.append(h("option", { value: String(value) }, labels[value] ?? `${name} ${value}`));
  select.value = session.look.parts[name] ?? "";
  select.addEventListener("change", () => {
    if (select.value === "") delete session.look.parts[name];
    else session.look.parts[name] = Number(select.value);
    session.ask();
  });
  return field(name, select);
}

function numbers(session, { name, kind, count, labels }, signal) {
  const [low, high] = kind === "attributes" ? [0, 1] : kind === "uniform" ? [-1, 1] : [-REACH, REACH];
  const given = session.look.parts[name] ?? Array(count).fill(null);
  const sliders = given.map((value, place) => {
    const one = slider({ label: labels[place] ?? (count === 1 ? name : `${name} ${place}`), low, high, step: 0.02, value: kind === "attributes" ? 0.5 : 0 }, (now) => {
      given[place] = now;
      session.look.parts[name] = given;
      session.ask();
    });
    if (value !== null) one.value = value;
    return one;
  });
  // Until it is moved, a slider shows the value that the picture has.
  session.addEventListener("shown", ({ detail }) => sliders.forEach((one, place) => {
    const now = detail.about.parts?.[name]?.[place];
    if (given[place] === null && now !== undefined) one.value = now;
  }), { signal });
  return sliders;
}

export function latentSection({ session, atEnd }) {
  const { dimensions } = session.offers;
  if (!dimensions) return null;
  const list = h("div", { class: "stack" });
  const note = h("p", { class: "small faint" });
  const more = h("button", { class: "plain small" }, "More");
  const moved = Object.keys(session.look.shifts).map((number) => ({ number: Number(number), label: `latent ${number}` }));
  let most = SHOWN;
  let ranked = moved;
  let end = () => {};
  const sliders = new Map();
  const show = () => {
    for (const { number, label, change } of ranked.slice(0, most)) {
      if (!sliders.has(number)) {
        const one = strengthSlider(session, session.look.shifts, number, label, "in standard deviations");
        one.value = session.look.shifts[number] ?? 0;
        sliders.set(number, one);
      }
      const words = sliders.get(number).querySelector("label");
      if (change !== undefined) words.textContent = `${label} · changes ${change.toFixed(change < 10 ? 1 : 0)} grey levels`;
    }
    // Sliders in use keep their place, so that none jumps away under the pointer.
    if (!list.contains(document.activeElement)) clear(list, ranked.slice(0, most).map(({ number }) => sliders.get(number)));
    more.hidden = ranked.length <= most;
  };
  more.addEventListener("click", () => ((most += SHOWN), show()));
  const fold = section("Single latents", { name: "latents", note: whole(dimensions) }, note, list, h("div", {}, more));
  const begin = () => {
    if (!fold.open || fold.dataset.ranked) return;
    fold.dataset.ranked = "";
    end = live.follow("steer/rank", session.asked, (value) => {
      if (!value.latents) return;
      ranked = value.latents;
      note.textContent = value.done < value.total ? `Measures which of them change the picture: ${value.done} of ${value.total}` : "Those that change the picture most come first.";
      show();
    }, tellError);
  };
  fold.addEventListener("toggle", begin);
  atEnd(() => end());
  show();
  return fold;
}

export function viewSection({ session, refresh }) {
  const { spaces, truncates, sources, checkpoints } = session.offers;
  const rows = [];
  const choice = (label, name, options, text = String) => {
    const select = h("select", {}, options.map((each) => h("option", { value: String(each) }, text(each))));
    select.value = session.look[name] ?? options[0];
    select.addEventListener("change", told(async () => {
      const before = session.look[name];
      session.look[name] = name === "at" ? Number(select.value) : select.value;
      if (name === "space") session.look = { ...session.look, moves: {}, shifts: {}, parts: {}, mix: undefined };
      try {
        await refresh();
        session.ask();
      } catch (error) {
        session.look[name] = before;
        throw error;
      }
    }));
    rows.push(field(label, select));
  };
  if (truncates) {
    const psi = slider({ label: "Truncation: the smaller, the nearer to the average picture", low: 0, high: 1.5, step: 0.01, value: 1 }, (value) => session.change({ truncation: value }));
    psi.value = session.look.truncation ?? 1;
    rows.push(psi);
  }
  if (spaces.length > 1) choice("Latent space", "space", spaces);
  if (sources.length > 1) choice("Seeds are sampled from", "sample_from", sources, (each) => ({ fitted: "pictures like those of the training", prior: "the prior" })[each] ?? each);
  if (checkpoints.length > 1) choice("Checkpoint", "at", [...checkpoints].reverse(), (each) => `after ${whole(each)} images`);
  return rows.length ? section("View of the model", { open: truncates, name: "view" }, rows) : null;
}
