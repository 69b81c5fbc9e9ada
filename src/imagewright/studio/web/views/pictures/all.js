// All pictures: the wall, filtered by label or name.
import { clear, counted, h } from "/web/dom.js";
import { read } from "/web/api.js";
import { slider } from "/web/parts/slider.js";
import { tellError, told } from "/web/parts/toast.js";
import { THUMBNAIL, wallOf } from "/web/views/pictures/wall_of.js";

const WAIT = 150; // ms after the last key before names are searched

export function show(root, page) {
  const { contents, selection } = page;
  const wall = wallOf(page);
  const count = h("span", { class: "small faint number", role: "status" });
  const search = h("input", { type: "search", id: "search", placeholder: "part of a name", "aria-label": "Search names" });
  const filter = h("select", { id: "filter", "aria-label": "Show" }, filters(contents));
  let side = THUMBNAIL;
  let timer = 0;
  let having = null;

  function apply() {
    const text = search.value.trim().toLowerCase();
    let items = having ?? contents.all;
    if (text) items = items.filter((index) => contents.nameOf(index).toLowerCase().includes(text));
    wall.set(items, side);
    count.textContent = items.length === contents.pictures ? "" : `${counted(items.length, "picture")} shown`;
    clear(nothing, items.length ? null : "No picture fits.");
  }

  const choose = told(async () => {
    await contents.whole;
    const [kind, value] = filter.value.split(/:(.*)/s);
    if (kind === "class") having = contents.all.filter((index) => contents.labels?.[index] === Number(value));
    else if (kind === "attribute") having = (await read("pictures/having", contents.asked({ attribute: value }))).indices;
    else if (kind === "selected") having = selection.indices;
    else having = null;
    apply();
  });

  filter.addEventListener("change", choose);
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => contents.whole.then(apply, tellError), WAIT);
  });
  const size = slider({ label: "Size of the thumbnails", low: 48, high: 256, step: 8, value: side }, (value) => {
    side = value;
    wall.set(wall.items, side);
  });
  const nothing = h("p", { class: "faint" });
  root.append(
    h("div", { class: "row tools" }, filter, search, h("div", { class: "size" }, size), h("button", { onclick: () => selection.add(wall.items) }, "Select all shown"), count),
    wall.element,
    nothing,
  );
  apply();
  return wall.end;
}

function filters(contents) {
  const option = ({ name, pictures }, value) => h("option", { value }, `${name} (${counted(pictures, "picture")})`);
  return [
    h("option", { value: "all" }, "All pictures"),
    h("option", { value: "selected" }, "The selected ones"),
    contents.classes.length > 0 && h("optgroup", { label: "Classes" }, contents.classes.map((each, number) => option(each, `class:${number}`))),
    contents.attributes.length > 0 && h("optgroup", { label: "Attributes" }, contents.attributes.map((each) => option(each, `attribute:${each.name}`))),
  ];
}
