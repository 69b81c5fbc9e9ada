// Equal and nearly equal pictures side by side, by the check.
import { clear, counted, h } from "/web/dom.js";
import { openViewer } from "/web/views/pictures/viewer.js";
import { notes, task } from "/web/views/pictures/tasks.js";

const PART = 100; // groups that are shown at once
const SIDE = 112; // pixels of a thumbnail

export function show(root, page) {
  const { contents, selection } = page;
  const buttons = new Map(); // index -> its buttons
  const mark = () => {
    for (const [index, each] of buttons) for (const button of each) button.setAttribute("aria-pressed", selection.has(index));
  };

  function thumbnail(index, group) {
    const button = h(
      "button",
      { class: "thumb", title: contents.title(index), "aria-label": contents.title(index), "aria-pressed": String(selection.has(index)) },
      h("img", { loading: "lazy", alt: "", src: contents.address(index, SIDE * (window.devicePixelRatio || 1)) }),
    );
    button.addEventListener("click", () => selection.toggle(index));
    button.addEventListener("dblclick", () => openViewer(page, group, group.indexOf(index)));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      openViewer(page, group, group.indexOf(index));
    });
    buttons.set(index, [...(buttons.get(index) ?? []), button]);
    return h("figure", {}, button, h("figcaption", { class: "small faint" }, contents.nameOf(index)));
  }

  function groupsOf(groups, title, help) {
    if (!groups.length) return null;
    const list = h("div", { class: "groups-together" });
    const more = h("button", { onclick: () => add() }, "Show more");
    let shown = 0;
    function add() {
      list.append(...groups.slice(shown, shown + PART).map((group) => h("div", { class: "together", role: "group" }, group.map((index) => thumbnail(index, group)))));
      shown = Math.min(groups.length, shown + PART);
      more.hidden = shown >= groups.length;
    }
    add();
    return h("section", {}, h("h2", {}, `${title}: ${counted(groups.length, "group")}`), h("p", { class: "small faint" }, help), list, more);
  }

  return task(root, page, {
    kind: "check",
    start: "Find duplicates",
    again: "Check again",
    empty: "Every picture is decoded once: equal pictures are found in whatever format, and those that were resized, recompressed, brightened or slightly cropped.",
    show: (place, found) => {
      buttons.clear();
      selection.addEventListener("changed", mark);
      const [equal, near] = [found.equal, found.near];
      const rest = (groups) => groups.flatMap((group) => group.slice(1));
      clear(
        place,
        equal.length + near.length === 0 && h("p", {}, "No picture is there twice."),
        groupsOf(equal, "Equal", "Their pixels are the same."),
        groupsOf(near, "Nearly equal", "They look the same: look before you move one."),
        notes(found.notes),
      );
      return [
        equal.length > 0 && h("button", { onclick: () => selection.add(rest(equal)) }, "Select all but one of the equal ones"),
        near.length > 0 && h("button", { onclick: () => selection.add(rest(near)) }, "Select all but one of the similar ones"),
      ];
    },
    end: () => selection.removeEventListener("changed", mark),
  });
}
