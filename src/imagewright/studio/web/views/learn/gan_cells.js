// The generator as a map: the cells of a grid of latents, drawn where they come to, the darker the denser its points are.
import { FAKE } from "/web/views/learn/canvas.js";

const FAINTEST = 0.04; // so that large cells are seen at all

// Corners on the way from the latents to where the generator maps them; share 0 is the prior, as a square.
function between(before, after, share, latents) {
  return (point) => {
    const from = latents === 2 ? [before[2 * point], before[2 * point + 1]] : [before[point], 0];
    return [0, 1].map((axis) => (1 - share) * from[axis] + share * after[2 * point + axis]);
  };
}

// fixed: with the corners before; frame: with the corners and the densities of the cells; place: to pixels
export function drawCells({ fixed, frame, share }, context, place) {
  const { latents } = fixed;
  const count = frame.cells_density.length;
  const side = latents === 2 ? Math.sqrt(count) : count;
  const corner = between(fixed.corners, frame.corners, share, latents);
  const dense = Math.max(...fixed.density) || 1;
  const even = latents === 2 ? 0.25 : 0.5; // the density of the prior in its square
  const opacity = (cell) => {
    const density = (1 - share) * even + share * frame.cells_density[cell];
    return Math.min(0.9, Math.max(FAINTEST, (latents === 2 ? 0.9 : 0.15) * Math.sqrt(density / dense)));
  };
  context.fillStyle = context.strokeStyle = FAKE;
  for (let cell = 0; cell < count; cell += 1) {
    context.beginPath();
    if (latents === 2) {
      const [row, column] = [Math.floor(cell / side), cell % side];
      const first = row * (side + 1) + column;
      for (const point of [first, first + 1, first + side + 2, first + side + 1]) context.lineTo(...place(...corner(point)));
      context.closePath();
      context.globalAlpha = opacity(cell);
      context.fill();
      context.globalAlpha = 0.35;
      context.lineWidth = 0.75;
    } else {
      for (const point of [cell, cell + 1]) context.lineTo(...place(...corner(point)));
      context.globalAlpha = Math.max(0.2, opacity(cell));
      context.lineWidth = 6;
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}
