// Build elements without markup in texts: whatever a file, a class or a run is called, it is shown as a text.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const clear = (element, ...children) => (element.replaceChildren(...children.flat(Infinity).filter(Boolean)), element);

let lastId = 0;
export const newId = (prefix = "id") => `${prefix}-${++lastId}`;

const plain = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
export const whole = (number) => (number === null || number === undefined ? "–" : plain.format(number));
export const brief = (number) => (number === null || number === undefined ? "–" : short.format(number));
export const counted = (number, thing, things = `${thing}s`) => `${whole(number)} ${number === 1 ? thing : things}`;

// How far a training is. The last step may see more images than were asked for: it has as many as the others.
export function imagesOf({ images_seen: seen, planned }, text = whole) {
  if (!planned) return `${text(seen)} images`;
  return seen > planned ? `${text(seen)} images seen, ${text(planned)} asked` : `${text(seen)} of ${text(planned)} images`;
}

export const decimals = (number, digits = 3) => (Number.isFinite(number) ? Number(number.toPrecision(digits)).toString() : "–");

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const query = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined)).toString();
