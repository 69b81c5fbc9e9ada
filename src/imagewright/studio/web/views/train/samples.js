// The same latents at each report of a training, with a slider through time.
import { h, whole } from "/web/dom.js";
import { Channel } from "/web/live.js";
import { slider } from "/web/parts/slider.js";
import { tellError } from "/web/parts/toast.js";
import "/web/parts/picture.js";

const PLAY_MILLISECONDS = 350;

// run: its id. hasTime: whether it has a slider of its own. Returns { element, show(points), at(images), end() }: `show`
// takes the images seen at each grid.
export function samplesOverTime(run, title = "Samples over time", hasTime = true) {
  const view = h("picture-view", { label: "samples of the training", class: "samples-view" });
  view.connectedCallback();
  const caption = h("p", { class: "small faint", "aria-live": "polite" }, "No samples yet: they come with the first report.");
  let points = [];
  let timer = null;
  const channel = new Channel("train/sample", ([picture]) => view.show(picture), tellError);
  const showAt = (place) => {
    const at = points[place];
    if (at === undefined) return;
    caption.textContent = `${whole(at)} images seen, grid ${place + 1} of ${points.length}. The latents are the same in each.`;
    view.dataset.at = at;
    channel.ask({ run, at });
  };
  const time = slider({ label: "Time", low: 1, high: 1, step: 1, value: 1 }, (value) => (stop(), showAt(value - 1)));
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const play = h("button", {
    onclick() {
      if (timer) return stop();
      play.textContent = "Pause the film";
      let place = 0;
      timer = setInterval(() => {
        time.value = place + 1;
        showAt(place);
        place += 1;
        if (place >= points.length) stop();
      }, PLAY_MILLISECONDS);
    },
  }, "Play");
  const controls = h("div", { class: "stack", hidden: true }, time, h("div", { class: "row" }, play));
  view.hidden = true;
  const element = h("section", {}, h("h2", {}, title), view, caption, controls);
  return {
    element,
    show(found) {
      if (JSON.stringify(found) === JSON.stringify(points)) return;
      const wasLast = !points.length || time.value >= points.length;
      const before = time.value;
      points = found;
      if (!points.length) return;
      view.hidden = false;
      controls.hidden = !hasTime || points.length < 2;
      time.set({ label: "Time, from the first report to the latest", low: 1, high: points.length, step: 1, value: wasLast ? points.length : before });
      if (wasLast) showAt(points.length - 1);
    },
    // The grid at the last report with at most so many images seen.
    at(images) {
      const place = Math.max(0, points.findLastIndex((point) => point <= images));
      time.value = place + 1;
      showAt(place);
    },
    get points() {
      return points;
    },
    end: stop,
  };
}
