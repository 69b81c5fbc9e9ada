// The training of a swap: consent, a few options, start; then the live sheet and the curve of whose face it is.
import { clear, counted, duration, h, imagesOf, newId } from "/web/dom.js";
import { act, pictureOf, read } from "/web/api.js";
import { live } from "/web/live.js";
import { field } from "/web/parts/field.js";
import { openLarge } from "/web/parts/picture.js";
import { followJob, lastWords } from "/web/parts/jobs.js";
import { tellError } from "/web/parts/toast.js";
import { askConsent } from "/web/views/swap/both_consents.js";
import { addressOf } from "/web/views/swap/swap.js";
import { joined } from "/web/parts/curve.js";

export async function showTrain(root, asked) {
  const [{ models }, { sources }, { runs }] = await Promise.all([read("swap/models"), read("library/sources"), read("library/runs")]);
  const names = models.map((each) => each.name);
  const mine = runs.filter((run) => names.includes(run.model));
  const sets = Object.fromEntries(["source", "target"].map((who) => [who, sources.find((each) => each.id === asked[who])]));
  const watched = h("div");
  let leave = () => {};
  const watch = (id, job = null) => {
    leave();
    if (!root.isConnected) return;
    history.replaceState(null, "", addressOf("train", { ...asked, run: id }));
    leave = watchRun(clear(watched), id, job);
  };
  if (sets.source && sets.target) root.append(startForm(models, sets, watch));
  else root.append(h("p", {}, h("a", { href: addressOf("faces", asked) }, "Choose the faces of both people"), " first: a training learns from two sets of them."));
  root.append(watchChoice(mine, asked.run, watch), watched);
  if (asked.run) watch(asked.run);
  return () => leave();
}

function watchChoice(runs, chosen, watch) {
  const select = h("select", { id: newId("watched"), onchange: () => select.value && watch(select.value) }, h("option", { value: "" }, "none"), runs.map((run) => h("option", { value: run.id }, run.training ? `${run.name} (in training)` : run.name)));
  if (runs.some((run) => run.id === chosen)) select.value = chosen;
  return h("div", { class: "row watch" }, h("label", { for: select.id }, "Watch a training"), select);
}

function startForm(models, sets, watch) {
  const model = h("select", {}, models.map((each) => h("option", { value: each.name }, each.name)));
  const minutes = h("input", { type: "number", min: "0.1", step: "any", value: "30" });
  const name = h("input", { type: "text", value: `swap-${shortName(sets.source)}-${shortName(sets.target)}`, maxlength: "70" });
  const options = h("div", { class: "row wide" });
  let selects = [];
  const showOptions = () => {
    selects = models.find((each) => each.name === model.value).options.map((option) => ({ option, select: optionSelect(option) }));
    clear(options, selects.map(({ option, select }) => field(option.name.replaceAll("_", " "), select, { help: option.help })));
  };
  model.addEventListener("change", showOptions);
  showOptions();
  const consent = askConsent();
  const start = h("button", { class: "main" }, "Start the training");
  const refused = h("span", { class: "bad small", role: "alert" });
  start.addEventListener(
    "click",
    async () => {
      start.disabled = true;
      refused.textContent = "";
      try {
        const given = Object.fromEntries(selects.filter(({ select }) => select.value).map(({ option, select }) => [option.name, select.value]));
        const ids = { source: sets.source.id, target: sets.target.id };
        const job = await act("swap/train", { model: model.value, ...ids, name: name.value, minutes: Number(minutes.value), options: given, consent: consent.value });
        watch(job.about.run, job.id);
      } catch (error) {
        refused.textContent = error.message;
      } finally {
        start.disabled = false;
      }
    },
  );
  return h(
    "section",
    { class: "stack", "aria-label": "A new training" },
    h("div", { class: "row pair" }, faceOf(sets.source), h("span", {}, h("strong", {}, sets.source.name), ` (${counted(sets.source.pictures, "face")}) is put in for `, h("strong", {}, sets.target.name), ` (${counted(sets.target.pictures, "face")})`), faceOf(sets.target)),
    h("p", { class: "small faint" }, "A model that learns faces is trained with the consent of their people. What you enter stays in the run, and in every picture that it makes."),
    consent.element,
    h("div", { class: "row wide" }, models.length > 1 && field("Model", model), field("Name of the run", name), field("Minutes", minutes, { help: "The likeness grows for hours; the sheet shows when it is enough." })),
    h("details", {}, h("summary", { class: "small" }, "Options"), options),
    h("div", { class: "row" }, start, refused),
  );
}

