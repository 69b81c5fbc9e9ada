// The colours of a sheet as buttons, each with a name: nobody should have to tell them apart by eye.
import { h } from "/web/dom.js";
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

// Buttons of a palette, [red, green, blue] each; chosen(colour) is called at each choice. Returns { element, choose(colour), pick(place) }.
export function palette(colours, { labelled, isFree, chosen }) {
  const buttons = colours.map((parts, place) => {
    const name = labelled ? `class ${place}` : nameOf(parts);
    const key = place < 9 ? `, key ${place + 1}` : "";
    const button = h("button", { class: "swatch", title: name + key, "aria-label": name, "aria-pressed": "false", onclick: () => choose(colourOf(parts)) });
    button.style.setProperty("--swatch", `rgb(${parts.join(" ")})`);
    if (labelled) button.append(h("span", {}, String(place)));
    button.dataset.dark = parts[0] * 0.3 + parts[1] * 0.59 + parts[2] * 0.11 < 128;
    return button;
  });
  const free = h("input", { type: "color", "aria-label": "another colour", title: "another colour", class: "swatch" });
  free.addEventListener("input", () => choose(colourOf([1, 3, 5].map((at) => parseInt(free.value.slice(at, at + 2), 16)))));
  const known = colours.map(colourOf);
  const choose = (colour) => {
    for (const [place, button] of buttons.entries()) button.setAttribute("aria-pressed", known[place] === colour);
    free.toggleAttribute("data-chosen", !known.includes(colour));
    free.value = `#${partsOf(colour).map((each) => each.toString(16).padStart(2, "0")).join("")}`;
    chosen(colour);
  };
  return {
    element: h("div", { class: "palette", role: "group", "aria-label": labelled ? "classes" : "colours" }, buttons, isFree ? free : null),
    choose,
    pick: (place) => place < known.length && choose(known[place]),
  };
}
