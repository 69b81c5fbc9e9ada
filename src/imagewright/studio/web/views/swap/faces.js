// The faces of both people: a set that is there, or faces found in pictures and videos; its people, of whom one is kept.
import { clear, counted, h, whole } from "/web/dom.js";
import { act, addSource, isAdded, nameOfDropped, pictureOf, read } from "/web/api.js";
import { live } from "/web/live.js";
import { chooseSource } from "/web/parts/choose.js";
import { field } from "/web/parts/field.js";
import { showJob } from "/web/parts/jobs.js";
import { openLarge } from "/web/parts/picture.js";
import { tell, told } from "/web/parts/toast.js";
import { list, personChoice } from "/web/views/swap/person.js";
import { addressOf, keepSets } from "/web/views/swap/swap.js";
import "/web/parts/drop.js";
import "/web/parts/wall.js";

const SIDES = [
  { who: "source", title: "The person put in", help: "Their face is learned, and drawn into the footage." },
  { who: "target", title: "The person replaced", help: "Their pose and expression stay; their face goes." },
];

export async function showFaces(root, asked) {
  const { absent } = await read("swap/networks");
  const chosen = { source: asked.source ?? null, target: asked.target ?? null };
  const next = h("a", { class: "button main" }, "Go on to training");
  const said = h("span", { class: "small faint" });
  const update = () => {
    const isReady = chosen.source && chosen.target && chosen.source !== chosen.target;
    next.setAttribute("aria-disabled", !isReady);
    next.href = isReady ? addressOf("train", chosen) : "#/swap";
    next.hidden = !isReady;
    said.textContent = chosen.source && chosen.source === chosen.target ? "Both are the same set: choose two people." : isReady ? "" : "Choose a set of faces for each person.";
    keepSets(root, "faces", chosen);
  };
  const sides = [];
  for (const side of SIDES) {
    const change = (id) => ((chosen[side.who] = id), update());
    sides.push(await showSide(side, chosen[side.who], change, () => sides.forEach((each) => each.reload())));
  }
  if (absent) root.append(h("p", { class: "small warn" }, absent));
  root.append(h("div", { class: "columns even sides" }, sides.map((each) => each.element)), h("div", { class: "row forward" }, next, said));
  update();
}

async function showSide({ who, title, help }, first, change, reloadAll) {
  const people = h("div", { class: "people" });
  const set = await chooseSource({ label: "Set of faces", none: "choose a set, or find faces", value: first, fits: (each) => each.kind === "faces", chosen: (each) => (change(each?.id ?? null), showPeople(people, each, use)) });
  async function use(id) {
    await set.reload();
    set.pick((each) => each.id === id);
    finder.open = false;
    reloadAll();
  }
  const finder = await findFaces(use);
  finder.open = set.isEmpty;
  const element = h("section", { class: "panel stack", "aria-label": title, dataset: { who } }, h("h2", {}, title), h("p", { class: "small faint" }, help), set.element, finder, people);
  return { element, reload: set.reload };
}

// The form that finds faces in a source, as `imagewright swap extract` does.
async function findFaces(use) {
  const { sources } = await read("library/sources");
  const source = await chooseSource({ label: "Pictures or video", value: sources.find((each) => each.kind === "video")?.id, fits: (each) => each.kind !== "faces" && each.kind !== "builtin" });
  const every = h("input", { type: "number", min: "1", max: "1000", value: "1" });
  const bar = h("job-bar", { hidden: true });
  const person = personChoice(() => {});
  const whom = list("Whose faces", { all: "everyone's", picked: "a person of a face set" }, (value) => (person.element.hidden = value !== "picked"));
  const start = h("button", {}, "Find faces");
  const drop = h("drop-zone", { label: "Drop a video or pictures here" });
  drop.addEventListener(
    "files",
    told(async ({ detail }) => {
      const { folder, added, refused, notes } = await addSource(nameOfDropped(detail) || "faces", detail, (done, total) => (start.textContent = `Adds ${done} of ${total} …`));
      start.textContent = "Find faces";
      refused.slice(0, 3).forEach((text) => tell(text, "bad"));
      notes.forEach((text) => tell(text));
      if (!added) return;
      await source.reload();
      source.pick((each) => isAdded(each, folder));
    }),
  );
  start.addEventListener(
    "click",
    told(async () => {
      if (!source.value) throw new Error("Add a video or pictures first: drop them here, or put them into the studio's folder.");
      start.disabled = true;
      try {
        const isPicked = !person.element.hidden;
        if (isPicked && !person.value) throw new Error("Choose the set of faces and the person who is meant.");
        const job = await act("swap/extract", { source: source.value.id, every: Number(every.value), ...(isPicked ? { person: person.value } : {}) });
        const ended = await showJob(job, bar);
        if (ended.state === "done") await use(ended.about.faces);
      } finally {
        start.disabled = false;
      }
    }),
  );
  return h("details", {}, h("summary", {}, "Find faces in pictures or a video"), h("div", { class: "stack" }, drop, source.element, field("Take every … frame", every), whom, person.element, h("div", { class: "row" }, start), bar));
}

