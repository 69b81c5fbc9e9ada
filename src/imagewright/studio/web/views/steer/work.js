// Work of seconds that the studio tells step by step: shown in the picture, with a bar and a stop.
import { clear, h } from "/web/dom.js";
import { act, fileOf } from "/web/api.js";
import { live } from "/web/live.js";
import { told } from "/web/parts/toast.js";

// Show the picture of a ticket in a <picture-view>.
export function showTicket(view, ticket, name) {
  const image = h("img", { src: fileOf(ticket, "webp"), alt: "" });
  const next = (view.nextTicket = ticket);
  image.decode().then(
    () => view.nextTicket === next && view.show({ image, width: image.naturalWidth, height: image.naturalHeight, ticket, name }),
    () => {}, // it has left the shelf: the next one comes
  );
}

// Follow a feed to its end: resolves with what it tells last, which holds latents. tell(value) answers with words for the
// line below the picture, for each step that has a picture. "Stop" ends it with what it has found.
export function followWork(feed, asked, { status, signal, words, tell }) {
  return new Promise((done, failed) => {
    const bar = h("progress", { max: "1", "aria-label": "progress" });
    const said = h("span", {}, words);
    let work = null;
    let isStopAsked = false; // before the studio has said which work it is
    let over = () => {};
    const stop = h("button", { class: "small", onclick: told(async () => {
      stop.disabled = true;
      said.textContent = "Stops, and takes what it has found …";
      if (work) await act("steer/stop", { work });
      else isStopAsked = true;
    }) }, "Stop");
    status.className = "small status";
    clear(status, h("span", { class: "row" }, said, bar, stop));
    const end = live.follow(feed, asked, (value) => {
      if (value.work) work = value.work;
      if (work && isStopAsked) {
        isStopAsked = false;
        told(act)("steer/stop", { work });
      }
      if (value.picture && !stop.disabled) said.textContent = tell(value);
      if (value.total) bar.value = value.done / value.total;
      if (!value.held) return;
      end();
      over();
      done(value);
    }, failed);
    signal.addEventListener("abort", end);
    const away = () => {
      end();
      failed(new Error("The studio was ended while it worked: what it had not finished is lost."));
    };
    live.addEventListener("down", away, { once: true, signal });
    over = () => live.removeEventListener("down", away);
  });
}
