// What the check found, in one line, with the rest behind it.
import { clear, counted, h, whole } from "/web/dom.js";
import { read } from "/web/api.js";
import { tellError, told } from "/web/parts/toast.js";
import { followTask } from "/web/views/pictures/following.js";
import { openViewer } from "/web/views/pictures/viewer.js";

const MOST = 200; // unreadable pictures that are listed

// Returns { element, end() }
export function checkSummary(page) {
  const { contents } = page;
  const line = h("span", { role: "status" });
  const button = h("button", { class: "plain", disabled: true }, "Check them");
  const more = h("div", { class: "small" });
  const element = h("div", { class: "summary" }, h("div", { class: "row" }, line, button), more);
  let isOpen = true;
  let isRunning = false;
  let said = ""; // of what was found
  let following = null;

  const show = (runs = isRunning) => {
    isRunning = button.disabled = runs;
    line.textContent = runs ? "They are being checked: the bar is in the corner." : said;
  };
  const load = told(async () => {
    const found = await read("pictures/found", contents.asked({ kind: "check" }));
    element.dataset.found = found.found;
    if (!found.found) {
      said = "Not checked yet for damage and duplicates.";
      return show();
    }
    button.textContent = "Check again";
    const parts = [`${whole(found.unreadable)} unreadable`, counted(found.duplicates, "duplicate"), counted(found.near_duplicates, "near-duplicate")];
    said = `Checked: ${parts.join(", ")}.`;
    show();
    clear(more, details(page, found));
  });

  async function follow() {
    following = await followTask(contents, "check", { show, ended: load });
    if (!isOpen) return following.end();
    button.addEventListener("click", told(() => following.begin()));
    await load();
  }
  follow().catch(tellError);
  const end = () => {
    isOpen = false;
    following?.end();
  };
  return { element, end };
}

function details(page, found) {
  const counts = (title, values) => h("tr", {}, h("th", {}, title), h("td", {}, Object.entries(values).slice(0, 12).map(([name, count]) => `${name} (${whole(count)})`).join(", ")));
  const open = (index) => openViewer(page, [index], 0);
  return h(
    "details",
    {},
    h("summary", {}, "What it found"),
    h("table", {}, h("tbody", {}, counts("Sizes", found.sizes), counts("Modes", found.modes), counts("Formats", found.formats))),
    found.suggestion && h("p", {}, `Suggested for training: ${found.suggestion}.`),
    found.notes.map((note) => h("p", {}, note)),
    found.unreadable_pictures.length > 0 && h("h3", {}, `${counted(found.unreadable, "picture")} that cannot be read`),
    h(
      "ul",
      {},
      found.unreadable_pictures.slice(0, MOST).map(({ index, name, reason }) => h("li", {}, index === null ? name : h("button", { class: "plain small", onclick: () => open(index) }, name), `: ${reason}`)),
    ),
  );
}
