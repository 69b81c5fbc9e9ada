// Groups of similar pictures: the map, and each group with its most typical pictures.
import { clear, counted, h, newId } from "/web/dom.js";
import { pictureOf, read } from "/web/api.js";
import { openViewer } from "/web/views/pictures/viewer.js";
import { notes, task } from "/web/views/pictures/tasks.js";
import { wallOf } from "/web/views/pictures/wall_of.js";
import { colourOf } from "/web/views/pictures/map.js";

const TYPICAL = 5; // pictures beside the name of a group
const SPACES = { looks: "looks: pixels and edges", pixels: "pixels", edges: "edges: shapes" };

export async function show(root, page) {
  const { runs } = await read("library/runs");
  const encoding = runs.filter((run) => !run.damaged && run.checkpoints?.length && run.verbs.includes("encode"));
  const count = h("input", { type: "number", id: newId("clusters"), min: 1, max: 1000, placeholder: "auto", class: "count" });
  const space = h(
    "select",
    { id: newId("space") },
    Object.entries(SPACES).map(([value, label]) => h("option", { value }, label)),
    encoding.length > 0 && h("optgroup", { label: "the latents of" }, encoding.map((run) => h("option", { value: `run:${run.id}` }, run.name))),
  );
  const options = h("span", { class: "row" }, h("label", { for: count.id, class: "small faint" }, "Groups"), count, h("label", { for: space.id, class: "small faint" }, "compared by"), space);
  let leave = () => {};
  return task(root, page, {
    kind: "clusters",
    start: "Group the pictures",
    again: "Group again",
    empty: "Similar pictures come together: how many groups there are is chosen by the pictures, unless you say it.",
    options,
    asked: () => ({ clusters: Number(count.value) || 0, ...(space.value.startsWith("run:") ? { run: space.value.slice(4) } : { space: space.value }) }),
    show: (place, found) => {
      leave = result(place, page, found);
      return [];
    },
    end: () => leave(),
  });
}

function result(place, page, found) {
  const { contents, selection } = page;
  const wall = wallOf(page);
  const map = h("cluster-map");
  const refresh = () => map.refresh();
  const title = h("h2", {});
  const groups = h("div", { class: "groups", role: "group", "aria-label": "Groups" });
  const buttons = found.clusters.map((members, number) => {
    const typical = members.slice(0, TYPICAL).map((index) => h("img", { loading: "lazy", alt: "", src: contents.address(index, 64) }));
    const mark = h("i", { class: "swatch" });
    mark.style.background = colourOf(number);
    return h("button", { class: "of-cluster", onclick: () => choose(number) }, h("span", { class: "row" }, mark, h("span", { class: "number" }, `${number + 1}: ${counted(members.length, "picture")}`)), h("span", { class: "typical" }, typical));
  });
  let shown = 0;

  function choose(number) {
    shown = number;
    buttons.forEach((button, each) => button.setAttribute("aria-pressed", String(each === number)));
    clear(title, `Group ${number + 1}`);
    wall.set(found.clusters[number]);
  }

  const points = found.points.map(([index]) => index);
  map.addEventListener("picked", ({ detail }) => selection.toggle(detail));
  map.addEventListener("opened", ({ detail }) => openViewer(page, points, points.indexOf(detail)));
  selection.addEventListener("changed", refresh);
  groups.append(...buttons);
  clear(
    place,
    h("div", { class: "columns" }, map, groups),
    h("p", { class: "small faint" }, `${counted(found.points.length, "picture")} on the map, by their ${found.space}: near each other, if they are similar. The first of a group are the most typical.`),
    notes(found.notes),
    h("div", { class: "row spread" }, title, h("span", { class: "row" }, h("button", { onclick: () => selection.add(found.clusters[shown]) }, "Select this group"), h("a", { class: "button", href: pictureOf("pictures/table", { source: contents.id, kind: "clusters" }), download: "" }, "Save the table"))),
    wall.element,
  );
  map.set(found.points, (index, side) => contents.address(index, side), (index) => contents.title(index), selection.has);
  choose(0);
  return () => {
    selection.removeEventListener("changed", refresh);
    wall.end();
  };
}
