// The strip of looks: each can be returned to, and forgotten. Below it the present one is saved under a name.
import { counted, h } from "/web/dom.js";
import { act } from "/web/api.js";
import { tell, told } from "/web/parts/toast.js";
import { drawOn } from "/web/parts/picture.js";

export function historyStrip({ session, signal, refresh }) {
  const strip = h("div", { class: "strip", role: "list", "aria-label": "looks before" });
  const title = h("h2", {}, "Looks");
  const hint = h("p", { class: "small faint" }, "What you look at for a moment is kept here: click to return to it, Delete forgets it.");
  const shown = new Map(); // entry -> element
  const show = () => {
    for (const [entry, element] of shown) {
      if (session.history.includes(entry)) continue;
      element.remove();
      shown.delete(entry);
    }
    for (const entry of session.history) {
      if (shown.has(entry)) continue;
      const element = lookButton(session, entry);
      shown.set(entry, element);
      strip.prepend(element);
    }
    title.textContent = session.history.length ? counted(session.history.length, "look") : "Looks";
    hint.hidden = session.history.length > 3;
    strip.dataset.looks = session.history.length;
  };
  session.addEventListener("history", show, { signal });
  show();
  return h("div", { class: "looks" }, h("div", { class: "row spread" }, title, saveForm(session, refresh)), hint, strip);
}

function lookButton(session, entry) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  if (entry.picture) drawOn(canvas, entry.picture);
  const label = entry.picture?.about?.label ?? "look";
  const forget = h("button", { class: "forget", title: "Forget this look", "aria-label": `forget the look ${label}`, tabindex: "-1", onclick: () => session.forget(entry) }, "×");
  const back = h("button", { class: "back", title: `Return to ${label}`, "aria-label": `return to ${label}`, onclick: () => session.recall(entry) }, canvas);
  back.addEventListener("keydown", ({ key }) => {
    if (key !== "Delete") return;
    (back.parentElement.nextElementSibling ?? back.parentElement.previousElementSibling)?.querySelector(".back")?.focus();
    session.forget(entry);
  });
  return h("div", { class: "look", role: "listitem" }, back, forget);
}

function saveForm(session, refresh) {
  const name = h("input", { type: "text", placeholder: "name", "aria-label": "name to save the look under", maxlength: 60 });
  const save = told(async () => {
    const typed = name.value.trim().replace(/\s+/g, "-");
    if (!typed) return void name.focus();
    await act("steer/save", { look: session.asked, name: typed });
    name.value = "";
    tell(`Saved in the run as ${typed}: commands take this name too.`);
    await refresh();
  });
  name.addEventListener("keydown", ({ key }) => key === "Enter" && save());
  return h("span", { class: "row" }, name, h("button", { onclick: save }, "Save latents"));
}
