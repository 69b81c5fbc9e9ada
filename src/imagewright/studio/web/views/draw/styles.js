// The style of a translation: none, one of a number, or that of other pictures.
import { clear, h, newId } from "/web/dom.js";
import { fileOf } from "/web/api.js";
import { live } from "/web/live.js";
import { choosePicture } from "/web/parts/choose.js";
import { told } from "/web/parts/toast.js";

const MOST_NUMBER = 2 ** 31 - 1;
const SHOWN = 6; // styles that are offered at once
const MOST_REFERENCES = 8;

// asked(): what the model is asked for besides a style. Returns { element, wanted(), missing(), tickets() }: of all pictures.
export function stylesOf(model, run, { changed, asked }) {
  const ways = {};
  if (!model.needs_style) ways.none = { label: "none", element: null, wanted: () => ({}) };
  if (model.sampled_styles) ways.number = byNumber(run, changed, asked);
  if (model.reference_styles) ways.like = byPictures(model, run, changed);
  let way = Object.keys(ways)[0];
  const choose = (name) => {
    way = name;
    show();
    changed();
  };
  const buttons = new Map(Object.entries(ways).map(([name, { label }]) => [name, h("button", { "aria-pressed": "false", onclick: () => choose(name) }, label)]));
  const show = () => {
    for (const [name, button] of buttons) button.setAttribute("aria-pressed", name === way);
    for (const [name, { element }] of Object.entries(ways)) if (element) element.hidden = name !== way;
  };
  show();
  const row = buttons.size > 1 ? h("div", { class: "row" }, [...buttons.values()]) : null;
  return {
    element: h("fieldset", {}, h("legend", {}, "Style"), h("div", { class: "stack" }, row, Object.values(ways).map(({ element }) => element))),
    wanted: () => ways[way].wanted(),
    missing: () => ways[way].missing?.() ?? null,
    tickets: () => ways.like?.tickets() ?? [],
  };
}

function byNumber(run, changed, asked) {
  const input = h("input", { type: "number", id: newId("style"), min: 0, max: MOST_NUMBER, step: 1, value: "0" });
  const value = () => Math.min(MOST_NUMBER, Math.max(0, Math.round(Number(input.value) || 0)));
  const set = (number) => {
    input.value = number;
    changed();
  };
  input.addEventListener("input", changed);
  const strip = h("div", { class: "strip", hidden: true });
  const offer = told(async () => {
    const first = value() + 1;
    const seeds = [...Array(SHOWN).keys()].map((place) => (first + place) % MOST_NUMBER);
    offering.disabled = true;
    try {
      const pictures = await live.wish("draw/styles", { run, ...(await asked()), seeds });
      clear(strip, pictures.map((picture, place) => h("button", { class: "example", title: `style ${seeds[place]}`, "aria-label": `style ${seeds[place]}`, onclick: () => set(seeds[place]) }, h("img", { src: fileOf(picture.ticket), alt: "" }))));
      strip.hidden = false;
    } finally {
      offering.disabled = false;
    }
  });
  const offering = h("button", { onclick: offer }, `Show ${SHOWN} more`);
  const random = h("button", { onclick: () => set(Math.floor(Math.random() * 10_000)) }, "Another");
  const element = h("div", { class: "stack" }, h("div", { class: "row" }, h("label", { for: input.id, class: "small faint" }, "number"), input, random, offering), strip);
  return { label: "by number", element, wanted: () => ({ seed: value() }) };
}

function byPictures(model, run, changed) {
  const pictures = [];
  let chosen = 0;
  const list = h("div", { class: "strip" });
  const hint = model.few_shot ? "All pictures give one style together." : "The framed picture gives the style.";
  const show = () => {
    clear(
      list,
      pictures.map((picture, place) => {
        const use = model.few_shot ? null : () => ((chosen = place), show(), changed());
        const pressed = model.few_shot || place === chosen;
        const button = h("button", { class: "example", "aria-pressed": String(pressed), title: picture.name, "aria-label": `style of ${picture.name}`, onclick: use }, h("img", { src: fileOf(picture.ticket), alt: "" }));
        return h("div", { class: "reference" }, button, h("button", { class: "plain small", "aria-label": `leave ${picture.name} out`, onclick: () => remove(place) }, "×"));
      }),
    );
    add.disabled = pictures.length >= MOST_REFERENCES;
  };
  const remove = (place) => {
    pictures.splice(place, 1);
    chosen = Math.max(0, Math.min(chosen, pictures.length - 1));
    show();
    changed();
  };
  const add = h(
    "button",
    {
      onclick: told(async () => {
        const picture = await choosePicture("Choose a picture whose style is taken");
        if (!picture) return;
        pictures.push(picture);
        chosen = pictures.length - 1;
        show();
        changed();
      }),
    },
    "Add a picture",
  );
  // A model that has no other style begins with that of an example, so that there is an answer at once.
  const first = async () => {
    const { ticket, name } = await live.wish("draw/start", { run, example: model.examples.length - 1 });
    if (pictures.length) return;
    pictures.push({ ticket, name });
    show();
    changed();
  };
  if (model.needs_style && !model.sampled_styles && model.examples.length) told(first)();
  const element = h("div", { class: "stack" }, h("div", { class: "row" }, add, h("span", { class: "small faint" }, hint)), list);
  return {
    label: "like pictures",
    element,
    wanted: () => (pictures.length ? { references: model.few_shot ? pictures.map(({ ticket }) => ticket) : [pictures[chosen].ticket] } : {}),
    tickets: () => pictures.map(({ ticket }) => ticket),
    missing: () => (pictures.length ? null : "Add a picture whose style is taken: it stands beside the answer, under Style."),
  };
}
