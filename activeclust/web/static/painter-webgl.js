// Draws a scatter plot's points with WebGL 2, a million of them as well as a hundred.
//
// All points are added up first, in a texture of half floats: colour times weight, and weight. Where many overlap, the
// mean colour shows what they are, and a shade toward the colour of the text how many.

import { channels, NO_CLUSTER } from "./colours.js";

const POINTS = `#version 300 es
in vec2 place; // 0 to 65,535
in uvec4 state; // code, low and high byte; certainty; 1 for paler, 2 for away
uniform vec2 shift, size; // pixels
uniform float scale, radius;
uniform sampler2D palette; // a colour a code, grey at its end
uniform int none;
out vec3 colour;
out float strength;
void main() {
  vec2 at = shift + scale * vec2(place.x, -place.y);
  gl_Position = vec4(2.0 * at.x / size.x - 1.0, 1.0 - 2.0 * at.y / size.y, 0.0, 1.0);
  gl_PointSize = 2.0 * radius + 1.0;
  int code = int(state.x) + 256 * int(state.y);
  bool known = code != ${NO_CLUSTER};
  bool away = (state.w & 2u) != 0u;
  colour = texelFetch(palette, ivec2(known && !away ? code : none, 0), 0).rgb;
  float certain = float(state.z) / 255.0;
  strength = away ? 0.16 : known ? 0.2 + 0.8 * pow(certain, 1.5) : 0.55; // a doubtful row is paler, and still seen
  if ((state.w & 1u) != 0u) strength *= 0.25;
}`;

const DOT = `#version 300 es
precision highp float;
in vec3 colour;
in float strength;
uniform float radius;
out vec4 sum;
void main() {
  float cover = clamp(radius + 0.5 - length((gl_PointCoord - 0.5) * (2.0 * radius + 1.0)), 0.0, 1.0);
  sum = vec4(colour * cover * strength, cover * strength);
}`;

const WHOLE = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

const BLEND = `#version 300 es
precision highp float;
uniform sampler2D sums;
uniform vec3 paper, line;
out vec4 colour;
void main() {
  vec4 sum = texelFetch(sums, ivec2(gl_FragCoord.xy), 0);
  vec3 mean = sum.rgb / max(sum.a, 1e-4);
  float crowd = clamp(log2(max(sum.a, 1.0)) / 8.0, 0.0, 1.0); // 256 on one pixel are as dark as it gets
  vec3 shaded = mix(mean, line, 0.5 * crowd);
  colour = vec4(mix(paper, shaded, 1.0 - exp(-1.8 * sum.a)), 1.0);
}`;

/** Whether the browser has WebGL 2 that adds up half floats; `software` admits a card that is only imitated, slowly. */
function able(settings) {
  const gl = document.createElement("canvas").getContext("webgl2", settings);
  const can = gl?.getExtension("EXT_color_buffer_float") ?? gl?.getExtension("EXT_color_buffer_half_float");
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(can);
}

/** A painter on the canvas; null, and the canvas untouched, where the browser cannot. */
export function webglPainter(canvas, { software = false } = {}) {
  const caveat = { failIfMajorPerformanceCaveat: !software };
  const settings = { alpha: false, antialias: false, depth: false, stencil: false, ...caveat };
  if (!able(settings)) return null;
  const painter = new WebglPainter(canvas.getContext("webgl2", settings), canvas);
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    painter.begin();
    painter.restored();
  });
  return painter;
}

class WebglPainter {
  constructor(gl, canvas) {
    this.gl = gl;
    this.canvas = canvas;
    this.restored = () => {}; // called when the graphics card has come back and everything must be sent again
    this.begin();
  }

