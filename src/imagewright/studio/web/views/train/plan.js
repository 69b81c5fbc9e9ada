// What a training would be, measured by a job before it starts.
import { brief, clear, duration, h, whole } from "/web/dom.js";
import { act, read } from "/web/api.js";
import { followJob, lastWords } from "/web/parts/jobs.js";

const GIB = 2 ** 30;

// asked(): the training as it is now, null if the form is not right. Returns { button, element, forget() }.
export function planPanel(asked) {
  const element = h("div", { class: "plan", "aria-live": "polite" });
  const make = async () => {
    const training = asked();
    if (!training) return;
    button.disabled = true;
    clear(element, h("p", { class: "small faint" }, "Measures a few steps on a copy of the model …"));
    try {
      const { job } = await act("train/plan", training);
      const ended = await followJob(job.id);
      if (ended.state === "done") clear(element, facts(await read("train/plan", { job: job.id })));
      else clear(element, h("p", { class: "bad small" }, ended.state === "failed" ? lastWords(ended.said) : "The plan was stopped."));
    } catch (error) {
      clear(element, h("p", { class: "bad small" }, error.message));
    } finally {
      button.disabled = false;
    }
  };
  const button = h("button", { onclick: make }, "Plan first");
  return { button, element, forget: () => clear(element) };
}

function facts(plan) {
  const [height, width] = plan.size;
  const pictures = Object.values(plan.pictures).map(whole).join(" and ");
  const rows = [["Pictures", `${pictures}, at ${width} × ${height}`]];
  if (plan.images_seen) {
    rows.push(["Length", `${whole(plan.images_seen)} images, ${whole(plan.batch_size)} a step`]);
    rows.push(["Time", plan.seconds ? `${duration(plan.seconds)}, at ${brief(plan.images_per_second)} images a second` : "not measured"]);
    rows.push(["Memory", `${(plan.memory_bytes / GIB).toFixed(2)} GiB of ${(plan.memory_available / GIB).toFixed(1)} GiB`]);
  } else rows.push(["Time", "fitted in one go: it follows from the method and the size rather than from a rate, and is not measured"]);
  if (plan.parameters) rows.push(["Numbers to learn", whole(plan.parameters)]);
  return [
    h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    plan.notes.length ? h("details", {}, h("summary", { class: "small" }, "What was chosen, and what was noticed"), plan.notes.map((note) => h("p", { class: "small faint" }, note))) : [],
  ];
}
