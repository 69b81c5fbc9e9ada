// The names of the classes of a run: those that lie beside its pictures, and those given on the page, which are kept while
// the browser's tab is open.
const keyOf = (run) => `draw-names-${run}`;

// found: names by number. Returns { of(place), rename(place, name) }: a class without a name has "".
export function classNames(run, found) {
  const own = JSON.parse(sessionStorage.getItem(keyOf(run)) ?? "{}");
  return {
    of: (place) => own[place] ?? found[place] ?? "",
    rename(place, name) {
      own[place] = name;
      try {
        sessionStorage.setItem(keyOf(run), JSON.stringify(own));
      } catch {
        // full: the name holds until the page is left
      }
    },
  };
}
