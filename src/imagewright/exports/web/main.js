// The start: the theme, the model, the controls.
const THEMES = ["", "light", "dark"];
const root = document.documentElement, status = document.getElementById("status");

function chooseTheme(theme) {
  root.dataset.theme = theme;
  const button = document.getElementById("theme");
  button.textContent = theme ? `${theme[0].toUpperCase()}${theme.slice(1)}` : "Auto";
  button.onclick = () => chooseTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
}

async function start() {
  const begun = performance.now(), main = document.getElementById("main");
  const seen = facts.images_seen ? `, after ${facts.images_seen.toLocaleString("en")} pictures` : "";
  document.getElementById("about").textContent = `${facts.model}: ${facts.about}${seen}`;
  document.getElementById("more").textContent = `Every picture is computed in this page, by ${facts.runtime}. The page asks nothing of any network, and works without one. Licence of the weights: ${facts.licence}.`;
  const engine = new Engine();
  await engine.start();
  let view;
  if (facts.kind === "decode") {
    const latents = new Latents();
    await latents.open();
    view = new Maker(engine, latents);
  } else {
    view = new Drawing(engine, await unpackNumbers("styles"));
  }
  const parts = view.build();
  await view.draw();
  status.remove();
  main.append(...parts);
  root.dataset.first = Math.round(performance.now() - begun);
  root.dataset.state = "ready";
  globalThis.imagewright = view;
  view.fill?.();
}

chooseTheme("");
start().catch((error) => {
  root.dataset.state = "failed";
  status.className = "bad";
  status.textContent = `The model could not be started: ${error.message}. A current Firefox, Chrome, Edge or Safari is needed.`;
});
