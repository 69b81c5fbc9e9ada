// Drawing on pixels without smoothing: a label map has no colours between its classes. A raster is
// { width, height, pixels }, pixels a Uint32Array of RGBA in the order of the machine, which is little-endian everywhere
// that a browser runs.

export const colourOf = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
export const partsOf = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];

export const rasterOf = (image) => ({ width: image.width, height: image.height, pixels: new Uint32Array(image.data.buffer) });

// A round dot; of width 1 a pixel.
export function dot(raster, x, y, width, colour) {
  const radius = width / 2;
  const [middleX, middleY] = width % 2 ? [x, y] : [x - 0.5, y - 0.5];
  for (let row = Math.ceil(middleY - radius); row <= middleY + radius; row++) {
    if (row < 0 || row >= raster.height) continue;
    const half = Math.sqrt(Math.max(0, radius * radius - (row - middleY) ** 2));
    const from = Math.max(0, Math.ceil(middleX - half));
    const to = Math.min(raster.width - 1, Math.floor(middleX + half));
    if (from <= to) raster.pixels.fill(colour, row * raster.width + from, row * raster.width + to + 1);
  }
}

// A line of dots from one pixel to another (Bresenham).
export function line(raster, [x, y], [endX, endY], width, colour) {
  const [across, down] = [Math.abs(endX - x), -Math.abs(endY - y)];
  const [stepX, stepY] = [x < endX ? 1 : -1, y < endY ? 1 : -1];
  for (let error = across + down; ; ) {
    dot(raster, x, y, width, colour);
    if (x === endX && y === endY) return;
    const twice = 2 * error;
    if (twice >= down) [error, x] = [error + down, x + stepX];
    if (twice <= across) [error, y] = [error + across, y + stepY];
  }
}

// A full rectangle between two corners.
export function box(raster, [x, y], [endX, endY], colour) {
  const [left, right] = [Math.max(0, Math.min(x, endX)), Math.min(raster.width - 1, Math.max(x, endX))];
  const [top, bottom] = [Math.max(0, Math.min(y, endY)), Math.min(raster.height - 1, Math.max(y, endY))];
  for (let row = top; row <= bottom && left <= right; row++) raster.pixels.fill(colour, row * raster.width + left, row * raster.width + right + 1);
}

// Give all pixels of one colour that hang together another one.
export function fill({ width, height, pixels }, [x, y], colour) {
  const before = pixels[y * width + x];
  if (before === colour) return;
  const waiting = [y * width + x];
  pixels[waiting[0]] = colour;
  while (waiting.length) {
    const place = waiting.pop();
    const column = place % width;
    const around = [column > 0 ? place - 1 : -1, column < width - 1 ? place + 1 : -1, place - width, place + width];
    for (const next of around) {
      if (next < 0 || next >= width * height || pixels[next] !== before) continue;
      pixels[next] = colour;
      waiting.push(next);
    }
  }
}
