// Draws a scatter plot's points pixel by pixel, the same picture as painter-webgl.js makes: for browsers without WebGL 2,
// and those that only imitate a graphics card.

import { channels, NO_CLUSTER } from "./colours.js";

/** Pixels of a dot: steps to the right and down, and how much of each pixel it covers. */
function dot(radius) {
  const reach = Math.ceil(radius),
    pixels = [];
  for (let y = -reach; y <= reach; y += 1)
    for (let x = -reach; x <= reach; x += 1) {
      const cover = Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y)));
      if (cover > 0) pixels.push({ x, y, cover });
    }
  return { reach, pixels };
}

export class CanvasPainter {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.n = this.ready = 0;
  }

  /** Where the points lie. */
  places(xy) {
    this.xy = xy;
    this.n = xy.length / 2;
    this.ready = 0;
  }

  /** What they look like: codes, certainties, and flags (1 paler, 2 away); a colour a code, and one for none. */
  looks({ codes, certainty, flags, colours, grey, paper, line }) {
    const table = [...colours, grey].map(channels),
      none = table.length - 1,
      n = codes.length;
    this.paper = channels(paper);
    this.line = channels(line);
    this.colour = new Float32Array(3 * table.length);
    table.forEach((colour, code) => this.colour.set(colour, 3 * code));
    this.code = new Uint16Array(n);
    this.strength = new Float32Array(n);
    for (let i = 0; i < n; i += 1) {
      const known = codes[i] !== NO_CLUSTER,
        away = (flags[i] & 2) !== 0;
      this.code[i] = known && !away ? codes[i] : none;
      // a doubtful row is paler, and still seen
      const strength = away ? 0.16 : known ? 0.2 + 0.8 * (certainty[i] / 255) ** 1.5 : 0.55;
      this.strength[i] = flags[i] & 1 ? strength / 4 : strength;
    }
    this.ready = n;
  }

  /** Draw: a point at (x, y) of the square lies at (x0 + scale x, y0 - scale y); all lengths in pixels of the canvas. */
  draw({ wide, tall, scale, x0, y0, radius }) {
    if (this.ready < this.n) return;
    const { canvas } = this;
    if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
    const { reach, pixels } = dot(radius),
      border = 2 * reach + 1, // dots that are half outside are added up there
      width = wide + 2 * border,
      height = tall + 2 * border;
    if (this.sums?.length !== 4 * width * height) this.sums = new Float32Array(4 * width * height);
    else this.sums.fill(0);
    const { xy, code, colour, strength, sums } = this,
      at = Int32Array.from(pixels, ({ x, y }) => 4 * (y * width + x)),
      cover = Float32Array.from(pixels, (pixel) => pixel.cover);
    for (let row = 0; row < this.n; row += 1) {
      const x = Math.floor(x0 + scale * xy[2 * row]) + border,
        y = Math.floor(y0 - scale * xy[2 * row + 1]) + border;
      if (x < reach || y < reach || x >= width - reach || y >= height - reach) continue;
      const middle = 4 * (y * width + x),
        of = 3 * code[row],
        red = colour[of],
        green = colour[of + 1],
        blue = colour[of + 2];
      for (let i = 0; i < at.length; i += 1) {
        const pixel = middle + at[i],
          weight = cover[i] * strength[row];
        sums[pixel] += red * weight;
        sums[pixel + 1] += green * weight;
        sums[pixel + 2] += blue * weight;
        sums[pixel + 3] += weight;
      }
    }
    this.pen.putImageData(this.blended(wide, tall, width, border), 0, 0);
  }

  /** The sums as a picture: their mean colour, shaded by how many there are, over the paper. */
  blended(wide, tall, width, border) {
    if (this.image?.width !== wide || this.image?.height !== tall) this.image = new ImageData(wide, tall);
    const { sums, paper, line } = this,
      { data } = this.image;
    for (let y = 0, to = 0; y < tall; y += 1) {
      let from = 4 * ((y + border) * width + border);
      for (let x = 0; x < wide; x += 1, from += 4, to += 4) {
        const weight = sums[from + 3];
        data[to + 3] = 255;
        if (weight === 0) {
          [data[to], data[to + 1], data[to + 2]] = paper;
          continue;
        }
        const shade = 0.5 * Math.min(1, Math.log2(Math.max(weight, 1)) / 8),
          opaque = 1 - Math.exp(-1.8 * weight);
        for (let c = 0; c < 3; c += 1) {
          const mean = sums[from + c] / weight,
            shaded = mean + shade * (line[c] - mean);
          data[to + c] = Math.round(paper[c] + opaque * (shaded - paper[c]));
        }
      }
    }
    return this.image;
  }
}
