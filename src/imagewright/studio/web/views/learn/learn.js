// Learn: lessons with handles. Each is a file beside this one, whose default export shows it: show(root, asked).
import { h } from "/web/dom.js";
import { loadStyle } from "/web/parts/style.js";

const LESSONS = [
  { name: "gan", title: "GAN laboratory", about: null },
  { name: "components", title: "Components", about: "A picture as a sum of few: how many of them are needed?" },
  { name: "jpeg", title: "JPEG", about: "What a file keeps of a picture, and one block of it at every stage." },
  { name: "dimension", title: "Dimension", about: "How many samples cover a line, a square and a cube, and what becomes of distances in many dimensions." },
  { name: "plane", title: "Latent plane", about: "Two numbers that a model draws pictures from, under the pointer." },
];

export default async function show(root, asked) {
  await loadStyle("/web/views/learn/learn.css");
  const lesson = LESSONS.find(({ name }) => name === asked.lesson) ?? LESSONS[0];
  const tabs = LESSONS.map(({ name, title }) => h("a", { href: `#/learn?lesson=${name}`, "aria-current": lesson.name === name ? "page" : null }, title));
  const body = h("div", { class: "lesson", dataset: { lesson: lesson.name } });
  const about = lesson.about ? [h("p", { class: "lead" }, lesson.about)] : [];
  root.append(h("h1", {}, "Learn"), h("nav", { class: "lessons", "aria-label": "Lessons" }, tabs), ...about, body);
  const { default: showLesson } = await import(`/web/views/learn/${lesson.name}.js`);
  return showLesson(body, asked);
}
