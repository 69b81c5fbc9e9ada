// What the check found, in one line, with the rest behind it.
import { clear, counted, h, whole } from "/web/dom.js";
import { act, read } from "/web/api.js";
import { told } from "/web/parts/toast.js";
import { openViewer } from "/web/views/pictures/viewer.js";

const MOST = 200; // unreadable pictures that are listed

// Returns { element, end() }
export function checkSummary(page) {
  const { contents } = page;
  const line = h("span", { role: "status" });
  const button = h("button", { class: "plain", onclick: told(() => act("pictures/begin", { source: contents.id, kind: "check" })) }, "Check them");
  const more = h("div", { class: "small" });
  const element = h("div", { class: "summary" }, h("div", { class: "row" }, line, button), more);
  let isRunning = false;

  const load = told(async () => {
    const found = await read("pictures/found", contents.asked({ kind: "check" }));
    element.dataset.found = found.found;
    if (!found.found) {
      line.textContent = "Not checked yet for damage and duplicates.";
      return;
    }
    button.textContent = "Check again";
    const parts = [`${whole(found.unreadable)} unreadable`, counted(found.duplicates, "duplicate"), counted(found.near_duplicates, "near-duplicate")];
    line.textContent = `Checked: ${parts.join(", ")}.`;
    clear(more, details(page, found));
  });

  const hear = ({ detail: jobs }) => {
    const runs = jobs.some(({ about, state }) => about.source === contents.id && about.kind === "check" && state === "running");
    if (isRunning && !runs) load();
    isRunning = runs;
    button.disabled = runs;
    if (runs) line.textContent = "They are being checked: the bar is in the corner.";
  };
  document.addEventListener("jobs", hear);
  load();
  return { element, end: () => document.removeEventListener("jobs", hear) };
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
