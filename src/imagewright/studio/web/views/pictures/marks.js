// Marking pictures with and without something. Each change is saved as a table; from it the direction is found in a run.
import { clear, counted, h, newId } from "/web/dom.js";
import { act, read } from "/web/api.js";
import { tell, tellError, told } from "/web/parts/toast.js";
import { openViewer } from "/web/views/pictures/viewer.js";
import { findIn } from "/web/views/pictures/direction.js";
import "/web/parts/wall.js";

const WAIT = 500; // ms after the last change before it is saved
const GOOD = 20; // pictures of each side that make a good start
const UNNAMED = "unnamed"; // what marks are saved as if the page is left before they have a name
const SIDES = { with: "With it", without: "Without it" };

export async function show(root, page) {
  const { contents, selection } = page;
  let { marks } = await read("pictures/marks", contents.asked());
  const sides = { with: new Set(), without: new Set() };
  let mode = "with";
  let marked = ""; // the name of what the marks are of
  let timer = 0;
  let isSaved = true;
  let saving = Promise.resolve(); // the saves, one after the other

  const name = h("input", { type: "text", id: newId("name"), maxlength: "60", placeholder: "such as red", autocomplete: "off", list: newId("known") });
  const known = h("datalist", { id: name.getAttribute("list") });
  const forget = h("button", { class: "plain", hidden: true, onclick: told(remove) }, "Forget it");
  const state = h("span", { class: "small faint", role: "status" });
  const modes = Object.entries(SIDES).map(([key, label]) => h("button", { class: `mode ${key}`, "aria-pressed": String(key === mode), onclick: () => choose(key) }, label));
  const counts = h("p", { class: "small faint", role: "status" });
  const wall = h("picture-wall", { "aria-label": "Pictures to mark" });
  const strips = Object.fromEntries(Object.keys(SIDES).map((key) => [key, h("div", { class: "strip" })]));
  let order = contents.all;

  const sideOf = (index) => (sides.with.has(index) ? "with" : sides.without.has(index) ? "without" : "");
  const showWall = () => wall.set(order, (index, pixels) => contents.address(index, pixels), (index) => contents.title(index) + (sideOf(index) && `, ${sideOf(index)} it`), 96, sideOf);

  function choose(key) {
    mode = key;
    for (const button of modes) button.setAttribute("aria-pressed", String(button.classList.contains(key)));
  }

  function put(indices, side) {
    for (const index of indices) {
      sides.with.delete(index);
      sides.without.delete(index);
      if (side) sides[side].add(index);
    }
    refresh();
    save();
  }

  // The marks of a table, and those of `more`, which prevail.
  function take(table, more = { with: new Set(), without: new Set() }) {
    const own = new Set([...more.with, ...more.without]);
    for (const key of Object.keys(SIDES)) sides[key] = new Set([...table[key].filter((index) => !own.has(index)), ...more[key]]);
  }

  function refresh() {
    wall.select([...sides.with, ...sides.without]);
    const missing = Math.max(0, GOOD - sides.with.size, GOOD - sides.without.size);
    clear(counts, `${counted(sides.with.size, "picture")} with it, ${sides.without.size} without it.`, missing ? ` ${GOOD} of each are a good start; five of each already do something.` : "");
    for (const [key, strip] of Object.entries(strips)) clear(strip, [...sides[key]].map((index) => thumb(index, key)));
    finder.enable(sides.with.size > 0 && sides.without.size > 0 && name.value.trim() !== "");
  }

  const thumb = (index, key) => h("button", { class: "thumb small-thumb", title: `${contents.title(index)}: take the mark away`, "aria-label": `${contents.title(index)}, ${key} it: take the mark away`, onclick: () => put([index], "") }, h("img", { alt: "", src: contents.address(index, 64) }));

  function save() {
    isSaved = false;
    clearTimeout(timer);
    if (!name.value.trim()) {
      state.textContent = "Give it a name, and it is saved.";
      return;
    }
    state.textContent = "Being saved …";
    timer = setTimeout(() => saveNow().catch(tellError), WAIT);
  }

  async function saveNow(attribute = name.value.trim()) {
    clearTimeout(timer);
    const isEmpty = sides.with.size + sides.without.size === 0 && !marks.some((each) => each.name === attribute);
    if (isSaved || !attribute || isEmpty) return saving;
    isSaved = true; // what is marked from here on is saved next
    const now = { name: attribute, with: [...sides.with], without: [...sides.without] };
    saving = saving.catch(() => {}).then(() => act("pictures/save_marks", contents.asked(now))).then(
      (saved) => {
        marks = [...marks.filter((each) => each.name !== saved.name), { ...now, name: saved.name }];
        showKnown();
        if (isSaved) state.textContent = `Saved in ${saved.table}.`;
      },
      (error) => {
        isSaved = false;
        state.textContent = "Not saved.";
        throw error;
      },
    );
    return saving;
  }

  function showKnown() {
    clear(known, marks.map((each) => h("option", { value: each.name })));
    forget.hidden = !marks.some((each) => each.name === name.value);
  }

  async function remove() {
    clearTimeout(timer);
    isSaved = true;
    await saving.catch(() => {}); // so that none comes after
    const { removed } = await act("pictures/forget_marks", { source: contents.id, name: name.value });
    marks = marks.filter((each) => each.name !== removed);
    name.value = marked = "";
    for (const side of Object.values(sides)) side.clear();
    state.textContent = `The marks of ${removed} are gone.`;
    showKnown();
    refresh();
  }

  name.addEventListener("change", () => {
    const before = marks.find((each) => each.name === name.value);
    const isEmpty = sides.with.size + sides.without.size === 0;
    if (marked) saveNow(marked).catch(tellError); // the last changes of what was marked until now
    if (before && (marked || isEmpty)) {
      take(before);
      isSaved = true;
      state.textContent = "";
    } else if (!isEmpty) {
      if (before) take(before, sides); // what was marked without a name comes to what has this name
      save();
    }
    marked = name.value.trim();
    showKnown();
    refresh();
  });
  wall.addEventListener("selection", () => {
    const chosen = wall.chosen;
    const gone = [...sides.with, ...sides.without].filter((index) => !chosen.has(index));
    const added = [...chosen].filter((index) => !sideOf(index));
    if (gone.length) put(gone, "");
    if (added.length) put(added, mode);
  });
  wall.addEventListener("opened", ({ detail }) => openViewer(page, order, order.indexOf(detail)));

  const finder = await findIn(page, { nameOf: () => name.value.trim(), save: saveNow });
  root.append(
    h("p", {}, "Mark pictures that show something, such as glasses or the colour red, and pictures that do not. A model then learns the direction in which it grows."),
    h("div", { class: "row tools" }, h("label", { for: name.id }, "What is marked"), name, known, forget, state),
    h("div", { class: "row tools" }, h("span", { class: "small faint" }, "A click marks"), modes, h("button", { onclick: shuffle }, "Shuffle"), h("button", { onclick: () => put(selection.indices, mode) }, "Mark the selected ones")),
    counts,
    wall,
    h("div", { class: "columns even" }, Object.entries(SIDES).map(([key, label]) => h("section", {}, h("h3", {}, label), strips[key]))),
    finder.element,
  );
  function shuffle() {
    order = [...contents.all];
    for (let place = order.length - 1; place > 0; place--) {
      const other = Math.floor(Math.random() * (place + 1));
      [order[place], order[other]] = [order[other], order[place]];
    }
    showWall();
  }
  if (marks.length) {
    name.value = marked = marks[0].name;
    take(marks[0]);
  }
  showWall();
  showKnown();
  refresh();
  return () => {
    if (!name.value.trim() && sides.with.size + sides.without.size) {
      name.value = UNNAMED;
      tell(`The marks had no name: they are saved as ${UNNAMED}.`);
    }
    saveNow().catch(tellError); // the last change, before its time
    finder.end();
  };
}
