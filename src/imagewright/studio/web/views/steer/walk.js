// Record a walk through the looks of the strip and back to the first, as a video or an animated picture.
import { clear, counted, h } from "/web/dom.js";
import { act, madeBy } from "/web/api.js";
import { followJob } from "/web/parts/jobs.js";
import { slider } from "/web/parts/slider.js";
import { told } from "/web/parts/toast.js";
import { section } from "/web/views/steer/sections.js";

export function walkSection({ session, signal }) {
  const seconds = slider({ label: "Seconds", low: 2, high: 60, step: 1, value: 8 }, () => {});
  const form = h("select", { "aria-label": "format" }, h("option", { value: "mp4" }, "MP4 video"), h("option", { value: "webp" }, "WebP animation"));
  const result = h("div", { class: "stack" });
  const words = h("p", { class: "small faint" });
  const record = h("button", { onclick: told(async () => {
    record.disabled = true;
    try {
      const looks = session.history.map(({ look }) => ({ run: session.run, ...look }));
      const { job, name } = await act("steer/record", { looks, form: form.value, seconds: seconds.value });
      const bar = h("job-bar", { ondismissed: () => clear(result) });
      clear(result, bar);
      const ended = await followJob(job, (value) => bar.show(value));
      if (ended.state === "done") clear(result, recorded(job, name));
    } finally {
      show();
    }
  }) }, "Record");
  const show = () => {
    const count = session.history.length;
    record.disabled = count < 2;
    words.textContent = count < 2 ? "A walk goes through the looks below the picture: look at two or more first." : `Through ${counted(count, "look")} in their order, and back to the first.`;
  };
  session.addEventListener("history", show, { signal });
  show();
  return section("Record a walk", { name: "walk" }, words, seconds, h("div", { class: "row" }, form, record), result);
}

function recorded(job, name) {
  const address = madeBy(job);
  const file = name.split("/").at(-1);
  const shown = name.endsWith(".mp4")
    ? h("video", { src: address, controls: true, loop: true, muted: true, autoplay: true, playsinline: true, "aria-label": "the walk" })
    : h("img", { src: address, alt: "the walk" });
  return [shown, h("p", { class: "small faint" }, `It is in ${name}.`), h("div", {}, h("a", { class: "button", href: address, download: file }, "Save"))];
}
