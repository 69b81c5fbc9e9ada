// What was converted: videos played here, pictures on a wall, and the measures of a video against its footage.
import { clear, counted, decimals, h } from "/web/dom.js";
import { act, madeBy, pictureOf, read } from "/web/api.js";
import { chooseSource } from "/web/parts/choose.js";
import { followJob, showJob } from "/web/parts/jobs.js";
import { openLarge } from "/web/parts/picture.js";
import { told } from "/web/parts/toast.js";
import "/web/parts/wall.js";

export function showResults() {
  const list = h("div", { class: "stack" });
  const element = h("section", { class: "results", "aria-label": "Results", hidden: true }, h("h2", {}, "Results"), list);
  const update = async (newest = null) => {
    const [{ results }, { sources }] = await Promise.all([read("swap/results"), read("library/sources")]);
    element.hidden = !results.length;
    clear(list, results.map((result, place) => resultOf(result, sources, place === 0 || result.job === newest)));
    if (newest) element.scrollIntoView({ block: "start" });
  };
  return { element, update };
}

function resultOf(result, sources, isOpen) {
  const body = h("div", { class: "stack" });
  const details = h("details", { class: "panel" }, h("summary", {}, result.name), body);
  const fill = () => {
    if (!details.open || body.childElementCount) return;
    body.append(result.video ? videoOf(result) : picturesOf(result, sources), h("p", { class: "small faint pre" }, result.said));
    if (result.video) body.append(measures(result));
  };
  details.addEventListener("toggle", fill);
  details.open = isOpen;
  fill();
  return details;
}

function videoOf({ job, name }) {
  const address = madeBy(job);
  return h("div", { class: "stack" }, h("video", { src: address, controls: true, loop: true, preload: "metadata", playsinline: true, "aria-label": name }), h("div", { class: "row" }, h("a", { class: "button", href: `${address}?save=true`, download: name }, "Save the video")));
}

function picturesOf({ result, name }, sources) {
  const source = sources.find((each) => each.id === result);
  if (!source) return h("p", { class: "faint" }, `The pictures are in the folder swaps/${name}.`);
  const wall = h("picture-wall", { "aria-label": name });
  const address = (index, side) => pictureOf("library/source_picture", { source: source.id, index, side });
  wall.set([...Array(source.pictures).keys()], address, (index) => `picture ${index + 1}`, 128);
  wall.style.height = `${Math.min(300, 10 + 134 * Math.ceil(source.pictures / 3))}px`;
  wall.addEventListener("opened", ({ detail }) => openLarge(address(detail, 2048), `picture ${detail + 1}`));
  return h("div", { class: "stack" }, h("p", { class: "small faint" }, `${counted(source.pictures, "picture")} in the folder swaps/${name}`), wall);
}

// Whose face it is, shake, flicker, edges: measured by `imagewright swap check`.
function measures(result) {
  const table = h("div", { class: "scroll" });
  const bar = h("job-bar", { hidden: true });
  const place = h("div");
  const start = h("button", {}, "Measure it against its footage");
  let faces = null;
  chooseSource({ label: "Faces of the person put in, for the likeness", none: "none", fits: (each) => each.kind === "faces", chosen: (each) => (faces = each) }).then(({ element }) => place.append(element));
  const show = async (job) => clear(table, tableOf(await read("swap/figures", { job })));
  start.addEventListener(
    "click",
    told(async () => {
      start.disabled = true;
      try {
        const ended = await showJob(await act("swap/check", { job: result.job, ...(faces ? { faces: faces.id } : {}) }), bar);
        if (ended.state === "done") await show(ended.id);
      } finally {
        start.disabled = false;
      }
    }),
  );
  if (result.check) told(async () => (await followJob(result.check)).state === "done" && show(result.check))();
  return h("div", { class: "stack" }, table, h("div", { class: "row wide" }, place, start), bar);
}

const MET = { true: "met", false: "not met" };

function tableOf({ rows, frames, measured, notes }) {
  const share = ({ unit }, value) => (value === null || value === undefined ? "–" : unit === "share" ? `${(100 * value).toFixed(1)} %` : decimals(value));
  const line = (each) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, each.title, each.note && h("div", { class: "faint" }, each.note)),
      h("td", { class: "number" }, share(each, each.value), each.unit && each.unit !== "share" && ` ${each.unit}`),
      h("td", { class: "number" }, each.low === null ? "" : `${share(each, each.low)} to ${share(each, each.high)}`),
      h("td", {}, each.aim ?? ""),
      h("td", { class: each.met ? "good" : each.met === false ? "warn" : "" }, MET[each.met] ?? ""),
    );
  const head = ["Measure", "Value", "95 % interval", "Aim", ""].map((text) => h("th", {}, text));
  return h("div", {}, h("p", { class: "small faint" }, `The face was measured in ${measured} of ${counted(frames, "frame")}. Aims are guidance: what is good depends on the footage.`), h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map(line))), notes.map((note) => h("p", { class: "small faint" }, note)));
}
