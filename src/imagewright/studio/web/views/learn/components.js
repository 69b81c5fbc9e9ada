// Components: a picture as a mean and a sum of k directions. The slider is k.
import { decimals, h, whole } from "/web/dom.js";
import { Channel } from "/web/live.js";
import { chooseRun } from "/web/parts/choose.js";
import "/web/parts/picture.js";
import { sendActions } from "/web/parts/sending.js";
import { slider } from "/web/parts/slider.js";
import { tellError } from "/web/parts/toast.js";
import { captioned, chosenPicture } from "/web/views/learn/chosen.js";

const CAPTIONS = ["the picture", "from k components", "half the difference, around grey", "component k alone"];

export default async function show(root) {
  const state = { picture: null, of: null, run: null, count: 10 };
  const views = CAPTIONS.map((caption) => h("picture-view", { label: caption }));
  views[1].actions = sendActions();
  const said = h("p", { class: "number", role: "status" }, "The components are computed.");
  const handle = slider({ label: "Components k", low: 0, high: 100, step: 1, value: state.count }, (count) => {
    state.count = count;
    ask();
  });
  const channel = new Channel("learn/components", showPictures, tellError);
  const ask = () => {
    if (!state.picture) return;
    const { picture, of, run, count } = state;
    channel.ask({ ...picture, of, count, ...(run ? { run } : {}) });
  };

  function showPictures(pictures) {
    const { error, bits, share, count, most, pixels, channels } = pictures[0].about;
    pictures.forEach((picture, place) => views[place].show(picture));
    const first = root.dataset.most !== String(most);
    root.dataset.most = most;
    if (first) handle.set({ label: `Components k, up to ${whole(most)}`, low: 0, high: most, step: 1, value: count });
    const raw = 8 * pixels * channels;
    said.textContent = `k = ${whole(count)}: an error of ${decimals(error)} grey levels; about ${whole(Math.round(bits))} bits in place of ${whole(raw)}; the first k explain ${decimals(100 * share)} % of how these pictures vary.`;
    root.dataset.count = count;
  }

  const method = await chooseRun({
    label: "Components of",
    none: "PCA, fitted to these pictures",
    fits: ({ family, verbs }) => family === "linear" && ["encode", "decode"].every((verb) => verbs.includes(verb)),
    chosen: (run) => {
      state.run = run?.id ?? null;
      ask();
    },
  });
  const pictures = await chosenPicture((picture, source) => {
    state.picture = picture;
    state.of = source?.id;
    ask();
  });
  root.append(
    h("div", { class: "row wide" }, pictures, method.element),
    h("div", { class: "wide-slider" }, handle),
    said,
    h("div", { class: "pictures" }, views.map((view, place) => captioned(view, CAPTIONS[place]))),
    h("p", { class: "small faint" }, "A PCA turns the axes of the space of pictures so that the first of them hold most of the variance. Each coordinate is rounded to 16 grey levels and costs as many bits as an ideal code for it. Up to 400 pictures of at most 64 pixels a side are taken here; ", h("code", {}, "imagewright components"), " takes them all."),
  );
}
