// One picture large, with what is known of it. Arrow keys go to the next one, Space chooses it.
import { clear, h, whole } from "/web/dom.js";
import { act, read } from "/web/api.js";
import { savePicture } from "/web/parts/picture.js";
import { sendActions } from "/web/parts/sending.js";
import { told } from "/web/parts/toast.js";

const LARGE = 1024; // pixels of the longer side at most

// items: the pictures in the order of the view; place: of the first that is shown
export function openViewer({ contents, selection }, items, place) {
  const image = h("img", { class: "large-picture" });
  const facts = h("p", { class: "small faint facts", "aria-live": "polite" });
  const choose = h("button", { onclick: () => toggle() }, "Select");
  const take = () => act("library/take_source_picture", { source: contents.id, index: items[place] });
  const send = sendActions("pictures").map(({ label, act: sendOn }) =>
    h("button", {
      onclick: told(async () => {
        const taken = await take();
        dialog.close();
        sendOn(taken);
      }),
    }, label),
  );
  const dialog = h(
    "dialog",
    { class: "viewer", "aria-label": "One picture", onclick: (event) => event.target === dialog && dialog.close(), onkeydown: (event) => key(event) },
    image,
    facts,
    h(
      "div",
      { class: "row spread" },
      h("span", { class: "row" }, h("button", { "aria-label": "The picture before", onclick: () => go(-1) }, "←"), h("button", { "aria-label": "The next picture", onclick: () => go(1) }, "→"), choose),
      h("span", { class: "row" }, send, h("button", { onclick: told(async () => savePicture(await take())) }, "Save"), h("button", { onclick: () => dialog.close() }, "Close")),
    ),
  );

  function toggle() {
    selection.toggle(items[place]);
    mark();
  }

  function mark() {
    choose.setAttribute("aria-pressed", selection.has(items[place]));
  }

  async function show() {
    const index = items[place];
    image.src = contents.address(index, LARGE);
    image.alt = contents.title(index);
    mark();
    clear(facts, contents.title(index));
    try {
      const about = await read("pictures/about", contents.asked({ index }));
      if (items[place] === index) clear(facts, sentences(about, place, items.length).map((each, number) => h("span", { class: number ? "" : "name" }, each)));
    } catch (error) {
      clear(facts, error.message);
    }
  }

  function go(step) {
    place = (place + step + items.length) % items.length;
    show();
  }

  function key(event) {
    if (event.key === "ArrowLeft") go(-1);
    else if (event.key === "ArrowRight") go(1);
    else if (event.key === " " && event.target.tagName !== "BUTTON") toggle();
    else return;
    event.preventDefault();
  }

  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return show();
}

function sentences(about, place, count) {
  const parts = [about.name];
  if (about.unreadable) parts.push(`It cannot be read: ${about.unreadable}`);
  if (about.width) parts.push(`${whole(about.width)} × ${whole(about.height)}`);
  if (about.format) parts.push([about.format, about.mode, about.bytes && `${whole(Math.ceil(about.bytes / 1024))} KiB`].filter(Boolean).join(", "));
  if (about.class) parts.push(`class ${about.class}`);
  if (about.attributes?.length) parts.push(about.attributes.join(", "));
  return [...parts, `${whole(place + 1)} of ${whole(count)}`];
}
