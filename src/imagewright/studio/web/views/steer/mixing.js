// Style mixing: some layers of the picture take the styles of another one. Of models whose layers take a style each.
import { h, newId } from "/web/dom.js";
import { Channel } from "/web/live.js";
import { drawOn } from "/web/parts/picture.js";
import { chooseStart } from "/web/views/steer/blend.js";
import { plainLook, viewOf } from "/web/views/steer/session.js";
import { section } from "/web/views/steer/sections.js";

const WORDS = { coarse: "coarse: pose and shape", middle: "middle: parts", fine: "fine: colours and texture" };

export function mixSection({ session }) {
  const groups = Object.keys(session.offers.layers);
  if (!groups.length) return null;
  session.mixing ??= session.look.mix ?? { start: { seed: 1 }, layers: [] };
  if (session.look.mix) session.mixing = session.look.mix;
  const { mixing } = session;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const channel = new Channel("steer/look", ([picture]) => drawOn(canvas, picture), () => {});
  const show = () => channel.ask({ run: session.run, ...viewOf(session.look), ...plainLook(mixing.start) });
  const changed = () => session.change({ mix: mixing.layers.length ? { ...mixing } : undefined });
  const other = h("button", { class: "other", "aria-label": "the picture whose styles are taken: change it", onclick: () => chooseStart(session, "Take styles of", (start) => {
    mixing.start = start;
    show();
    changed();
  }) }, canvas);
  const boxes = groups.map((name) => {
    const box = h("input", { type: "checkbox", id: newId("layers"), checked: mixing.layers.includes(name) });
    box.addEventListener("change", () => {
      mixing.layers = groups.filter((each) => (each === name ? box.checked : mixing.layers.includes(each)));
      changed();
    });
    return h("span", { class: "row" }, box, h("label", { for: box.id }, WORDS[name] ?? name, h("span", { class: "faint small" }, ` · layers ${session.offers.layers[name]}`)));
  });
  const fold = section("Mix styles", { name: "mix", open: Boolean(session.look.mix) }, h("div", { class: "mix row" }, other, h("div", { class: "stack" }, boxes)), h("p", { class: "small faint" }, "The marked layers take the styles of the picture on the left."));
  fold.addEventListener("toggle", () => fold.open && show());
  if (session.look.mix) show();
  return fold;
}
