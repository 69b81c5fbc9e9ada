// Home: the runs and the sources of the folder, and the models. A folder that is dropped here becomes a source.
import { clear, counted, h } from "/web/dom.js";
import { addSource, isAdded, nameOfDropped, read } from "/web/api.js";
import { live } from "/web/live.js";
import { whereToBegin } from "/web/parts/begin.js";
import { chooseSource, inOrder, isClass, titleOfSource } from "/web/parts/choose.js";
import { modelCards } from "/web/parts/models.js";
import { loadStyle } from "/web/parts/style.js";
import { tell, tellError, told } from "/web/parts/toast.js";
import { runCard } from "/web/views/home/runs.js";
import { sourceCard } from "/web/views/home/sources.js";
import "/web/parts/drop.js";

export default async function show(root) {
  const parts = { lead: h("p", { class: "lead" }), first: h("div"), runs: h("div"), sources: h("div", { class: "grid" }), notes: h("div") };
  const drop = h("drop-zone", { folders: "", label: "Drop a folder or a .zip of pictures here, or choose a folder" });
  const added = h("p", { class: "small", role: "status" });
  const cards = h("div");
  const place = { runs: new Map() }; // by id: its card
  await loadStyle("/web/views/home/home.css");
  let chooser = null;
  const load = async () => {
    const sources = await fill(parts, place);
    await chooser?.reload();
    return sources;
  };
  drop.addEventListener("files", told(({ detail }) => addFolder(detail, added, load)));
  const [{ models }] = await Promise.all([read("library/models"), load()]);
  clear(cards, modelCards(models, (model) => (location.hash = `#/train?model=${model.name}`)));
  const begin = whereToBegin(models, (model, source, options) => (location.hash = `#/train?${new URLSearchParams({ model: model.name, source: source.id, options: JSON.stringify(options) })}`));
  chooser = await chooseSource({ chosen: (source) => void begin.show(source) }); // the first answer takes a while: the networks are imported
  root.append(h("h1", {}, "Home"), parts.lead, parts.notes, parts.first, parts.runs, h("h2", {}, "Pictures"), parts.sources, drop, added, h("h2", {}, "Where to begin"), h("div", { class: "where" }, chooser.element), begin.element, h("h2", {}, "All models"), cards);
  const end = live.follow("home/trainings", {}, told(async ({ runs, all }) => {
    const now = new Set(runs.map((run) => run.id));
    const hasEnded = [...place.runs.values()].some((card) => card.isTraining && !now.has(card.id));
    if (hasEnded || all.length !== place.runs.size || all.some((id) => !place.runs.has(id))) await load();
    for (const run of runs) place.runs.get(run.id)?.show(run);
  }), tellError);
  return end;
}

// Show what is there now. Returns the sources.
async function fill({ lead, first, runs: section, sources: grid, notes: noted }, place) {
  const [{ runs, notes }, { sources }] = await Promise.all([read("library/runs"), read("library/sources")]);
  const whole = inOrder(sources.filter((source) => !isClass(source, sources)));
  const own = whole.filter((source) => source.kind !== "builtin");
  const parts = [runs.length ? counted(runs.length, "run") : "", own.length ? `${counted(own.length, "source")} of pictures` : ""].filter(Boolean);
  lead.textContent = parts.length ? `${parts.join(", ")} in this folder.` : "";
  clear(noted, notes.map((note) => h("p", { class: "faint small" }, note)));
  const shown = runs.map((run) => [run.id, runCard(run)]);
  place.runs = new Map(shown);
  clear(first, runs.length ? [] : firstSteps(own, sources));
  clear(section, runs.length ? [h("h2", {}, "Runs"), h("div", { class: "grid" }, shown.map(([, card]) => card.element))] : []);
  clear(grid, whole.map(sourceCard));
  return sources;
}

// What somebody sees who has trained nothing yet.
function firstSteps(own, sources) {
  const offered = own.length ? own : sources;
  return h(
    "section",
    { class: "panel stack first-steps" },
    h("h2", {}, "Train a first model"),
    h("p", {}, own.length ? "Choose pictures, then a model, then start. It takes minutes on pictures this small." : "This folder is empty. Drop a folder of pictures below, or begin with a small set that is built in: choose it, choose a model, start."),
    h("div", { class: "row" }, offered.slice(0, 4).map((source, number) => h("a", { class: number ? "button" : "button main", href: `#/train?source=${source.id}` }, `Train on ${titleOfSource(source)}`))),
  );
}

async function addFolder(files, said, load) {
  const { folder, added, refused, notes } = await addSource(nameOfDropped(files) || "dropped", files, (done, total) => {
    said.textContent = `Adds ${done} of ${total} …`;
  });
  if (refused.length) tell(`${counted(refused.length, "file")} left out. ${refused.slice(0, 3).join(" ")}`, "bad");
  const sources = await load();
  const source = sources.find((each) => isAdded(each, folder));
  clear(said, `${counted(added, "picture")} added. `, source ? h("a", { href: `#/train?source=${source.id}` }, "Train on them") : null, notes.length ? ` ${notes.join(" ")}` : null);
}
