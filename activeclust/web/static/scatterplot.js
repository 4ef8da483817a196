// A scatter plot of many rows: drawn by a painter (WebGL 2, or pixel by pixel), found through a grid.
//
// It knows numbers only: where the rows lie (0 to 65,535 on both axes) and what colour and certainty each has.
// Points go to one canvas; what changes with every movement of the pointer (rings, lasso) goes to another above it.

import { drawNames } from "./overlay.js";
import { CanvasPainter } from "./painter-canvas.js";
import { webglPainter } from "./painter-webgl.js";

const SIDE = 65536; // of the square that the points lie in
const CELLS = 256; // the grid's cells a side
const SLOW = 30; // ms from one frame to the next; while the map moves, slower ones are drawn with fewer pixels
const FEW = 60; // selected rows that get rings; of more, the others turn pale, and rings would only hide them

export const OPEN = 0,
  ANSWERED = 1,
  ASIDE = 2;

/** Where points lie, sorted into cells. */
class Grid {
  constructor(xy) {
    const n = xy.length / 2;
    this.xy = xy;
    this.start = new Uint32Array(CELLS * CELLS + 1);
    const cell = new Uint16Array(n);
    for (let i = 0; i < n; i += 1) {
      cell[i] = (xy[2 * i + 1] >> 8) * CELLS + (xy[2 * i] >> 8);
      this.start[cell[i] + 1] += 1;
    }
    for (let c = 0; c < CELLS * CELLS; c += 1) this.start[c + 1] += this.start[c];
    this.rows = new Uint32Array(n);
    const next = this.start.slice(0, -1);
    for (let i = 0; i < n; i += 1) {
      this.rows[next[cell[i]]] = i;
      next[cell[i]] += 1;
    }
  }

  /** Call `visit` with every row in a rectangle of the square; a few outside it come too. */
  within(left, top, right, bottom, visit) {
    const clip = (value) => Math.max(0, Math.min(CELLS - 1, value >> 8));
    for (let y = clip(top); y <= clip(bottom); y += 1)
      for (
        let at = this.start[y * CELLS + clip(left)], end = this.start[y * CELLS + clip(right) + 1];
        at < end;
        at += 1
      )
        visit(this.rows[at]);
  }
}

export class Plot {
  constructor(points, rings) {
    this.points = points;
    this.rings = rings;
    this.painter = webglPainter(points) ?? new CanvasPainter(points);
    this.painter.restored = () => {
      this.painter.places(this.xy);
      this.paint();
    };
    this.names = []; // {text, at: [x, y] of the square}, those that matter most first
    this.ondraw = () => {}; // called when the points have moved
    this.ink = rings.getContext("2d");
    this.n = 0;
    this.selected = new Set();
    this.lasso = []; // screen positions
    this.current = this.hover = -1; // rows that are marked
    this.moving = false;
    this.coarse = 1; // screen pixels a drawn pixel, while the map moves and drawing is slow
    this.frames = []; // ms from each of the last frames to the next
    this.width = this.height = 0;
    this.dirty = this.dirtyRings = false;
  }

  // ------------------------------------------------------------------ what is shown

  /** Rows lie here: x0, y0, x1, y1, ... from 0 to 65,535, y upward. */
  place(xy) {
    this.n = xy.length / 2;
    this.xy = xy;
    this.grid = new Grid(xy);
    this.painter.places(xy);
    this.fit();
    if (this.codes?.length === this.n) this.paint();
  }

  /** Each row's code, certainty (0 to 255) and kind; `colours` by code, `grey` for rows without one. */
  look({ codes, certainty, kinds, colours, grey, paper, line, only = -1 }) {
    Object.assign(this, { codes, certainty, kinds, colours, grey, paper, line, only, halo: paper });
    this.anchors = [];
    for (let i = 0; i < this.n; i += 1) if (kinds[i] === ANSWERED) this.anchors.push(i);
    this.paint();
  }

