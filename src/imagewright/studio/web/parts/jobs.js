// <job-bar>: one piece of work with its bar, its stop and what it said; and the corner of the page that shows all of them.
import { clear, duration, h, whole } from "/web/dom.js";
import { act } from "/web/api.js";
import { live } from "/web/live.js";
import { tell, told } from "/web/parts/toast.js";

const WORDS = { running: "runs", done: "is done", failed: "failed", stopped: "was stopped", killed: "ended without a word: it was killed" };

// A second of what the bar counts; null before it can be told. What an earlier start of a resumed training did took no time of this one.
export function speedOf({ done, first = 0, seconds }) {
  return seconds > 1 && done > first ? (done - first) / seconds : null;
}

class JobBar extends HTMLElement {
  #job = null;
  #parts = null;

  connectedCallback() {
    if (this.#parts) return;
    const title = h("strong");
    const state = h("span", { class: "faint" });
    const bar = h("progress", { max: "1", "aria-label": "progress" });
    const stop = h("button", { class: "plain small", onclick: told(() => this.#stop()) }, "Stop");
    const close = h("button", { class: "plain small", onclick: () => this.dispatchEvent(new Event("dismissed")) }, "Close");
    const said = h("pre", { class: "code", tabindex: "0" });
    const more = h("details", {}, h("summary", { class: "small" }, "What it says"), said);
    this.#parts = { title, state, bar, stop, close, said, more };
    this.append(h("div", { class: "row spread" }, title, h("span", { class: "row" }, stop, close)), state, bar, more);
    if (this.#job) this.show(this.#job);
  }

  async #stop() {
    const again = this.#job.stopAsked === true;
    this.#parts.stop.textContent = "Stop at once";
    this.#job.stopAsked = true;
    await act("library/stop", { job: this.#job.id, at_once: again });
  }

  show(job) {
    const stopAsked = this.#job?.stopAsked;
    this.#job = { ...job, stopAsked };
    this.dataset.state = job.state;
    this.dataset.job = job.id;
    if (!this.#parts) return;
    const { title, state, bar, stop, close, said, more } = this.#parts;
    const { stage, done, total } = job.progress;
    const speed = speedOf(job.progress);
    const runs = job.state === "running";
    title.textContent = job.title;
    const left = runs && speed && total > done ? `, ${duration((total - done) / speed)} left` : "";
    state.textContent = runs ? (stage ? `${stage}: ${whole(done)} of ${whole(total)}${left}` : "starts") : stopAsked && job.state === "killed" ? "was stopped at once" : WORDS[job.state];
    if (stopAsked && runs) state.textContent += " – it saves, and stops";
    bar.hidden = !runs;
    if (total) bar.value = done / total;
    else bar.removeAttribute("value");
    stop.hidden = !runs;
    close.hidden = runs;
    said.textContent = job.said;
    said.scrollTop = said.scrollHeight;
    more.hidden = !job.said;
    if (job.state === "failed") more.open = true;
  }
}

customElements.define("job-bar", JobBar);

// Show the running jobs in a corner. What ends is told once, and a failure stays until it is closed.
export function showJobs(corner) {
  const bars = new Map();
  const known = new Map(); // all jobs by their ids
  const closed = new Set(); // what had ended before this page was opened is not shown
  let isFirst = true;
  live.follow("library/jobs", {}, ({ jobs }) => {
    for (const job of jobs) {
      known.set(job.id, job);
      if (isFirst && job.state !== "running") closed.add(job.id);
      if (closed.has(job.id)) continue;
      if (!bars.has(job.id)) {
        const bar = h("job-bar");
        bar.addEventListener("dismissed", () => (closed.add(job.id), bars.delete(job.id), bar.remove()));
        bars.set(job.id, bar);
        corner.append(bar);
      }
      bars.get(job.id).show(job);
      bars.get(job.id).hidden = document.querySelector(`main job-bar[data-job="${job.id}"]:not([hidden])`) !== null; // it is in sight
      if (job.state === "done" || job.state === "stopped") {
        closed.add(job.id);
        bars.get(job.id).remove();
        bars.delete(job.id);
        tell(`${job.title} ${WORDS[job.state]}.`);
      }
    }
    isFirst = false;
    document.dispatchEvent(new CustomEvent("jobs", { detail: [...known.values()] }));
  });
  return () => clear(corner);
}

const followed = new Set(); // what ends the feeds of the page that is open
document.addEventListener("page-left", () => {
  for (const end of followed) end();
  followed.clear();
});

// Wait for a job that an action started: tell(job) at each change; resolves with the job at its end. When the page is left
// before, nobody waits any more: the corner tells how the job ends.
export function followJob(id, tell = () => {}) {
  return new Promise((done, failed) => {
    const end = live.follow("library/job", { job: id }, (job) => {
      tell(job);
      if (job.state === "running") return;
      followed.delete(end);
      end();
      done(job);
    }, (error) => (followed.delete(end), failed(error)));
    followed.add(end);
  });
}

// Show a job in a bar until it ends; resolves with the job at its end.
export async function showJob(job, bar) {
  bar.hidden = false;
  const ended = await followJob(job.id, (now) => bar.show(now));
  bar.hidden = ended.state === "done";
  bar.addEventListener("dismissed", () => (bar.hidden = true), { once: true });
  return ended;
}

// Why a job failed, as it said last.
export const lastWords = (said) => said.trim().split("\n").slice(-3).join(" ") || "It failed without a word.";
