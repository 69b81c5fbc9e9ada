// A source as a card: some of its pictures, and the way to a model of it.
import { counted, h } from "/web/dom.js";
import { pictureOf } from "/web/api.js";
import { titleOfSource } from "/web/parts/choose.js";

const SHOWN = 4;
const KINDS = { builtin: "built in", faces: "faces", video: "video", archive: "archive", pictures: "folder" };

export function sourceCard(source) {
  const count = Math.min(SHOWN, source.pictures ?? SHOWN);
  const images = [...Array(count).keys()].map((place) => {
    const image = h("img", { alt: "", loading: "lazy", src: pictureOf("library/source_picture", { source: source.id, share: place / count, side: 160 }) });
    image.addEventListener("error", () => image.replaceWith(h("span")));
    return image;
  });
  const name = titleOfSource(source);
  const classes = source.classes > 1 ? `, ${counted(source.classes, "class", "classes")}` : "";
  return h(
    "article",
    { class: "panel stack source-card", dataset: { source: source.id } },
    h("div", { class: "four" }, images),
    h("h3", {}, name),
    h("p", { class: "small faint" }, `${source.pictures === null ? KINDS[source.kind] : `${KINDS[source.kind]}, ${counted(source.pictures, "picture")}`}${classes}`),
    h("div", { class: "row end" }, h("a", { class: "button", href: `#/train?source=${source.id}`, "aria-label": `Train on ${name}` }, "Train"), h("a", { class: "small", href: `#/pictures?source=${source.id}` }, "Look at them")),
  );
}
