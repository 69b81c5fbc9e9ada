// Canvases that are sharp on every screen, colours of values that are readable without colour vision, and contours.
import { h } from "/web/dom.js";
import { watchColours } from "/web/parts/style.js";

// The map "cividis" of the package's figures: lightness rises evenly, and red and green are not told apart by hue.
const STOPS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];
const SHADES = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (STOPS.length - 1);
  const before = Math.min(STOPS.length - 2, Math.floor(place));
  return STOPS[before].map((value, channel) => Math.round(value + (place - before) * (STOPS[before + 1][channel] - value)));
});

export const DATA = "#0072b2";
export const FAKE = "#d55e00";

// The colour of a value from 0 to 1, [red, green, blue]
export const shade = (value) => SHADES[Math.min(255, Math.max(0, Math.round(255 * value)))];
export const shadeText = (value) => `rgb(${shade(value).join(" ")})`;

// float32 as the studio packs it
export function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// A canvas that draws itself anew when its size or the colours of the page change: draw(context, width, height, ink).
// `ratio` is height over width. Returns the canvas, with `redraw()` and `leave()`.
export function sharpCanvas(label, ratio, draw, attributes = {}) {
  const canvas = h("canvas", { role: "img", "aria-label": label, class: "drawn", ...attributes });
  canvas.style.aspectRatio = String(1 / ratio);
  let waiting = null;
  const redraw = () => {
    waiting = null;
    const width = canvas.clientWidth;
    if (!width) return;
    const scale = Math.min(2, window.devicePixelRatio || 1);
    const height = Math.round(width * ratio);
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    // The style sheet gives canvases these properties for this: names such as --line would come back unresolved.
    draw(context, width, height, { text: style.color, line: style.borderTopColor, faint: style.columnRuleColor, paper: style.backgroundColor, accent: style.textDecorationColor });
    canvas.dataset.drawn = Number(canvas.dataset.drawn ?? 0) + 1;
  };
  canvas.redraw = () => (waiting ??= requestAnimationFrame(redraw));
  const watch = new ResizeObserver(canvas.redraw);
  watch.observe(canvas);
  const unwatch = watchColours(canvas.redraw);
  canvas.leave = () => {
    watch.disconnect();
    unwatch();
    cancelAnimationFrame(waiting);
  };
  return canvas;
}

// Paint a square field of values (side x side, x slowest, y upwards), each mapped to 0..1 by `level`; unknown ones are clear.
export function paintField(context, field, side, box, level = (value) => value) {
  const small = new OffscreenCanvas(side, side);
  const pixels = new ImageData(side, side);
  for (let x = 0; x < side; x += 1) {
    for (let y = 0; y < side; y += 1) {
      const value = field[x * side + y];
      if (!Number.isFinite(value)) continue;
      const place = 4 * ((side - 1 - y) * side + x);
      const [red, green, blue] = shade(level(value));
      pixels.data[place] = red;
      pixels.data[place + 1] = green;
      pixels.data[place + 2] = blue;
      pixels.data[place + 3] = 255;
    }
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, box.left, box.top, box.size, box.size);
}

// Draw the line on which a field has a value (marching squares), in the present stroke style.
export function contour(context, field, side, box, value) {
  const cell = box.size / side;
  const at = (x, y) => field[x * side + y];
  const place = (x, y) => [box.left + (x + 0.5) * cell, box.top + box.size - (y + 0.5) * cell];
  context.beginPath();
  for (let x = 0; x + 1 < side; x += 1) {
    for (let y = 0; y + 1 < side; y += 1) {
      const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
      const crossings = [];
      for (let edge = 0; edge < 4; edge += 1) {
        const [from, to] = [corners[edge], corners[(edge + 1) % 4]];
        const [low, high] = [at(...from) - value, at(...to) - value];
        if (low > 0 === high > 0 || !Number.isFinite(low + high)) continue;
        const share = low / (low - high);
        crossings.push(place(from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])));
      }
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        context.moveTo(...crossings[pair]);
        context.lineTo(...crossings[pair + 1]);
      }
    }
  }
  context.stroke();
}

export function arrow(context, x, y, dx, dy, head = 4) {
  const length = Math.hypot(dx, dy);
  if (length < 1) return;
  const [ux, uy] = [dx / length, dy / length];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
  context.moveTo(x + dx - head * (ux + uy / 2), y + dy - head * (uy - ux / 2));
  context.lineTo(x + dx, y + dy);
  context.lineTo(x + dx - head * (ux - uy / 2), y + dy - head * (uy + ux / 2));
  context.stroke();
}

// Save what a canvas shows as PNG, on the colour of the page.
export function saveCanvas(canvas, name) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(canvas, 0, 0);
  copy.convertToBlob({ type: "image/png" }).then((blob) => {
    const address = URL.createObjectURL(blob);
    h("a", { href: address, download: `${name}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
}
