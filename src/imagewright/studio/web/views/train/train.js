// Train: a new training, one that runs or has run, or several beside each other, as the address says:
// ?run=ID, ?runs=ID,ID, or ?source=ID&model=NAME&again=RUN&finding=NAME&at=IMAGES.
import { loadStyle } from "/web/parts/style.js";

export default async function show(root, asked) {
  await loadStyle("/web/views/train/train.css");
  const name = asked.runs ? "beside" : asked.run ? "run" : "setup";
  const { default: view } = await import(`/web/views/train/${name}.js`);
  return view(root, asked);
}
