// Work that a button of the page starts.
import { followJob } from "/web/parts/jobs.js";

// Show a job in a bar until it ends.
export async function runJob(job, bar) {
  bar.hidden = false;
  const ended = await followJob(job.id, (now) => bar.show(now));
  bar.hidden = ended.state === "done";
  bar.addEventListener("dismissed", () => (bar.hidden = true), { once: true });
  return ended;
}
