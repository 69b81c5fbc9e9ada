// Elements without markup: names of classes and directions are text, whatever they hold.
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((each) => each != null));
  return element;
}

const panel = (title, ...children) => h("section", { class: "panel" }, h("h2", {}, title), ...children);

let named = 0;
// A slider with its name and value. Returns { element, set(value) }; changed(value) is called at each move of it.
function slider(name, { low, high, step = 0.01, value = 0, changed, shown = (number) => number.toFixed(1) }) {
  const id = `slider-${named++}`;
  const input = h("input", { type: "range", id, min: low, max: high, step });
  const output = h("output", { for: id });
  const show = () => (output.textContent = shown(Number(input.value)));
  input.value = value;
  input.addEventListener("input", () => {
    show();
    changed(Number(input.value));
  });
  input.addEventListener("dblclick", () => {
    input.value = value;
    show();
    changed(value);
  });
  show();
  const set = (number) => {
    input.value = number;
    show();
  };
  return { element: h("div", { class: "slider" }, h("label", { for: id, title: name }, name), output, input), set };
}

// A choice of one of several names. changed(number) is called at each choice.
function choice(label, names, changed) {
  const select = h("select", { "aria-label": label }, names.map((name, number) => h("option", { value: number }, name)));
  select.addEventListener("change", () => changed(Number(select.value)));
  return select;
}

function show(canvas, image) {
  if (canvas.width !== image.width || canvas.height !== image.height) [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
}

function scaleButton(place) {
  const button = h("button", { "aria-pressed": "false", title: "show each pixel as a square: P" }, "Pixels");
  const set = (on) => {
    button.setAttribute("aria-pressed", on);
    place.classList.toggle("pixelated", on);
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") !== "true"));
  set(Math.max(facts.height, facts.width) <= 48); // small pictures are blurred by enlarging, large ones are not
  return button;
}

// Keys that press a button: a letter each, where nothing is typed.
function onKeys(keys) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, .pad");
    if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key.startsWith("Arrow"))) return;
    const work = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!work || event.target.closest("select")) return;
    event.preventDefault();
    work();
  });
}

function fileName(...words) {
  return words.join("-").normalize("NFKD").replace(/[^\w-]+/g, "-").slice(0, 80) || "picture";
}
