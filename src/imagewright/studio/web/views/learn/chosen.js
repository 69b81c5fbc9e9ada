// The picture that a lesson is shown on: the first of a source, any other one, or one of the user's own.
import { h } from "/web/dom.js";
import { choosePicture, chooseSource } from "/web/parts/choose.js";
import { told } from "/web/parts/toast.js";

// changed({ ticket } or { source, index }, source) at once and at each change. Resolves with the element.
export async function chosenPicture(changed, label = "Pictures") {
  let source = null;
  const list = await chooseSource({
    label,
    chosen: (found) => {
      source = found;
      if (found) changed({ source: found.id, index: 0 }, found);
    },
  });
  const other = h("button", { onclick: told(async () => {
    const picture = await choosePicture("Choose a picture");
    if (picture) changed({ ticket: picture.ticket }, source);
  }) }, "Another picture");
  return h("div", { class: "row wide chosen" }, list.element, other);
}

// A picture with a sentence below
export function captioned(view, caption) {
  return h("figure", {}, view, h("figcaption", {}, caption));
}
