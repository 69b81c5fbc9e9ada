// One photo through all runs: reconstructed, translated, classified, scored, whatever each can.
import { clear, decimals, h } from "/web/dom.js";
import { fileOf, read } from "/web/api.js";
import { choosePicture } from "/web/parts/choose.js";
import { openLarge } from "/web/parts/picture.js";
import { told } from "/web/parts/toast.js";
import { pictureRow } from "/web/views/compare/samples.js";

export function showPhoto(state) {
  let photo = null;
  const rows = new Map();
  const list = h("div", { class: "compared" });
  const shown = h("div", { hidden: true });
  const choose = h("button", {}, "Choose a photo");
  const element = h("section", { class: "photos", "aria-label": "One photo through all" }, h("h2", {}, "One photo through all"), h("div", { class: "row wide" }, shown, choose), list);

  const ask = (run) => {
    const row = rows.get(run.id);
    state
      .abilities(run)
      .then(async (can) => {
        if (!can.photo) return row.refuse("This model takes no photo: it samples only.");
        row.ask({ run: run.id, ticket: photo.ticket, seed: state.seed });
        row.say(factsText(run, await read("compare/photo_facts", { run: run.id, ticket: photo.ticket })));
      })
      .catch((error) => row.refuse(error.message));
  };
  const update = () => {
    const runs = state.runs();
    clear(list);
    if (!photo) return list.append(h("p", { class: "faint" }, "Each run shows what it makes of the photo: a reconstruction, translations, its classes, its score."));
    for (const run of runs) if (!rows.has(run.id)) (rows.set(run.id, pictureRow("compare/photo", run.name, run.model)), ask(run));
    for (const id of [...rows.keys()]) if (!runs.some((run) => run.id === id)) rows.delete(id);
    list.append(...runs.map((run) => rows.get(run.id).element));
  };
  choose.addEventListener(
    "click",
    told(async () => {
      const found = await choosePicture("Choose a photo for all runs");
      if (!found) return;
      photo = found;
      rows.clear();
      const image = h("img", { class: "photo", src: fileOf(photo.ticket), alt: photo.name });
      clear(shown, h("button", { class: "plain", "aria-label": `Open ${photo.name} large`, onclick: () => openLarge(fileOf(photo.ticket), photo.name, photo) }, image));
      shown.hidden = false;
      choose.textContent = "Another photo";
      update();
    }),
  );
  return { element, update };
}

function factsText(run, { classes, score }) {
  const said = [run.model];
  if (classes) said.push(classes.map(({ name, share }) => `${name}: ${Math.round(100 * share)} %`).join(", "));
  if (score) said.push(`${decimals(score.value, 4)} (${score.unit})`);
  return said.join(" · ");
}
