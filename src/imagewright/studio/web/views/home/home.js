// Home: the runs and the sources of the folder, and the models.
import { brief, clear, counted, h, whole } from "/web/dom.js";
import { pictureOf, read } from "/web/api.js";

export default async function show(root) {
  const [{ runs, notes }, { sources }, { models }] = await Promise.all([read("library/runs"), read("library/sources"), read("library/models")]);
  root.append(
    h("h1", {}, "Home"),
    h("p", { class: "lead" }, `${counted(runs.length, "run")}, ${counted(sources.length, "source")} of pictures, ${counted(models.length, "model")}.`),
    notes.map((note) => h("p", { class: "faint small" }, note)),
    h("h2", {}, "Runs"),
    runs.length ? h("div", { class: "grid" }, runs.map(runCard)) : h("p", { class: "faint" }, "No training yet."),
    h("h2", {}, "Pictures"),
    h("div", { class: "grid" }, sources.map(sourceCard)),
  );
}

function runCard(run) {
  if (run.damaged) return h("article", { class: "panel" }, h("h3", {}, run.name), h("p", { class: "bad small" }, run.damaged));
  const progress = run.planned ? `${brief(run.images_seen)} of ${brief(run.planned)} images` : `${brief(run.images_seen)} images`;
  return h(
    "article",
    { class: "panel stack" },
    h("img", { class: "thumbnail", alt: `samples of ${run.name}`, loading: "lazy", src: pictureOf("library/run_picture", { run: run.id, side: 320 }) }),
    h("h3", {}, run.name),
    h("p", { class: "small faint" }, `${run.model}, ${progress}`, run.training ? ", in training" : ""),
  );
}

function sourceCard(source) {
  return h("article", { class: "panel" }, h("h3", {}, source.name), h("p", { class: "small faint" }, source.pictures === null ? source.kind : counted(source.pictures, "picture")));
}
