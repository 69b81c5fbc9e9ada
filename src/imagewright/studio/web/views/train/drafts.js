// What was asked of a training that this window started, so that one that failed can be asked for once more with changes.
const key = (run) => `draft-${run}`;

export function keepDraft(run, training) {
  try {
    sessionStorage.setItem(key(run), JSON.stringify(training));
  } catch {
    // full: what was asked is then not offered again
  }
}

export const hasDraft = (run) => sessionStorage.getItem(key(run)) !== null;

export function draftOf(run) {
  const text = sessionStorage.getItem(key(run));
  return text === null ? null : JSON.parse(text);
}
