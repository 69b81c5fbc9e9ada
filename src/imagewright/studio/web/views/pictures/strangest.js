// The strangest pictures first, by the outlier search.
import { clear, decimals, h, newId } from "/web/dom.js";
import { pictureOf } from "/web/api.js";
import { notes, task } from "/web/views/pictures/tasks.js";
import { wallOf } from "/web/views/pictures/wall_of.js";

const FIRST = 16; // that are selected by the button

export function show(root, page) {
  let wall = null;
  return task(root, page, {
    kind: "outliers",
    start: "Rank the pictures",
    again: "Rank again",
    empty: "Which pictures differ from the others? Several detectors compare looks, edges and sharpness, and the strangest come first.",
    show: (place, found) => {
      const scores = new Map(found.order.map((index, rank) => [index, found.scores[rank]]));
      wall = wallOf(page, { titleOf: (index) => `${page.contents.title(index)}: ${decimals(scores.get(index))}` });
      const count = h("input", { type: "number", id: newId("count"), min: 1, max: found.order.length, value: Math.min(FIRST, found.order.length), class: "count" });
      const select = h("button", { onclick: () => page.selection.add(found.order.slice(0, Number(count.value))) }, "Select the strangest");
      clear(
        place,
        h("p", { class: "small faint" }, `Strangest first, by ${found.method}. A picture's name tells its score.`),
        notes(found.notes),
        wall.element,
      );
      wall.set(found.order);
      const table = h("a", { class: "button", href: pictureOf("pictures/table", { source: page.contents.id, kind: "outliers" }), download: "" }, "Save the table");
      return [table, select, h("label", { for: count.id, class: "hidden" }, "How many"), count];
    },
    end: () => wall?.end(),
  });
}