const shortName = ({ name }) => name.split("/").at(-1);
const faceOf = (set) => h("img", { class: "face", alt: `a face of ${set.name}`, src: pictureOf("swap/face", { faces: set.id, place: 0, side: 128 }) });

// What is not chosen is not sent: the training then takes what suits this machine, such as small networks on a CPU.
const optionSelect = ({ choices }) => h("select", {}, h("option", { value: "" }, "as recommended"), choices.map((each) => h("option", { value: each }, each)));

// The live sheet, the identity curve and the doctor's word of a run. Returns what ends it.
function watchRun(root, id, job) {
  const title = h("h2", {}, "The training");
  const state = h("p", { class: "faint", role: "status" }, "Waits for the first report …");
  const bar = h("progress", { max: "1", "aria-label": "progress of the training" });
  const sheet = h("img", { class: "sheet", alt: "faces of both people, and each drawn as the other", hidden: true });
  const curve = h("value-curve", { hidden: true });
  const findings = h("div");
  const stopped = h("p", { class: "small", hidden: true }, "It was stopped before its end: ", h("a", { href: `#/train?run=${id}` }, "go on with it in Train"), ".");
  const next = h("p", { hidden: true }, h("a", { class: "button", href: addressOf("convert", { run: id }) }, "Try it on a photo or video"));
  const open = () => openLarge(sheet.src, "the latest sheet");
  const button = h("button", { class: "plain sheet-button", onclick: open, "aria-label": "Open the sheet large", hidden: true }, sheet);
  const sheets = h("div", { class: "stack" }, button, h("p", { class: "small faint" }, "Each face, drawn anew, and drawn as the other person."));
  const beside = h("div", { class: "stack" }, curve, h("p", { class: "small faint" }, "How far the drawn face is from each person: below 0.6 it is taken for the same one."), findings, stopped, next);
  root.append(h("section", { class: "stack", "aria-label": "The training" }, title, state, bar, h("div", { class: "columns even" }, sheets, beside)));
  let hasBegun = false;
  if (job) {
    followJob(job).then((ended) => {
      if (ended.state === "failed" && !hasBegun) state.textContent = `The training did not start: ${lastWords(ended.said)}`;
    }, tellError);
  }
  return live.follow("swap/training", { run: id }, (now) => {
    if (now.waits) return;
    hasBegun = true;
    const choice = document.querySelector(".page-swap .watch select");
    if (choice && choice.value !== id) {
      if (![...choice.options].some((option) => option.value === id)) choice.append(h("option", { value: id }, now.name));
      choice.value = id;
    }
    title.textContent = now.name;
    const [consents, lasted] = [now.consent.length ? `Consent: ${now.consent.join("; ")}.` : "", now.seconds ? `, ${duration(now.seconds)}` : ""];
    state.textContent = `${imagesOf(now)}${lasted}${now.training ? ", in training" : ""}. ${consents}`;
    bar.hidden = !now.training;
    if (now.planned) bar.value = now.images_seen / now.planned;
    next.hidden = !now.checkpoints;
    stopped.hidden = now.training || now.is_over || !(now.images_seen < now.planned);
    if (now.sheet) {
      sheet.src = pictureOf("library/run_picture", { run: id, side: 1600, of: now.sheet });
      sheet.hidden = button.hidden = false;
    }
    const names = Object.keys(now.curves).filter((name) => name.startsWith("likeness/"));
    const shown = Object.fromEntries(names.map((name) => [name.replace("likeness/", ""), now.curves[name]]));
    curve.hidden = !names.length;
    if (names.length) {
      const { x, curves } = joined(shown);
      curve.set(x, curves, { height: 220 });
    }
    clear(findings, now.findings.map((each) => h("div", { class: "finding small" }, h("p", { class: "warn" }, `${each.name}: ${each.evidence}`), each.suggestion && h("p", {}, each.suggestion))));
  }, (error) => (state.textContent = error.message));
}
