// The cells of a line, a square and a cube: those with a sample are filled.
import { DATA, FAKE } from "/web/views/learn/canvas.js";

const CELLS = 10;
const FILL = "rgb(0 114 178 / 0.22)";

export function drawCells(context, width, height, colours, { found, turned }) {
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  if (found.dimensions === 3) drawCube(context, width, height, colours, found, turned);
  else drawFlat(context, width, height, found);
}

function drawFlat(context, width, height, { dimensions, points, hit }) {
  const size = Math.min(width, height) - 24;
  const [left, tall] = [(width - size) / 2, dimensions === 1 ? size / CELLS : size];
  const top = (height - tall) / 2;
  const cell = size / CELLS;
  for (let place = 0; place < hit.length; place += 1) {
    const [x, y] = dimensions === 1 ? [place, 0] : [Math.floor(place / CELLS), CELLS - 1 - (place % CELLS)];
    const box = [left + x * cell, top + y * cell, cell, cell];
    context.fillStyle = FILL;
    if (hit[place]) context.fillRect(...box);
    context.strokeRect(...box);
  }
  context.fillStyle = FAKE;
  for (let place = 0; place < points.length; place += dimensions) {
    const [x, y] = [left + points[place] * size, dimensions === 1 ? top + tall / 2 : top + (1 - points[place + 1]) * size];
    context.beginPath();
    context.arc(x, y, points.length > 1500 ? 1.3 : 2.6, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawCube(context, width, height, { faint }, { points, hit }, [yaw, pitch]) {
  const size = 0.52 * Math.min(width, height);
  const [sin, cos, up, level] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  // Orthographic: turned about the upright axis, then tilted; returns x, y on the canvas and the depth
  const project = (x, y, z) => {
    const [a, b, c] = [x - 0.5, y - 0.5, z - 0.5];
    const [across, away] = [cos * a - sin * b, sin * a + cos * b];
    return [width / 2 + size * across, height / 2 - size * (level * c - up * away), level * away + up * c];
  };
  const filled = [];
  for (let place = 0; place < hit.length; place += 1) {
    if (!hit[place]) continue;
    const centre = [Math.floor(place / 100), Math.floor(place / 10) % 10, place % 10].map((each) => (each + 0.5) / CELLS);
    filled.push(project(...centre));
  }
  filled.sort((one, other) => other[2] - one[2]);
  for (const [x, y, depth] of filled) {
    const side = (size / CELLS) * 0.62;
    context.fillStyle = DATA;
    context.globalAlpha = 0.22 + 0.4 * Math.max(0, 0.6 - depth);
    context.fillRect(x - side / 2, y - side / 2, side, side);
  }
  context.globalAlpha = 1;
  context.fillStyle = FAKE;
  for (let place = 0; place < points.length; place += 3) {
    const [x, y] = project(points[place], points[place + 1], points[place + 2]);
    context.fillRect(x - 1, y - 1, 2, 2);
  }
  context.strokeStyle = faint;
  context.beginPath();
  for (const [one, other] of EDGES) {
    context.moveTo(...project(...one).slice(0, 2));
    context.lineTo(...project(...other).slice(0, 2));
  }
  context.stroke();
}

const CORNERS = [...Array(8)].map((_, corner) => [corner & 1, (corner >> 1) & 1, (corner >> 2) & 1]);
const EDGES = CORNERS.flatMap((one, place) => CORNERS.slice(place + 1).filter((other) => one.filter((each, axis) => each !== other[axis]).length === 1).map((other) => [one, other]));
