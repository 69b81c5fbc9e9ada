// The same latents at each report of a training, with a slider through time.
import { brief, h, whole } from "/web/dom.js";
import { Channel } from "/web/live.js";
import { sendActions } from "/web/parts/sending.js";
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
  const one = hasTime ? oneLatent(run) : null;
  const channel = new Channel("train/sample", ([picture]) => {
    view.show(picture);
    one?.of(picture.about.cells);
  }, tellError);
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
  const element = h("section", {}, h("h2", {}, title), view, caption, controls, one?.element ?? []);
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
      one?.renew();
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

// One picture of the grids through time, each of which can be opened, saved and sent on.
function oneLatent(run) {
  const strip = h("div", { class: "strip-views", role: "group", "aria-label": "one latent through time" });
  let index = null;
  const show = (pictures) => {
    while (strip.childElementCount > pictures.length) strip.lastElementChild.remove();
    pictures.forEach((picture, place) => {
      if (!strip.children[place]) {
        const view = h("picture-view");
        const figure = h("figure", {}, view, h("figcaption", { class: "small faint" }));
        strip.append(figure);
        view.actions = sendActions("train");
      }
      const [view, caption] = strip.children[place].children;
      view.show(picture);
      caption.textContent = brief(picture.about.at);
    });
    strip.dataset.shown = pictures.length;
  };
  const channel = new Channel("train/latent", show, tellError);
  const choose = slider({ label: "Which picture of the grid", low: 1, high: 1, step: 1, value: 1 }, (value) => {
    index = value - 1;
    channel.ask({ run, index });
  });
  let cells = 0;
  const element = h("details", { class: "fold", hidden: true, ontoggle: () => element.open && channel.ask({ run, index: index ?? 0 }) }, h("summary", {}, "One of them through time"), choose, strip);
  return {
    element,
    of(count) {
      if (count === cells) return;
      cells = count;
      element.hidden = count < 2;
      choose.set({ label: "Which picture of the grid, in reading order", low: 1, high: Math.max(1, count), step: 1, value: Math.min(choose.value, count) || 1 });
    },
    renew: () => element.open && channel.ask({ run, index: index ?? 0 }),
  };
}
