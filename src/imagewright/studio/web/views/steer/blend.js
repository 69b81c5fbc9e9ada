// The blend pad: four corners, each a sample, a photo, saved latents or the present look, and the point between them.
import { h } from "/web/dom.js";
import { act } from "/web/api.js";
import { Channel } from "/web/live.js";
import { choosePicture } from "/web/parts/choose.js";
import { drawOn } from "/web/parts/picture.js";
import { told } from "/web/parts/toast.js";
import "/web/parts/pad.js";
import { plainLook, viewOf } from "/web/views/steer/session.js";
import { section } from "/web/views/steer/sections.js";
import { newSeed, savedChoice } from "/web/views/steer/start.js";

const NAMES = ["top left", "top right", "bottom left", "bottom right"];

export function blendSection({ session }) {
  const { look, offers } = session;
  if (!offers.samples && !offers.latents.length) return null;
  session.corners ??= look.corners ?? NAMES.map((_, place) => (offers.samples ? { seed: place } : { saved: offers.latents[0].name }));
  const corners = look.corners ?? session.corners;
  const pad = h("point-pad", { "aria-label": "blend of the four corners", oninput: () => blend() });
  if (look.point) pad.point = look.point;
  const blend = () => {
    delete session.look.start;
    session.about = null;
    stop.hidden = false;
    session.change({ corners: [...corners], point: pad.point });
  };
  const stop = h("button", { class: "plain small", hidden: !look.corners, onclick: () => session.replace(plainLook(corners[0])) }, "Leave the blend");
  const buttons = corners.map((_, place) => cornerButton(session, corners, place, () => session.look.corners && blend()));
  const fold = section("Blend four pictures", { name: "blend", open: Boolean(look.corners) }, h("div", { class: "blend" }, pad, buttons.map(({ button }) => button)), h("p", { class: "small faint" }, "Move the point between the corners. A click on a corner changes it."), h("div", {}, stop));
  const draw = () => fold.open && buttons.forEach(({ show }) => show());
  fold.addEventListener("toggle", draw);
  if (look.corners) draw();
  return fold;
}

function cornerButton(session, corners, place, changed) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const button = h("button", { class: `corner corner-${place}`, title: `${NAMES[place]}: change it`, "aria-label": `${NAMES[place]} corner: change it` }, canvas);
  const channel = new Channel("steer/look", ([picture]) => drawOn(canvas, picture), () => {});
  const show = () => channel.ask({ run: session.run, ...viewOf(session.look), ...plainLook(corners[place]) });
  const set = (start) => {
    corners[place] = session.corners[place] = start;
    show();
    changed();
  };
  button.addEventListener("click", () => chooseStart(session, `Corner ${NAMES[place]}`, set));
  return { button, show };
}

// A window in which a start is chosen: taken(start).
export function chooseStart(session, title, taken) {
  const { offers, run, look } = session;
  const close = () => dialog.close();
  const take = (work) => told(async () => {
    close();
    const start = await work();
    if (start) taken(start);
  });
  const choices = [
    offers.samples && h("button", { class: "main", onclick: take(() => ({ seed: newSeed() })) }, "A new picture"),
    h("button", { onclick: take(async () => ({ held: (await act("steer/hold", { look: session.asked })).held })) }, "What is shown now"),
    offers.encodes && h("button", { onclick: take(async () => {
      const picture = await choosePicture(title);
      return picture && { held: (await act("steer/encode", { run, ...viewOf(look), ticket: picture.ticket })).held };
    }) }, "A photo …"),
    savedChoice(offers.latents, null, (start) => (close(), taken(start))),
  ];
  const dialog = h("dialog", { "aria-label": title }, h("h2", {}, title), h("div", { class: "row" }, choices.filter(Boolean), h("button", { class: "plain", onclick: close }, "Cancel")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
