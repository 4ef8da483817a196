// What stands on the map beside its points: the names of clusters, and, from near, the rows themselves.

import { h } from "./dom.js";
import { tileView } from "./items.js";
import { NO_CLUSTER } from "./colours.js";

const SPOTS = 32; // cells a side in which the densest part of a cluster is looked for
const MOST_NAMES = 500;
const MOST_NEAR = 40; // rows that are shown at once
const LOOKED_AT = 800; // rows in sight from which on none is shown
const NEAR = 2; // how far one must have zoomed in, unless there are few rows
const FEW_ROWS = 120;
const SIZES = { picture: [58, 58], other: [150, 50] }; // pixels that a row needs

/** For each code the middle of its densest part on the square, null where it has no row. */
export function denseSpots(xy, codes, certainty, count) {
  const cells = SPOTS * SPOTS,
    known = Math.min(count, MOST_NAMES);
  const weight = new Float32Array(known * cells);
  const cellOf = (row) => (xy[2 * row + 1] >> 11) * SPOTS + (xy[2 * row] >> 11);
  for (let row = 0; row < codes.length; row += 1)
    if (codes[row] < known) weight[codes[row] * cells + cellOf(row)] += 1 + certainty[row];
  const best = Array.from({ length: known }, (_, code) => {
    let most = 0,
      at = -1;
    for (let y = 0; y < SPOTS; y += 1)
      for (let x = 0; x < SPOTS; x += 1) {
        if (!weight[code * cells + y * SPOTS + x]) continue;
        let sum = 0;
        for (let v = Math.max(0, y - 1); v <= Math.min(SPOTS - 1, y + 1); v += 1)
          for (let u = Math.max(0, x - 1); u <= Math.min(SPOTS - 1, x + 1); u += 1)
            sum += weight[code * cells + v * SPOTS + u];
        if (sum > most) [most, at] = [sum, y * SPOTS + x];
      }
    return at;
  });
  const sums = Array.from({ length: known }, () => [0, 0, 0]);
  for (let row = 0; row < codes.length; row += 1) {
    const code = codes[row];
    if (code === NO_CLUSTER || code >= known) continue;
    const cell = cellOf(row),
      across = Math.abs((cell % SPOTS) - (best[code] % SPOTS)),
      down = Math.abs(Math.floor(cell / SPOTS) - Math.floor(best[code] / SPOTS));
    if (across > 1 || down > 1) continue;
    sums[code][0] += xy[2 * row];
    sums[code][1] += xy[2 * row + 1];
    sums[code][2] += 1;
  }
  return sums.map(([x, y, n]) => (n ? [x / n, y / n] : null));
}

/** Names at their places, the first ones first; a name that would cover another is left out until there is room. */
export function drawNames(ink, plot, names) {
  ink.font = "600 13px system-ui, sans-serif";
  ink.textAlign = "center";
  ink.textBaseline = "middle";
  ink.lineJoin = "round";
  const taken = [];
  for (const { text, at } of names) {
    const half = ink.measureText(text).width / 2 + 4,
      there = plot.x0 + plot.scale * at[0],
      y = plot.y0 - plot.scale * at[1];
    const inside = there > 0 && there < plot.width; // its name is read whole, then
    const x = inside ? Math.max(half, Math.min(plot.width - half, there)) : there;
    const box = [x - half, y - 10, x + half, y + 10];
    if (box[2] < 0 || box[0] > plot.width || box[3] < 0 || box[1] > plot.height) continue;
    if (taken.some((o) => box[0] < o[2] && box[2] > o[0] && box[1] < o[3] && box[3] > o[1])) continue;
    taken.push(box);
    ink.strokeStyle = plot.halo;
    ink.lineWidth = 4;
    ink.strokeText(text, x, y);
    ink.fillStyle = plot.line;
    ink.fillText(text, x, y);
  }
  return taken.length;
}

/** Rows in sight, at most so many, spread so that none covers another; the same ones while one pans. */
function chosen(plot, [wide, tall]) {
  const rows = [];
  plot.near(plot.width / 2, plot.height / 2, Math.max(plot.width, plot.height) / 2, (row) => {
    const x = plot.x(row),
      y = plot.y(row);
    if (x > 0 && y > 0 && x < plot.width && y < plot.height) rows.push(row);
  });
  const near = plot.scale / plot.whole >= NEAR || plot.n <= FEW_ROWS;
  if (!near || rows.length > LOOKED_AT) return [];
  const mixed = (row) => Math.imul(row + 1, 2654435761) >>> 0;
  const kept = [];
  for (const row of rows.sort((a, b) => mixed(a) - mixed(b))) {
    const x = plot.x(row),
      y = plot.y(row);
    if (kept.every((o) => Math.abs(plot.x(o) - x) > wide || Math.abs(plot.y(o) - y) > tall)) kept.push(row);
    if (kept.length === MOST_NEAR) break;
  }
  return kept;
}

/** Shows rows beside their points once the map has come to rest near enough. */
export class NearRows {
  constructor(box, plot, questions) {
    Object.assign(this, { box, plot, questions }); // questions(rows) gives their questions, later
    this.shown = new Map(); // row -> element
    this.turn = 0;
    this.kind = "other";
  }

  hide() {
    this.turn += 1;
    this.shown.clear();
    this.box.replaceChildren();
  }

  /** Choose the rows anew. */
  async look() {
    const turn = ++this.turn,
      rows = chosen(this.plot, SIZES[this.kind] ?? SIZES.other);
    if (!rows.length) return this.hide();
    const queries = await this.questions(rows);
    if (turn !== this.turn) return undefined;
    const kind = queries[0]?.item.kind === "picture" ? "picture" : "other";
    if (kind !== this.kind) {
      this.kind = kind; // they need another size: choose again
      return this.look();
    }
    const shown = new Map();
    for (const { row, item } of queries)
      shown.set(row, this.shown.get(row) ?? h("div", { class: `near-row ${kind}` }, tileView(item)));
    this.shown = shown;
    this.box.replaceChildren(...shown.values());
    return this.follow();
  }

  /** Move them with the map. */
  follow() {
    for (const [row, element] of this.shown)
      element.style.transform = `translate(${this.plot.x(row)}px, ${this.plot.y(row) + this.plot.radius + 3}px)`;
  }
}
