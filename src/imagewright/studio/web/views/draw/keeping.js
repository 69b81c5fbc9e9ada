// What was drawn for each run, kept while the browser's tab is open: leaving the page or loading it anew loses nothing.
import { Newest } from "/web/live.js";
import { addressOf, savedImage } from "/web/views/draw/pixels.js";

const keyOf = (run) => `draw-sheet-${run}`;

// Keeps the sheet after each change. Returns a function that keeps it at once.
export const keeps = (sheet, run, nameOf) => {
  const keeping = new Newest(
    async () => {
      const name = nameOf();
      sessionStorage.setItem(keyOf(run), JSON.stringify({ address: await addressOf(sheet.canvas), name }));
    },
    () => {},
    () => sessionStorage.removeItem(keyOf(run)), // no room for it, as for a very large photo
  );
  const keep = () => keeping.ask();
  sheet.addEventListener("changed", keep);
  return keep;
};

// The kept sheet of a run, { image, name }; null if there is none.
export async function kept(run) {
  try {
    const { address, name } = JSON.parse(sessionStorage.getItem(keyOf(run)) ?? "null") ?? {};
    return address ? { image: await savedImage(address), name } : null;
  } catch {
    return null;
  }
}
