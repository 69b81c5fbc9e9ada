// Drag points of the picture to other places: a pull from a point sets it and its goal, and "Move" lets the latent follow.
import { h } from "/web/dom.js";
import { slider } from "/web/parts/slider.js";
import { tellError } from "/web/parts/toast.js";
import { plainLook } from "/web/views/steer/session.js";
import { followWork, showTicket } from "/web/views/steer/work.js";

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function dragTool(parts) {
  const { session, view, status, signal } = parts;
  const overlay = h("div", { class: "drags", hidden: true, "aria-label": "points to drag" });
  const moves = []; // { from: [x, y], to: [x, y], marks }, in pixels of the picture
  let busy = false;
  const size = () => ({ width: session.offers.size[1], height: session.offers.size[0] });
  const inside = ([x, y]) => {
    const { width, height } = size();
    return [Math.min(width - 1, Math.max(0, x)), Math.min(height - 1, Math.max(0, y))];
  };
  const placeOf = ({ clientX, clientY }) => {
    const box = overlay.getBoundingClientRect();
    const { width, height } = size();
    return inside([((clientX - box.left) / box.width) * width - 0.5, ((clientY - box.top) / box.height) * height - 0.5]);
  };
  const toggle = h("button", { "aria-pressed": "false", onclick: () => open(overlay.hidden) }, "Drag points");
  const go = h("button", { onclick: () => run() }, "Move");
  const add = h("button", { onclick: () => addMove([size().width / 2, size().height / 2], true) }, "Add a point");
  const remove = h("button", { class: "plain", onclick: () => reset() }, "Clear");
  const around = slider({ label: "How far around may change (the whole picture at the right end)", low: 5, high: 100, step: 1, value: 100 }, () => {});
  const hint = h("p", { class: "small faint" }, "Pull from a point of the picture to where it shall be. Arrow keys move a mark.");
  const tools = h("div", { class: "stack", hidden: true }, hint, around, h("div", { class: "row" }, go, add, remove));
  const bar = h("div", { class: "dragging stack" }, h("div", {}, toggle), tools);

  const open = (opened) => {
    overlay.hidden = tools.hidden = !opened;
    toggle.setAttribute("aria-pressed", opened);
    show();
  };
  const show = () => {
    const { width, height } = size();
    const at = (mark, [x, y]) => Object.assign(mark.style, { left: `${(100 * (x + 0.5)) / width}%`, top: `${(100 * (y + 0.5)) / height}%` });
    for (const { from, to, marks } of moves) {
      at(marks.from, from);
      at(marks.to, to);
      const box = overlay.getBoundingClientRect();
      const [across, down] = [((to[0] - from[0]) * box.width) / width, ((to[1] - from[1]) * box.height) / height];
      at(marks.line, from);
      Object.assign(marks.line.style, { width: `${Math.hypot(across, down)}px`, rotate: `${Math.atan2(down, across)}rad` });
    }
    go.disabled = busy || !moves.length;
    add.disabled = remove.disabled = busy;
  };
  const mark = (move, end, label) => {
    const button = h("button", { class: `mark ${end}`, "aria-label": label });
    button.addEventListener("pointerdown", (event) => (event.stopPropagation(), pull(move, end, event)));
    button.addEventListener("keydown", (event) => {
      if (event.key === "Delete" || event.key === "Backspace") return drop(move);
      if (!(event.key in KEYS) || busy) return;
      event.preventDefault();
      const [x, y] = KEYS[event.key];
      move[end] = inside([move[end][0] + x, move[end][1] + y]);
      show();
    });
    return button;
  };
  const addMove = (from, focus = false) => {
    const move = { from, to: [...from] };
    const number = moves.length + 1;
    move.marks = { line: h("span", { class: "line" }), from: mark(move, "from", `point ${number}`), to: mark(move, "to", `goal of point ${number}`) };
    moves.push(move);
    overlay.append(...Object.values(move.marks));
    show();
    if (focus) move.marks.to.focus();
    return move;
  };
  const drop = (move) => {
    Object.values(move.marks).forEach((each) => each.remove());
    moves.splice(moves.indexOf(move), 1);
    show();
  };
  const reset = () => [...moves].forEach(drop);
  const pull = (move, end, event) => {
    if (busy) return;
    event.preventDefault();
    overlay.setPointerCapture(event.pointerId);
    const follow = (moved) => {
      move[end] = placeOf(moved);
      show();
    };
    overlay.addEventListener("pointermove", follow);
    overlay.addEventListener("pointerup", () => {
      overlay.removeEventListener("pointermove", follow);
      if (end === "to" && Math.hypot(move.to[0] - move.from[0], move.to[1] - move.from[1]) < 1) drop(move);
    }, { once: true });
  };
  overlay.addEventListener("pointerdown", (event) => {
    if (event.target === overlay && !busy && moves.length < 16) pull(addMove(placeOf(event)), "to", event);
  });

  const run = async () => {
    busy = true;
    session.keep();
    show();
    const reach = around.value < 100 ? { around: Math.max(1, (around.value / 100) * Math.max(...session.offers.size)) } : {};
    const asked = { look: session.asked, moves: moves.map(({ from, to }) => [...from, ...to]), ...reach };
    const follow = (points) => points.forEach((point, place) => (moves[place].from = point));
    try {
      const found = await followWork("steer/drag", asked, {
        status,
        signal,
        words: "Drags …",
        tell: ({ picture, points, left }) => {
          showTicket(view, picture, "dragged");
          follow(points);
          show();
          return `Drags: ${left.toFixed(1)} pixels are left`;
        },
      });
      view.nextTicket = null;
      const space = found.space ? { space: found.space } : {};
      session.replace({ ...plainLook({ held: found.held }), ...space }, { label: found.label });
      reset();
    } catch (error) {
      tellError(error);
      session.ask();
    } finally {
      busy = false;
      show();
    }
  };
  const watch = new ResizeObserver(show);
  watch.observe(overlay);
  return { overlay, bar, close: () => watch.disconnect() };
}