  /** Tell the painter what the points look like. */
  paint() {
    const { codes, certainty, colours, grey, paper, line, only, selected } = this,
      flags = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i += 1)
      flags[i] = (selected.size && !selected.has(i) ? 1 : 0) | (only >= 0 && codes[i] !== only ? 2 : 0);
    this.painter.looks({ codes, certainty, flags, colours, grey, paper, line });
    this.redraw();
  }

  /** The middle of the square and as much of it as holds nearly all rows: single far ones may lie outside. */
  fit() {
    const axis = (offset) => {
      const step = Math.max(1, Math.floor(this.n / 20000)),
        values = [];
      for (let i = 0; i < this.n; i += step) values.push(this.xy[2 * i + offset]);
      values.sort((a, b) => a - b);
      const at = (share) => values[Math.round(share * (values.length - 1))];
      const [low, high, inner, outer] = [at(0), at(1), at(0.002), at(0.998)];
      return outer - inner > 0.4 * (high - low) ? [low, high] : [inner, outer];
    };
    if (!this.n || !this.width) return;
    const [left, right] = axis(0),
      [bottom, top] = axis(1);
    const margin = 24;
    const wide = Math.max(right - left, 1),
      tall = Math.max(top - bottom, 1);
    this.scale = Math.min((this.width - 2 * margin) / wide, (this.height - 2 * margin) / tall);
    this.whole = this.scale;
    this.x0 = this.width / 2 - (this.scale * (left + right)) / 2;
    this.y0 = this.height / 2 + (this.scale * (bottom + top)) / 2;
    this.redraw();
  }

  resize(width, height, ratio) {
    const middle = this.scale
      ? [(this.width / 2 - this.x0) / this.scale, (this.y0 - this.height / 2) / this.scale]
      : null;
    const zoom = this.scale ? this.scale / this.whole : 1;
    Object.assign(this, { width, height, ratio });
    this.rings.width = Math.round(width * ratio);
    this.rings.height = Math.round(height * ratio);
    this.fit();
    if (middle && this.n) {
      this.scale = this.whole * zoom;
      this.x0 = width / 2 - this.scale * middle[0];
      this.y0 = height / 2 + this.scale * middle[1];
    }
    this.redraw();
  }

  // ------------------------------------------------------------------ moving about

  pan(dx, dy) {
    this.x0 += dx;
    this.y0 += dy;
    this.redraw();
  }

  zoom(times, x = this.width / 2, y = this.height / 2) {
    const scale = Math.max(this.whole * 0.5, Math.min(this.whole * 400, this.scale * times));
    this.x0 = x - ((x - this.x0) * scale) / this.scale;
    this.y0 = y - ((y - this.y0) * scale) / this.scale;
    this.scale = scale;
    this.redraw();
  }

  /** Draw in full again once the map has come to rest. */
  rest() {
    this.moving = false;
    if (this.coarse > 1) {
      this.coarse = 1;
      this.redraw();
    }
  }

  /** Bring rows into sight, as near as they fit. */
  zoomTo(rows) {
    if (!rows.length) return;
    let [left, right, bottom, top] = [SIDE, 0, SIDE, 0];
    for (const row of rows) {
      const x = this.xy[2 * row],
        y = this.xy[2 * row + 1];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [bottom, top] = [Math.min(bottom, y), Math.max(top, y)];
    }
    const margin = 60;
    this.scale = Math.min(
      (this.width - 2 * margin) / Math.max(right - left, 1),
      (this.height - 2 * margin) / Math.max(top - bottom, 1),
      this.whole * 8,
    );
    this.x0 = this.width / 2 - (this.scale * (left + right)) / 2;
    this.y0 = this.height / 2 + (this.scale * (bottom + top)) / 2;
    this.redraw();
  }

  x(row) {
    return this.x0 + this.scale * this.xy[2 * row];
  }
  y(row) {
    return this.y0 - this.scale * this.xy[2 * row + 1];
  }

  /** Bring a row into sight. */
  reveal(row) {
    const margin = 30,
      x = this.x(row),
      y = this.y(row);
    const dx = x < margin ? margin - x : x > this.width - margin ? this.width - margin - x : 0;
    const dy = y < margin ? margin - y : y > this.height - margin ? this.height - margin - y : 0;
    if (dx || dy) this.pan(dx, dy);
  }

  // ------------------------------------------------------------------ finding rows

  /** The row that lies nearest to a screen position within `reach` pixels, or -1. */
  nearest(x, y, reach = 10) {
    if (!this.n) return -1;
    let best = -1,
      least = reach * reach;
    this.near(x, y, reach, (row) => {
      const dx = this.x(row) - x,
        dy = this.y(row) - y,
        far = dx * dx + dy * dy;
      if (far < least || (far === least && row < best)) {
        best = row;
        least = far;
      }
    });
    return best;
  }

  near(x, y, reach, visit) {
    const left = (x - reach - this.x0) / this.scale,
      right = (x + reach - this.x0) / this.scale;
    const bottom = (this.y0 - y - reach) / this.scale,
      top = (this.y0 - y + reach) / this.scale;
    this.grid.within(left, bottom, right, top, visit);
  }

  /** The `count` rows that lie nearest to a row, itself first. */
  around(row, count, admits) {
    const x = this.x(row),
      y = this.y(row);
    for (let reach = 16; ; reach *= 2) {
      const found = [];
      this.near(x, y, reach, (other) => {
        const far = Math.hypot(this.x(other) - x, this.y(other) - y);
        if (far <= reach && admits(other)) found.push([far, other]);
      });
      if (found.length >= count || reach > SIDE * this.scale * 2)
        return found
          .sort((a, b) => a[0] - b[0] || a[1] - b[1])
          .slice(0, count)
          .map(([, other]) => other);
    }
  }

  /** The nearest row in a direction (dx, dy), for arrow keys; -1 where there is none. */
  toward(row, dx, dy) {
    let best = -1,
      least = Infinity;
    const x = this.x(row),
      y = this.y(row);
    for (let other = 0; other < this.n; other += 1) {
      const sx = this.x(other) - x,
        sy = this.y(other) - y;
      const along = sx * dx + sy * dy,
        aside = Math.abs(sx * dy - sy * dx);
      if (along < 0.5 || aside > along) continue; // a quarter of the circle
      const cost = along + 2 * aside;
      if (cost < least) {
        best = other;
        least = cost;
      }
    }
    return best;
  }

  /** Rows within a polygon of screen positions. */
  inside(polygon) {
    const xs = polygon.map((p) => p[0]),
      ys = polygon.map((p) => p[1]);
    const left = Math.min(...xs),
      right = Math.max(...xs),
      top = Math.floor(Math.min(...ys)),
      bottom = Math.ceil(Math.max(...ys));
    // where the outline crosses the middle of each line of pixels: a row looks at its own line only
    const crossings = Array.from({ length: bottom - top + 1 }, () => []);
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
      const [xi, yi] = polygon[i],
        [xj, yj] = polygon[j];
      for (let line = Math.ceil(Math.min(yi, yj) - 0.5); line + 0.5 < Math.max(yi, yj); line += 1)
        crossings[line - top]?.push(xi + ((xj - xi) * (line + 0.5 - yi)) / (yj - yi));
    }
    const found = [];
    this.near((left + right) / 2, (top + bottom) / 2, Math.max(right - left, bottom - top) / 2, (row) => {
      const x = this.x(row),
        y = this.y(row);
      if (x < left || x > right || y < top || y > bottom) return;
      let odd = false;
      for (const crossing of crossings[Math.floor(y) - top]) if (x < crossing) odd = !odd;
      if (odd) found.push(row);
    });
    return found;
  }

  // ------------------------------------------------------------------ drawing

  redraw() {
    this.dirty = true;
    this.mark();
  }

  mark() {
    this.dirtyRings = true;
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.width || !this.n || !this.codes) return;
      if (this.dirty) this.drawPoints();
      this.drawRings();
      this.dirty = this.dirtyRings = false;
    });
  }

  /** Radius of a dot in screen pixels: many rows are small, nearer ones larger. */
  get radius() {
    const far = Math.max(1.1, Math.min(5, 3 * (4000 / this.n) ** 0.3));
    return Math.min(9, far * (this.scale / this.whole) ** 0.35);
  }

  drawPoints() {
    const began = performance.now(),
      ratio = this.ratio / this.coarse;
    this.painter.draw({
      wide: Math.max(1, Math.round(this.width * ratio)),
      tall: Math.max(1, Math.round(this.height * ratio)),
      scale: this.scale * ratio,
      x0: this.x0 * ratio,
      y0: this.y0 * ratio,
      radius: Math.max(0.7, this.radius * ratio),
    });
    this.ondraw();
    requestAnimationFrame(() => {
      const took = performance.now() - began;
      this.frames = [...this.frames.slice(-99), took];
      if (this.moving && took > SLOW && this.coarse < 3) this.coarse += 0.5;
    });
  }

  drawRings() {
    const { ink, ratio } = this;
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.clearRect(0, 0, this.width, this.height);
    const ring = this.radius + 1.5;
    const visible = (row) => {
      const x = this.x(row),
        y = this.y(row);
      return x > -20 && y > -20 && x < this.width + 20 && y < this.height + 20;
    };
    const circles = (rows, radius) => {
      ink.beginPath();
      for (const row of rows)
        if (visible(row)) {
          ink.moveTo(this.x(row) + radius, this.y(row));
          ink.arc(this.x(row), this.y(row), radius, 0, 7);
        }
      ink.stroke();
    };
    ink.strokeStyle = this.line;
    ink.lineWidth = 1.5;
    if (this.anchors.length) circles(this.anchors, ring);
    if (this.selected.size && this.selected.size <= FEW) {
      ink.lineWidth = 2;
      ink.strokeStyle = this.accent;
      circles(this.selected, ring);
    }
    ink.lineWidth = 3;
    ink.strokeStyle = this.accent;
    if (this.current >= 0) circles([this.current], ring + 6);
    if (this.hover >= 0) {
      ink.strokeStyle = this.line;
      ink.lineWidth = 2.5;
      circles([this.hover], ring + 2);
    }
    this.named = drawNames(ink, this, this.names);
    if (this.lasso.length > 1) {
      ink.beginPath();
      ink.moveTo(...this.lasso[0]);
      for (const p of this.lasso.slice(1)) ink.lineTo(...p);
      ink.closePath();
      ink.fillStyle = this.wash;
      ink.fill();
      ink.setLineDash([5, 4]);
      ink.lineWidth = 1.5;
      ink.strokeStyle = this.accent;
      ink.stroke();
      ink.setLineDash([]);
    }
  }
}
