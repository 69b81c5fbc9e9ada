// Pictures: what is in a source, what is wrong with it, and what can be made of it.
import { clear, counted, h, query } from "/web/dom.js";
import { act, isAdded } from "/web/api.js";
import { chooseSource } from "/web/parts/choose.js";
import { loadStyle } from "/web/parts/style.js";
import { tell, tellError, told } from "/web/parts/toast.js";
import { adder } from "/web/views/pictures/add.js";
import { Contents, Selection } from "/web/views/pictures/contents.js";
import { checkSummary } from "/web/views/pictures/summary.js";
import { selectionBar } from "/web/views/pictures/selection_bar.js";
import { notes } from "/web/views/pictures/tasks.js";

const VIEWS = [
  { name: "all", title: "All" },
  { name: "strangest", title: "Strangest" },
  { name: "duplicates", title: "Duplicates" },
  { name: "clusters", title: "Groups" },
  { name: "marks", title: "Mark" },
];

export default async function show(root, asked) {
  await loadStyle("/web/views/pictures/pictures.css");
  const state = { view: VIEWS.some(({ name }) => name === asked.view) ? asked.view : "all", source: asked.source ?? null, leave: [] };
  const place = h("div", { class: "stack", dataset: { source: "" } });
  let opened = 0;

  const leave = () => {
    for (const each of state.leave.splice(0)) each();
  };
  const remember = () => history.replaceState(null, "", `#/pictures?${query({ source: state.source, view: state.view })}`);

  async function open(anew = false) {
    const number = ++opened;
    leave();
    clear(place, h("p", { class: "faint" }, "The pictures are being listed."));
    let contents;
    try {
      contents = await Contents.open(state.source, anew);
      await contents.begin();
    } catch (error) {
      if (number === opened) clear(place, h("p", { class: "bad" }, error.message), h("button", { onclick: () => open(true) }, "Read again"));
      return;
    }
    if (number !== opened || !root.isConnected) return;
    remember();
    if (anew) sources.reload().catch(tellError); // its numbers of pictures
    const page = { contents, selection: new Selection(), reload: () => sources.reload() };
    state.leave.push(() => (contents.isOpen = false));
    build(page);
  }

  function build(page) {
    const { contents } = page;
    const bar = selectionBar(page, { moved: () => open(true) });
    state.leave.push(bar.end);
    const view = h("div", { class: "view" });
    const tabs = h("div", { class: "row views", role: "group", "aria-label": "Views" }, VIEWS.map(({ name, title }) => h("button", { dataset: { view: name }, onclick: told(() => choose(name)) }, title)));
    let leaveView = null;

    async function choose(name) {
      state.view = name;
      remember();
      for (const tab of tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.view === name));
      leaveView?.();
      leaveView = null;
      const inner = h("div", { class: "stack", dataset: { view: name } });
      clear(view, inner);
      const { show: fill } = await import(`/web/views/pictures/${name}.js`);
      const end = await fill(inner, page);
      if (inner.isConnected) leaveView = end;
      else end?.();
      inner.dataset.state = "open";
    }

    const summary = checkSummary(page);
    state.leave.push(summary.end, () => leaveView?.());
    const facts = [counted(contents.pictures, "picture"), `${contents.size.replace("x", " × ")} pixels`, contents.channels === 1 ? "grey" : "", contents.classes.length ? counted(contents.classes.length, "class", "classes") : "", contents.attributes.length ? counted(contents.attributes.length, "attribute") : ""];
    clear(place, h("p", { class: "lead" }, `${facts.filter(Boolean).join(", ")}.`), summary.element, notes(contents.notes), contents.moves.map((each) => movedLine(page, each)), tabs, bar.element, view);
    place.dataset.source = contents.id;
    choose(state.view).catch(tellError);
  }

  function movedLine({ contents }, { list, pictures, to }) {
    const back = told(async () => {
      const { moved } = await act("pictures/undo", { source: contents.id, list });
      tell(`${counted(moved, "picture")} put back.`);
      await open(true);
    });
    return h("p", { class: "row moved" }, `${counted(pictures, "picture")} moved aside to ${to}.`, h("button", { class: "plain", onclick: back }, "Put back"));
  }

  const adding = adder({
    added: async (folder) => {
      await sources.reload();
      if (folder) sources.pick((source) => isAdded(source, folder));
    },
  });
  adding.hidden = true;
  const toggle = h("button", { "aria-expanded": "false", onclick: () => showAdding(adding.hidden) }, "Add pictures");
  function showAdding(isShown) {
    adding.hidden = !isShown;
    toggle.setAttribute("aria-expanded", String(isShown));
  }

  const title = h("h1", {}, "Pictures");
  root.append(title, place); // to be seen while a large folder is listed
  const sources = await chooseSource({
    value: asked.source,
    chosen: async (source) => {
      state.source = source?.id ?? null;
      if (source) await open();
      else clear(place, h("p", {}, "There are no pictures in this folder yet. Drop a folder of pictures here."));
    },
  });
  title.replaceWith(h("div", { class: "row spread head" }, h("h1", {}, "Pictures"), h("span", { class: "row" }, sources.element, toggle, h("button", { class: "plain", title: "List the folder anew", onclick: told(() => open(true)) }, "Read again"))), adding);
  const dragged = (event) => event.dataTransfer?.types.includes("Files") && showAdding(true);
  document.addEventListener("dragenter", dragged);
  return () => {
    document.removeEventListener("dragenter", dragged);
    leave();
  };
}
