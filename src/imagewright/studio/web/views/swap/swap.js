// Swap: the faces of two people, a training with their consent, and footage converted. A step is a part of the address.
import { clear, h } from "/web/dom.js";
import { loadStyle } from "/web/parts/style.js";
import { showConvert } from "/web/views/swap/convert.js";
import { showFaces } from "/web/views/swap/faces.js";
import { showTrain } from "/web/views/swap/train.js";

const STEPS = [
  { name: "faces", title: "Faces", show: showFaces },
  { name: "train", title: "Training", show: showTrain },
  { name: "convert", title: "Try and convert", show: showConvert },
];

export const addressOf = (step, asked = {}) => `#/swap?${new URLSearchParams({ step, ...asked })}`;

const KEPT = "swap-sets"; // the chosen sets of faces, for as long as the tab is open

// Keep what is chosen, { source, target }, in the address and for a later visit; nothing once the page was left.
export function keepSets(root, step, chosen) {
  if (!root.isConnected) return;
  const sets = Object.fromEntries(Object.entries(chosen).filter(([, id]) => id));
  sessionStorage.setItem(KEPT, JSON.stringify(sets));
  history.replaceState(null, "", addressOf(step, sets));
}

export default async function show(root, given) {
  await loadStyle("/web/views/swap/swap.css");
  const asked = { ...JSON.parse(sessionStorage.getItem(KEPT) ?? "{}"), ...given };
  const step = STEPS.find((each) => each.name === asked.step) ?? STEPS[0];
  const { step: _, ...kept } = asked;
  const links = STEPS.map((each, place) => {
    const link = h("a", { href: addressOf(each.name, kept) }, h("span", { class: "number" }, String(place + 1)), each.title);
    if (each === step) link.setAttribute("aria-current", "step");
    return link;
  });
  const body = h("div");
  root.append(
    h("h1", {}, "Swap"),
    h("p", { class: "lead" }, "One person's face in footage of another, with the consent of both."),
    h("nav", { class: "steps", "aria-label": "Steps of a swap" }, links),
    body,
  );
  return step.show(clear(body), asked);
}