// The people of a set, by a feed that tells how far it is. One that was left for another set never resolves.
function readPeople(root, set, tell) {
  return new Promise((done, failed) => {
    const end = live.follow("swap/reading", { faces: set.id }, (value) => (value.found ? (end(), done(value.found)) : tell(value)), failed);
    root.endReading = end;
    document.addEventListener("page-left", end, { once: true });
  });
}

// The people of a set, each with a wall of their faces.
async function showPeople(root, set, use) {
  root.dataset.set = "";
  root.endReading?.(); // of the set that was chosen before
  if (!set) return void clear(root);
  const [reading, said] = [h("progress", { max: "1", "aria-label": "faces read" }), h("span", { class: "number" }, "Reads the faces …")];
  clear(root, h("p", { class: "faint small row" }, said, reading));
  let found;
  try {
    found = await readPeople(root, set, ({ done, total }) => {
      if (!total) return;
      said.textContent = `Reads the faces: ${whole(done)} of ${whole(total)}`;
      reading.value = done / total;
    });
  } catch (error) {
    return void clear(root, h("p", { class: "bad small" }, error.message));
  }
  const several = found.people.length > 1;
  const bar = h("job-bar", { hidden: true });
  const keep = (number) =>
    told(async () => {
      const ended = await showJob(await act("swap/keep_person", { faces: set.id, number }), bar);
      if (ended.state === "done") await use(ended.about.faces);
    });
  const groups = found.people.map(({ number, count, faces }) =>
    h(
      "div",
      { class: "person" },
      h("div", { class: "row spread" }, h("h3", {}, `Person ${number + 1}, ${counted(count, "face")}`), several && h("button", { class: "small", onclick: keep(number) }, "Keep this person alone")),
      wallOf(set, faces, `person ${number + 1}`, several),
    ),
  );
  if (found.unknown.length) groups.push(h("div", { class: "person" }, h("h3", {}, `Person not known, ${counted(found.unknown.length, "face")}`), wallOf(set, found.unknown, "not known", several)));
  clear(root, several && h("p", { class: "small warn" }, `These are ${found.people.length} people, and a swap is trained on one: keep the one who is meant.`), bar, groups, h("p", { class: "small faint" }, found.crops.join("; ")), notesOf(set));
  root.dataset.set = set.id;
}

function wallOf(set, faces, label, isSmall) {
  const wall = h("picture-wall", { "aria-label": label });
  const address = (place, side) => pictureOf("swap/face", { faces: set.id, place, side });
  wall.set(faces, address, (place) => `face ${place + 1} of ${label}`, 64);
  wall.style.height = `${Math.min(isSmall ? 150 : 290, 10 + 70 * Math.ceil(faces.length / 4))}px`;
  const open = (place) => openLarge(address(place, 1024), `face ${place + 1} of ${label}`);
  wall.addEventListener("opened", ({ detail }) => open(detail));
  return wall;
}

function notesOf(set) {
  const said = h("div", { class: "small" });
  const details = h("details", {}, h("summary", { class: "small" }, "What a training would suffer from"), said);
  details.addEventListener(
    "toggle",
    told(async () => {
      if (!details.open || said.childElementCount) return;
      said.append(h("p", { class: "faint" }, "Looks at poses, sharpness and doubles …"));
      const { notes, lookalikes } = await read("swap/face_set_notes", { faces: set.id });
      clear(said, notes.map((note) => h("p", {}, note)), !notes.length && h("p", { class: "good" }, "Nothing is missing."), h("p", { class: "faint" }, `${counted(lookalikes, "face")} look like a sharper one.`));
    }),
  );
  return details;
}
