// A wall of a view, whose selection is that of the page.
import { h } from "/web/dom.js";
import { openViewer } from "/web/views/pictures/viewer.js";
import "/web/parts/wall.js";

export const THUMBNAIL = 96;

// Returns { element, set(items, side), refresh(), end() }. titleOf(index): a title of its own, such as with a score
export function wallOf(page, { titleOf = (index) => page.contents.title(index) } = {}) {
  const wall = h("picture-wall", { "aria-label": "Pictures" });
  let items = [];
  const follow = () => wall.select(page.selection.indices);
  wall.addEventListener("selection", () => page.selection.set(wall.chosen));
  wall.addEventListener("opened", ({ detail }) => openViewer(page, items, items.indexOf(detail)));
  page.selection.addEventListener("changed", follow);
  const set = (given, side = THUMBNAIL) => {
    items = given;
    wall.select(page.selection.indices);
    wall.set(items, (index, pixels) => page.contents.address(index, pixels), titleOf, side);
  };
  return {
    element: wall,
    set,
    get items() {
      return items;
    },
    end: () => page.selection.removeEventListener("changed", follow),
  };
}
