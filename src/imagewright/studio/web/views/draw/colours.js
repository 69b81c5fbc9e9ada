// The colours of a sheet as buttons, each with a name: nobody should have to tell them apart by eye.
import { clear, h, newId } from "/web/dom.js";
import { colourOf, partsOf } from "/web/views/draw/raster.js";

const HUES = ["red", "orange", "yellow", "green", "green", "turquoise", "turquoise", "light blue", "blue", "violet", "magenta", "pink"];

function nameOf([red, green, blue]) {
  const [most, least] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const light = (most + least) / 2;
  if (most - least < 24) return light > 235 ? "white" : light > 150 ? "light grey" : light > 90 ? "grey" : light > 35 ? "dark grey" : "black";
  const sixth = most === red ? ((green - blue) / (most - least) + 6) % 6 : most === green ? (blue - red) / (most - least) + 2 : (red - green) / (most - least) + 4;
  const hue = HUES[Math.round(sixth * 2) % 12];
  return light < 70 ? `dark ${hue}` : light > 190 && !hue.startsWith("light") ? `light ${hue}` : hue;
}

// Buttons of a palette, [red, green, blue] each; chosen(colour) is called at each choice. names: of `classNames`, if classes
// are drawn. Returns { element, choose(colour), pick(place) }.
export function palette(colours, { names = null, isFree, chosen }) {
  const labelled = names !== null;
  const label = (button, place) => {
    const name = labelled ? [`class ${place}`, names.of(place)].filter(Boolean).join(": ") : nameOf(colours[place]);
    button.title = name + (place < 9 ? `, key ${place + 1}` : "");
    button.setAttribute("aria-label", name);
    if (labelled) clear(button, h("span", {}, [place, names.of(place)].filter((each) => each !== "").join(" ")));
    button.toggleAttribute("data-named", labelled && names.of(place) !== "");
  };
  const buttons = colours.map((parts, place) => {
    const button = h("button", { class: "swatch", "aria-pressed": "false", onclick: () => choose(colourOf(parts)) });
    label(button, place);
    button.style.setProperty("--swatch", `rgb(${parts.join(" ")})`);
    button.dataset.dark = parts[0] * 0.3 + parts[1] * 0.59 + parts[2] * 0.11 < 128;
    return button;
  });
  const free = h("input", { type: "color", "aria-label": "another colour", title: "another colour", class: "swatch" });
  free.addEventListener("input", () => choose(colourOf([1, 3, 5].map((at) => parseInt(free.value.slice(at, at + 2), 16)))));
  const known = colours.map(colourOf);
  const choose = (colour) => {
    for (const [place, button] of buttons.entries()) button.setAttribute("aria-pressed", known[place] === colour);
    if (labelled && known.includes(colour)) naming.show(known.indexOf(colour));
    free.toggleAttribute("data-chosen", !known.includes(colour));
    free.value = `#${partsOf(colour).map((each) => each.toString(16).padStart(2, "0")).join("")}`;
    chosen(colour);
  };
  const naming = labelled ? nameField(names, (place) => label(buttons[place], place)) : null;
  const group = h("div", { class: "palette", role: "group", "aria-label": labelled ? "classes" : "colours" }, buttons, isFree ? free : null);
  return {
    element: labelled ? h("div", { class: "stack" }, group, naming.element) : group,
    choose,
    pick: (place) => place < known.length && choose(known[place]),
  };
}

// The name of the chosen class, to be changed. changed(place) is called after that.
function nameField(names, changed) {
  let shown = 0;
  const input = h("input", { type: "text", id: newId("class"), maxlength: "60", autocomplete: "off", placeholder: "no name yet" });
  const label = h("label", { for: input.id, class: "small faint" });
  input.addEventListener("input", () => (names.rename(shown, input.value.trim()), changed(shown)));
  const show = (place) => {
    shown = place;
    label.textContent = `Name of class ${place}`;
    input.value = names.of(place);
  };
  return { element: h("div", { class: "row" }, label, input), show };
}
