// The widget of activeclust.notebook: Python holds the run, this draws it and sends what is done.

import { COLOURS, NO_CLUSTER } from "../../web/static/colours.js";
import { letterOf } from "../../web/static/letters.js";
const GREY = "#888888";
const [OPEN, ANSWERED] = [0, 1];
const REACH = 10; // pixels between pointer and point
const BARS = 5; // suggestions that get a bar
const AGAIN = 2000; // ms between looks at how far the layout is
const VIEWS = { question: "One row", grid: "Similar rows", map: "Map" };

const percent = (p) => (p > 0 && p < 0.01 ? "<1 %" : `${Math.round(100 * p)} %`);
const number = (n) => n.toLocaleString("en");

/** An element; texts are set as text, never as HTML. */
function h(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (name === "html")
      element.innerHTML = value; // made and escaped by Python's item_html
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

class Widget {
  constructor(model, el) {
    this.model = model;
    this.view = "question";
    this.grid = null; // {cluster, tiles}
    this.left = new Set(); // rows of the grid that are left out
    this.map = null;
    this.picked = new Set();
    this.html = new Map(); // row -> HTML of its item
    this.hover = -1;
    this.lasso = [];
    this.root = h("div", {
      class: "activeclust",
      tabindex: "0",
      role: "group",
      "aria-label": "Answering: which cluster does a row belong to?",
      onkeydown: (event) => this.key(event),
    });
    el.append(this.root);
    this.frame();
    this.changed = () => this.show();
    this.came = (message, buffers) => this.message(message, buffers);
    model.on("change:state", this.changed);
    model.on("msg:custom", this.came);
    this.show();
  }

  end() {
    clearTimeout(this.timer);
    this.model.off("change:state", this.changed);
    this.model.off("msg:custom", this.came);
  }

  get state() {
    return this.model.get("state");
  }

  send(message) {
    this.model.send(message);
  }

  // ------------------------------------------------------------------ frame

  frame() {
    const tab = ([view, text]) =>
      h("button", { role: "tab", "data-view": view, text, onclick: () => this.open(view) });
    this.status = h("span", { class: "ac-status", role: "status" });
    this.trouble = h("p", { class: "ac-trouble", role: "alert" });
    this.body = h("div");
    this.names = h("datalist", { id: `ac-${Math.random().toString(36).slice(2)}` });
    this.root.append(
      h(
        "div",
        { class: "ac-head" },
        h("span", { role: "tablist" }, Object.entries(VIEWS).map(tab)),
        this.status,
      ),
      this.trouble,
      this.body,
      this.names,
    );
  }

  open(view) {
    this.view = view;
    clearTimeout(this.timer);
    if (view === "map") this.send({ do: "map" });
    if (view === "grid" && this.state.clusters.length)
      this.send({ do: "grid", cluster: this.grid?.cluster ?? this.state.clusters[0].id });
    this.show();
  }

  show() {
    const { answered, rows, budget, expected, trouble, clusters, who } = this.state;
    const of = budget == null ? `of ${number(rows)} rows` : `of ${number(budget)} answers`;
    this.status.textContent =
      `${number(answered)} ${of}` +
      (expected == null ? "" : ` · expected accuracy ${percent(expected)}`) +
      (who ? ` · ${who}` : "");
    this.trouble.textContent = trouble;
    this.trouble.hidden = !trouble;
    this.names.replaceChildren(...clusters.map((c) => h("option", { value: c.text })));
    for (const tab of this.root.querySelectorAll("[role=tab]"))
      tab.setAttribute("aria-selected", tab.dataset.view === this.view);
    const within = this.root.contains(document.activeElement);
    if (this.view === "question") this.showQuestion();
    else if (this.view === "grid") this.showGrid();
    else this.showMap();
    if (within && !this.root.contains(document.activeElement)) this.root.focus({ preventScroll: true });
  }

  /** A field for a name; `done(answer)` gets the cluster of that name, or the name. */
  nameForm(label, done) {
    const field = h("input", {
      placeholder: label,
      "aria-label": label,
      list: this.names.id,
      maxlength: "200",
    });
    return h(
      "form",
      {
        class: "bar-line",
        onsubmit: (event) => {
          event.preventDefault();
          const name = field.value.trim();
          if (name) done({ name });
        },
      },
      field,
      h("button", { type: "submit", text: "Answer" }),
    );
  }

  // ------------------------------------------------------------------ one row

  showQuestion() {
    const { question, ended } = this.state;
    if (!question) {
      const why = ended === "budget" ? "The budget is used up." : "Every row has been answered or set aside.";
      this.body.replaceChildren(h("p", { text: `${why} All answers are in the loop.` }), this.commands());
      return;
    }
    const answer = (given) => this.send({ do: "answer", row: question.row, ...given });
    const suggestions = question.suggestions.slice(0, BARS),
      first = suggestions[0]?.p > question.new;
    const bar = ({ id, text, p }, place) =>
      h(
        "button",
        {
          onclick: () => answer({ cluster: id }),
          "data-id": id,
          class: first && place === 0 ? "ac-first" : null,
          title: first && place === 0 ? "Key Enter" : null,
        },
        this.named(id, text),
        bars(p),
        h("span", { text: percent(p) }),
      );
    const others = this.state.clusters.filter((c) => !suggestions.some((s) => s.id === c.id));
    this.body.replaceChildren(
      h(
        "div",
        { class: "ac-two" },
        h(
          "div",
          {},
          h("div", { class: "ac-item", html: question.html }),
          h("p", {
            text: `Row ${number(question.row)}${question.answer == null ? "" : `, answered: ${question.answer}`}`,
          }),
        ),
        h(
          "div",
          {},
          h("div", { class: "ac-bars" }, suggestions.map(bar)),
          suggestions.length ? h("p", { text: `None of these: ${percent(question.new)}` }) : null,
          others.length
            ? h(
                "div",
                { class: "bar-line ac-others" },
                others.map((c) =>
                  h("button", { onclick: () => answer({ cluster: c.id }) }, this.named(c.id, c.text)),
                ),
              )
            : null,
          this.nameForm("New or other cluster", answer),
          this.commands(answer),
        ),
      ),
    );
  }

  /** A cluster's key, colour and name. */
  named(id, text) {
    const place = this.state.clusters.findIndex((c) => c.id === id);
    const swatch = h("b", { class: "ac-swatch" });
    swatch.style.background = COLOURS[Math.max(0, place) % COLOURS.length];
    return h(
      "span",
      { class: "ac-named" },
      key(this.state.clusters[place]?.key),
      swatch,
      h("span", { text, dir: "auto" }),
    );
  }

  commands(answer) {
    const button = (name, text, onclick) => h("button", { onclick }, key(KEYS[name]), text);
    const signal = (name, text) => (answer ? button(name, text, () => answer({ signal: name })) : null);
    return h(
      "div",
      { class: "bar-line" },
      signal("skip", "Skip"),
      signal("unsure", "Unsure"),
      button("undo", "Undo", () => this.send({ do: "undo" })),
    );
  }

  /** Keys act only while the widget has the focus and nobody types into a field. */
  key(event) {
    event.stopPropagation(); // the notebook's own single keys would act too
    if (event.target.matches("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const { question, clusters } = this.state,
      letter = letterOf(event),
      cluster = clusters.find((c) => c.key && c.key === letter);
    if (event.repeat) return; // a key that is held down is one answer
    if (letter === KEYS.undo) this.send({ do: "undo" });
    else if (this.view !== "question" || !question) return;
    else if (letter === KEYS.new) this.body.querySelector("input").focus();
    else if (letter === KEYS.skip) this.send({ do: "answer", row: question.row, signal: "skip" });
    else if (event.key === KEYS.unsure) this.send({ do: "answer", row: question.row, signal: "unsure" });
    else if (cluster) this.send({ do: "answer", row: question.row, cluster: cluster.id });
    else if (event.key === "Enter" && event.target === this.root && question.suggestions[0]?.p > question.new)
      this.send({ do: "answer", row: question.row, cluster: question.suggestions[0].id });
    else return;
    event.preventDefault();
  }

  // ------------------------------------------------------------------ many

  showGrid() {
    if (!this.state.clusters.length) {
      this.body.replaceChildren(
        h("p", { text: "There is no cluster yet. Answer a few rows one by one first." }),
      );
      return;
    }
    const of = this.grid?.cluster;
    const pick = h(
      "div",
      { class: "bar-line ac-others" },
      this.state.clusters.map((c) =>
        h(
          "button",
          {
            "aria-pressed": String(c.id === of),
            onclick: () => this.send({ do: "grid", cluster: c.id }),
          },
          this.named(c.id, c.text),
        ),
      ),
    );
    const rows = (this.grid?.tiles ?? []).map((tile) => tile.row).filter((row) => !this.left.has(row));
    const name = this.state.clusters.find((c) => c.id === of)?.text ?? "";
    this.body.replaceChildren(
      pick,
      h("p", {
        text: "The unanswered rows that are most similar to it. Click those that do not belong, then label the others.",
      }),
      h(
        "div",
        { class: this.grid?.wide ? "ac-tiles ac-wide" : "ac-tiles" },
        (this.grid?.tiles ?? []).map((tile) => this.tile(tile)),
      ),
      h("button", {
        text: `Label ${number(rows.length)} row${rows.length === 1 ? "" : "s"}: ${name}`,
        disabled: !rows.length,
        onclick: () => {
          this.send({ do: "many", rows, cluster: of });
          this.send({ do: "grid", cluster: of });
        },
      }),
    );
  }

  tile({ row, html, p }) {
    return h(
      "button",
      {
        class: "ac-tile",
        "data-row": row,
        "aria-pressed": String(!this.left.has(row)),
        "aria-label": `Row ${row}, ${percent(p)}`,
        onclick: () => {
          if (!this.left.delete(row)) this.left.add(row);
          this.showGrid();
          this.body.querySelector(`[data-row="${row}"]`)?.focus();
        },
      },
      h("div", { html }),
      h("span", { text: percent(p) }),
    );
  }

  // ------------------------------------------------------------------ the map

  message(message, buffers) {
    if (message.kind === "grid") {
      this.grid = message;
      this.left = new Set();
      if (this.view === "grid") this.showGrid();
    } else if (message.kind === "row") {
      this.html.set(message.row, message.html);
      if (this.hover === message.row) this.card();
    } else if (message.kind === "map") {
      const [xy, codes, certainty, kinds] = buffers.map((b) =>
        b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength),
      );
      this.map = {
        ...message,
        xy: new Uint16Array(xy),
        codes: new Uint16Array(codes),
        certainty: new Uint8Array(certainty),
        kinds: new Uint8Array(kinds),
      };
      const { ready, why } = message.layout;
      if (!ready && !why && this.view === "map")
        this.timer = setTimeout(() => this.send({ do: "map" }), AGAIN);
      if (this.view === "map") this.showMap();
    }
  }

  colour(code) {
    if (code === NO_CLUSTER) return GREY;
    const place = this.state.clusters.findIndex((c) => c.id === this.map.clusters[code]);
    return COLOURS[Math.max(0, place) % COLOURS.length];
  }

  showMap() {
    if (!this.map) {
      this.body.replaceChildren(h("p", { text: "…" }));
      return;
    }
    const { layout } = this.map;
    const words = layout.ready
      ? "Similar rows are close together."
      : layout.why
        ? `The map shows two principal axes. ${layout.why}`
        : `The map shows two principal axes until the layout of neighbours is computed: ${percent(layout.done)}.`;
    if (!this.canvas?.isConnected) this.buildMap(); // a lasso or a name in the making outlives a newer map
    this.mapWords.textContent = `${words} Point at a row to see it, click it to answer it, draw around rows to select them.`;
    this.showPicked();
    this.draw();
  }

  buildMap() {
    this.canvas = h("canvas", {
      "aria-label": "Map of all rows",
      role: "img",
      onpointermove: (event) => this.move(event),
      onpointerdown: (event) => {
        event.target.setPointerCapture(event.pointerId);
        this.lasso = [at(event)];
      },
      onpointerup: (event) => this.up(event),
      onpointerleave: () => this.point(-1),
    });
    this.cardBox = h("div", { class: "ac-card", hidden: true });
    this.mapWords = h("p");
    this.after = h("div");
    this.body.replaceChildren(
      this.mapWords,
      h("div", { class: "ac-map" }, this.canvas, this.cardBox),
      this.after,
    );
  }

  showPicked() {
    const rows = [...this.picked].filter((row) => this.map.kinds[row] === OPEN);
    const shown = JSON.stringify([rows, this.state.clusters.map((c) => c.id)]);
    if (this.after.dataset.shown === shown) return;
    this.after.dataset.shown = shown;
    if (!rows.length) {
      this.after.replaceChildren();
      return;
    }
    const give = (answer) => {
      this.send({ do: "many", rows, ...answer });
      this.picked = new Set();
      this.send({ do: "map" });
    };
    this.after.replaceChildren(
      h("p", {
        text: `${number(rows.length)} unanswered row${rows.length === 1 ? "" : "s"} selected. Label them all as …`,
      }),
      h(
        "div",
        { class: "bar-line ac-others" },
        this.state.clusters.map((c) =>
          h("button", { onclick: () => give({ cluster: c.id }) }, this.named(c.id, c.text)),
        ),
      ),
      this.nameForm("New or other cluster", give),
    );
  }

  place(row) {
    const { xy } = this.map,
      side = Math.min(this.canvas.clientWidth, this.canvas.clientHeight) - 24;
    return [
      this.canvas.clientWidth / 2 + (xy[2 * row] / 65535 - 0.5) * side,
      this.canvas.clientHeight / 2 - (xy[2 * row + 1] / 65535 - 0.5) * side,
    ];
  }

  draw() {
    const { canvas, map } = this,
      ratio = globalThis.devicePixelRatio || 1,
      pen = canvas.getContext("2d");
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    pen.scale(ratio, ratio);
    const n = map.codes.length,
      radius = Math.max(1, Math.min(4, 3 * (2000 / n) ** 0.3));
    for (let row = 0; row < n; row += 1) {
      const [x, y] = this.place(row);
      pen.globalAlpha =
        (map.codes[row] === NO_CLUSTER ? 0.6 : 0.25 + 0.75 * (map.certainty[row] / 255)) *
        (this.picked.size && !this.picked.has(row) ? 0.25 : 1);
      pen.fillStyle = this.colour(map.codes[row]);
      pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = getComputedStyle(canvas).color;
    for (let row = 0; row < n; row += 1)
      if (map.kinds[row] === ANSWERED || row === this.hover) {
        const [x, y] = this.place(row);
        pen.beginPath();
        pen.arc(x, y, radius + 3, 0, 7);
        pen.stroke();
      }
    if (this.lasso.length > 1) {
      pen.setLineDash([4, 3]);
      pen.beginPath();
      this.lasso.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.stroke();
    }
  }

  nearest([x, y]) {
    let best = -1,
      least = REACH;
    for (let row = 0; row < this.map.codes.length; row += 1) {
      const [u, v] = this.place(row),
        far = Math.hypot(u - x, v - y);
      if (far < least) [best, least] = [row, far];
    }
    return best;
  }

  move(event) {
    if (this.lasso.length) {
      this.lasso.push(at(event));
      this.draw();
    } else this.point(this.nearest(at(event)));
  }

  up(event) {
    const drawn = this.lasso;
    this.lasso = [];
    if (drawn.length > 5) {
      this.picked = new Set([...this.map.codes.keys()].filter((row) => inside(drawn, this.place(row))));
      this.showPicked();
      this.draw();
      return;
    }
    const row = this.nearest(at(event));
    if (row < 0) return;
    this.send({ do: "question", row });
    this.open("question");
  }

  point(row) {
    if (row === this.hover) return;
    this.hover = row;
    this.draw();
    this.cardBox.hidden = true;
    if (row < 0) return;
    if (this.html.has(row)) this.card();
    else this.send({ do: "row", row });
  }

  card() {
    const [x, y] = this.place(this.hover),
      code = this.map.codes[this.hover];
    const text = this.state.clusters.find((c) => c.id === this.map.clusters[code])?.text;
    const guess = text == null ? "" : `${text}, ${percent(this.map.certainty[this.hover] / 255)}`;
    this.cardBox.replaceChildren(
      h("div", { html: this.html.get(this.hover) }),
      h("span", { text: `Row ${number(this.hover)}  ${guess}` }),
    );
    this.cardBox.style.left = `${Math.min(x + 12, this.canvas.clientWidth - 200)}px`;
    this.cardBox.style.top = `${Math.min(y + 12, this.canvas.clientHeight - 120)}px`;
    this.cardBox.hidden = false;
  }
}

const KEYS = { new: "n", skip: "s", unsure: "?", undo: "u" };

const key = (text) => (text ? h("kbd", { text }) : null);

function bars(p) {
  const bar = h("i");
  bar.style.width = `${Math.max(1, 100 * p)}%`;
  return bar;
}

function at(event) {
  const box = event.target.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** Whether a point lies in a polygon. */
function inside(polygon, [x, y]) {
  let odd = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [xi, yi] = polygon[i],
      [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}

export default {
  render({ model, el }) {
    const widget = new Widget(model, el);
    return () => widget.end();
  },
};
