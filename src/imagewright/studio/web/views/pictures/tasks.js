// A view of what a command found: what it will say before it has run, its start, and the view of its result. The bar and
// the stop of the command are in the corner of the page.
import { clear, h } from "/web/dom.js";
import { read } from "/web/api.js";
import { told } from "/web/parts/toast.js";
import { followTask } from "/web/views/pictures/following.js";

export const notes = (texts) => texts.length > 0 && h("details", { class: "small notes" }, h("summary", {}, texts.length === 1 ? "A note" : `${texts.length} notes`), h("ul", {}, texts.map((each) => h("li", {}, each))));

// kind: of the command; start, again: labels of its button; empty: what it will tell; options: an element with choices;
// asked(): what they are; show(place, found): builds the view, and
// returns its buttons; end(): leaves it
export async function task(root, page, { kind, start, again, empty, options = null, asked = () => ({}), show, end = () => {} }) {
  const button = h("button", { class: "main", disabled: true }, start); // until a click on it is heard
  const state = h("span", { class: "small faint", role: "status" });
  const said = h("p", {}, empty);
  const place = h("div", { class: "stack" });
  const tools = h("span", { class: "row" }); // of the result
  const head = h("div", { class: "row tools" }, options, button, state, tools);
  root.append(said, head, place);
  let hasResult = false;
  let isOpen = true;

  const mark = (runs) => {
    button.disabled = runs;
    state.textContent = runs ? "It runs: its bar is in the corner. You may leave this page." : "";
  };

  const load = told(async () => {
    const found = await read("pictures/found", page.contents.asked({ kind }));
    if (!isOpen || !found.found) return;
    end();
    hasResult = true;
    button.textContent = again;
    button.classList.remove("main");
    said.hidden = true;
    clear(place);
    clear(tools, ...show(place, found));
  });

  const following = await followTask(page.contents, kind, { show: mark, ended: load });
  button.addEventListener(
    "click",
    told(async () => {
      button.disabled = true;
      try {
        await following.begin(asked());
      } catch (error) {
        button.disabled = false;
        throw error;
      }
    }),
  );
  await load();
  root.dataset.result = hasResult ? "there" : "none";
  return () => {
    isOpen = false;
    following.end();
    end();
  };
}
