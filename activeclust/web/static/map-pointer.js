// Pointer and keys over the map: pan, pinch, lasso, look and ask. The arrows go from row to row, Enter asks, Space picks.

import { $, toast } from "./dom.js";
import { page } from "./state.js";
import { askAboutRow } from "./answer.js";
import { ANSWERED } from "./scatterplot.js";
import { map } from "./map-state.js";
import { card, cursor } from "./map-rows.js";
import { MOST, select, showSelection } from "./map-selection.js";

const STEP = 60; // pixels a key pans

const pointers = new Map();
let gesture = null; // {kind: "pan" | "lasso" | "pinch", ...}
let resting = null;

function rest() {
  clearTimeout(resting);
  resting = setTimeout(() => map.plot.rest(), 140);
}

const at = (event) => {
  const box = $("map-points").getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

function down(event) {
  if (event.button !== 0) return;
  event.target.setPointerCapture(event.pointerId);
  const [x, y] = at(event);
  pointers.set(event.pointerId, [x, y]);
  if (pointers.size === 2) {
    const [a, b] = [...pointers.values()];
    gesture = { kind: "pinch", far: Math.hypot(a[0] - b[0], a[1] - b[1]) };
    map.plot.lasso = [];
    return;
  }
  const drawn = (map.tool === "lasso") !== event.shiftKey;
  gesture = { kind: drawn ? "lasso" : "pan", x, y, moved: 0, added: event.ctrlKey || event.metaKey };
  map.plot.lasso = drawn ? [[x, y]] : [];
}

function move(event) {
  const [x, y] = at(event);
  if (!gesture) {
    if (event.pointerType !== "touch") card(map.plot.nearest(x, y));
    return;
  }
  const before = pointers.get(event.pointerId);
  if (!before) return;
  pointers.set(event.pointerId, [x, y]);
  map.plot.moving = true;
  if (gesture.kind === "pinch") {
    const [a, b] = [...pointers.values()],
      far = Math.hypot(a[0] - b[0], a[1] - b[1]);
    map.plot.zoom(far / Math.max(1, gesture.far), (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
    map.plot.pan((x - before[0]) / 2, (y - before[1]) / 2);
    gesture.far = far;
    return;
  }
  gesture.moved += Math.hypot(x - before[0], y - before[1]);
  if (gesture.moved > 4) card(-1);
  if (gesture.kind === "pan") {
    if (gesture.moved > 4) map.plot.pan(x - before[0], y - before[1]);
    return;
  }
  const last = map.plot.lasso.at(-1);
  if (Math.hypot(x - last[0], y - last[1]) > 3) {
    map.plot.lasso.push([x, y]);
    map.plot.mark();
  }
}

function up(event) {
  pointers.delete(event.pointerId);
  if (!gesture || (gesture.kind === "pinch" && pointers.size)) return;
  const { kind, moved, x, y, added } = gesture;
  gesture = null;
  rest();
  if (kind === "lasso" && moved > 4 && event.type === "pointerup") {
    select(map.plot.inside(map.plot.lasso), added);
    map.plot.lasso = [];
    if (!map.plot.selected.size) toast("There is no row inside the lasso.");
    return;
  }
  map.plot.lasso = [];
  map.plot.mark();
  if (moved > 4 || kind === "pinch" || event.type !== "pointerup") return;
  const row = map.plot.nearest(x, y, event.pointerType === "touch" ? 22 : 10);
  if (event.pointerType === "touch")
    card(row, true); // a finger hides what it points at: look first, then ask
  else if (row >= 0) askAboutRow(row);
}

function wheel(event) {
  event.preventDefault();
  map.plot.moving = true;
  card(-1);
  const lines = event.deltaMode === 1 ? 30 : 1;
  map.plot.zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 300), ...at(event));
  rest();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { plot } = map,
    arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) plot.pan(-arrow[0] * STEP, -arrow[1] * STEP);
  else if (arrow) cursor(map.cursor < 0 ? begin() : plot.toward(map.cursor, ...arrow));
  else if (event.key === "Enter" && map.cursor >= 0) askAboutRow(map.cursor);
  else if (event.key === " ") {
    if (map.cursor < 0) return;
    if (!plot.selected.delete(map.cursor)) plot.selected.add(map.cursor);
    showSelection();
    cursor(map.cursor);
  } else if (event.key === "+" || event.key === "=") plot.zoom(1.4);
  else if (event.key === "-") plot.zoom(1 / 1.4);
  else if (event.key === "0") plot.fit();
  else if (event.key === "Escape") {
    card(-1);
    select([]);
  } else return;
  event.preventDefault();
}

/** The row that the keyboard begins at: the one that is asked about, or the one in the middle. */
const begin = () =>
  page.current ? page.current.row : map.plot.nearest(map.plot.width / 2, map.plot.height / 2, 1e4);

/** Select rows around the one that the keyboard is at. */
export function selectNearest(wanted) {
  if (map.cursor < 0) cursor(begin());
  const among = (row) => map.kinds?.[row] !== ANSWERED;
  select(map.plot.around(map.cursor, Math.max(1, Math.min(MOST, wanted)), among));
}

/** Listen to pointer, wheel and keys over the points. */
export function attend(canvas) {
  for (const [name, listener] of Object.entries({
    pointerdown: down,
    pointermove: move,
    pointerup: up,
    pointercancel: up,
    keydown: key,
  }))
    canvas.addEventListener(name, listener);
  canvas.addEventListener("pointerleave", (event) => {
    if (!gesture && event.pointerType !== "touch") card(-1);
  });
  canvas.addEventListener("wheel", wheel, { passive: false });
}
