// The jobs of one kind about a source, such as its check: whether one runs, and when one has ended.
import { act, read } from "/web/api.js";

// show(runs): whether one runs, at first and at each change; ended(): one has ended, also if it was never seen to run.
// Returns { begin(asked), end() }
export async function followTask({ id: source }, kind, { show, ended }) {
  const over = new Set(); // the ids of those that have ended
  let begun = null; // the id of the one that was begun here last
  let jobs = [];
  let isReady = false;
  let missed = null; // what was told before the first look

  // Returns whether a job has ended since the last look.
  function look(all) {
    jobs = all.filter(({ about }) => about.source === source && about.kind === kind);
    const fresh = jobs.filter(({ id, state }) => state !== "running" && !over.has(id));
    for (const { id } of fresh) over.add(id);
    show(jobs.some(({ id }) => !over.has(id)) || (begun !== null && !over.has(begun)));
    return fresh.length > 0;
  }
  const hear = ({ detail }) => {
    if (!isReady) missed = detail;
    else if (look(detail)) ended();
  };
  document.addEventListener("jobs", hear);
  const { jobs: first } = await read("library/jobs");
  look(first);
  isReady = true;
  if (missed) hear({ detail: missed });
  return {
    async begin(asked = {}) {
      ({ id: begun } = await act("pictures/begin", { source, kind, ...asked }));
      show(!over.has(begun)); // its end may have been told before
    },
    end: () => document.removeEventListener("jobs", hear),
  };
}