  begin() {
    const { gl } = this;
    for (const name of ["EXT_color_buffer_float", "EXT_color_buffer_half_float"]) gl.getExtension(name);
    this.points = program(gl, POINTS, DOT);
    this.blend = program(gl, WHOLE, BLEND);
    this.array = gl.createVertexArray();
    this.place = gl.createBuffer();
    this.state = gl.createBuffer();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.place);
    gl.enableVertexAttribArray(this.points.at.place);
    gl.vertexAttribPointer(this.points.at.place, 2, gl.UNSIGNED_SHORT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.state);
    gl.enableVertexAttribArray(this.points.at.state);
    gl.vertexAttribIPointer(this.points.at.state, 4, gl.UNSIGNED_BYTE, 0, 0);
    gl.bindVertexArray(null);
    this.palette = texture(gl);
    this.sums = texture(gl);
    this.frame = gl.createFramebuffer();
    this.n = this.ready = this.wide = 0;
  }

  /** Where the points lie. */
  places(xy) {
    const { gl } = this;
    this.n = xy.length / 2;
    this.ready = 0;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.place);
    gl.bufferData(gl.ARRAY_BUFFER, xy, gl.STATIC_DRAW);
  }

  /** What they look like: codes, certainties, and flags (1 paler, 2 away); a colour a code, and one for none. */
  looks({ codes, certainty, flags, colours, grey, paper, line }) {
    const { gl } = this,
      n = codes.length,
      state = new Uint8Array(4 * n);
    for (let i = 0; i < n; i += 1) {
      state[4 * i] = codes[i] & 255;
      state[4 * i + 1] = codes[i] >> 8;
      state[4 * i + 2] = certainty[i];
      state[4 * i + 3] = flags[i];
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.state);
    gl.bufferData(gl.ARRAY_BUFFER, state, gl.DYNAMIC_DRAW);
    this.ready = n;
    const table = [...colours, grey].map(channels);
    this.none = table.length - 1;
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    const pixels = Uint8Array.from(table.flatMap((colour) => [...colour, 255]));
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, table.length, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    this.paper = channels(paper).map((value) => value / 255);
    this.line = channels(line).map((value) => value / 255);
  }

  /** Draw: a point at (x, y) of the square lies at (x0 + scale x, y0 - scale y); all lengths in pixels of the canvas. */
  draw({ wide, tall, scale, x0, y0, radius }) {
    const { gl, canvas } = this;
    if (gl.isContextLost() || this.ready < this.n) return;
    if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
    if (this.wide !== wide || this.tall !== tall) {
      [this.wide, this.tall] = [wide, tall];
      gl.bindTexture(gl.TEXTURE_2D, this.sums);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, wide, tall, 0, gl.RGBA, gl.HALF_FLOAT, null);
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.sums, 0);
    }
    gl.viewport(0, 0, wide, tall);

    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE);
    gl.useProgram(this.points.program);
    const set = this.points.set;
    gl.uniform2f(set.shift, x0, y0);
    gl.uniform2f(set.size, wide, tall);
    gl.uniform1f(set.scale, scale);
    gl.uniform1f(set.radius, radius);
    gl.uniform1i(set.none, this.none);
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.uniform1i(set.palette, 0);
    gl.bindVertexArray(this.array);
    gl.drawArrays(gl.POINTS, 0, this.n);
    gl.bindVertexArray(null);

    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.disable(gl.BLEND);
    gl.useProgram(this.blend.program);
    gl.bindTexture(gl.TEXTURE_2D, this.sums);
    gl.uniform1i(this.blend.set.sums, 0);
    gl.uniform3fv(this.blend.set.paper, this.paper);
    gl.uniform3fv(this.blend.set.line, this.line);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

function texture(gl) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
    gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
  for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
    gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  return made;
}

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, text] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`The map cannot be drawn: ${gl.getProgramInfoLog(made)}`);
  const set = {},
    at = {};
  for (let i = 0; i < gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS); i += 1) {
    const { name } = gl.getActiveUniform(made, i);
    set[name] = gl.getUniformLocation(made, name);
  }
  for (let i = 0; i < gl.getProgramParameter(made, gl.ACTIVE_ATTRIBUTES); i += 1) {
    const { name } = gl.getActiveAttrib(made, i);
    at[name] = gl.getAttribLocation(made, name);
  }
  return { program: made, set, at };
}
