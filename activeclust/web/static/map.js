// The map of all rows: pan, zoom, look, ask, and label what a lasso holds. By keyboard too: the arrows go from row to
// row, Enter asks, Space picks. The keys act only while the map has the focus.

import { $, count, h, percent, say, short, toast } from "./dom.js";
import { itemView } from "./items.js";
import { byLabel, LEAVE, pickTile } from "./pick.js";
import { bytes, call, RUN } from "./server.js";
import { clusters, keys, page } from "./state.js";
import { askAboutRow, labelMany } from "./answer.js";
import { listeners, views } from "./views.js";
import { denseSpots, NearRows } from "./overlay.js";
import { ANSWERED, ASIDE, Plot } from "./scatterplot.js";

const LAYOUT = "layout/0"; // keeps neighbours together; PCA is shown until it has been made
const AXES = { pca: "PCA", diffusion: "Diffusion" };
const PAIRS = 3;
const MOST = 5000; // rows that are labelled at once
const SAMPLES = 12; // rows of a selection that are shown at once
const STEP = 60; // pixels a key pans
const ASK_AGAIN = 1500; // ms between looks at how far the layout is
const LONGEST = 24; // letters of a name on the map

export const map = {
  plot: null,
  shown: "", // the view that is drawn
  seq: -1, // the last event that the posterior that is drawn knows of
  ids: [], // cluster ids by code
  only: -1, // the cluster that is looked at
  tool: "move",
  items: new Map(), // row -> question, the last ones that were looked at
  cursor: -1, // the row that the keyboard is at
  withAnswered: false,
  out: new Map(), // rows of the selection that are something else -> cluster id, or LEAVE
  from: 0, // the first row of the selection that is shown
  samples: [], // their questions
  near: null, // the rows that are shown beside their points
  layout: { ready: false, done: 0, why: "" },
};

// ------------------------------------------------------------------ getting it

async function place(name) {
  const points = new Uint16Array(await bytes(`/map/${name}?of=${RUN}`));
  if (map.shown !== name) return;
  map.near.hide();
  map.plot.place(points);
  nameClusters();
}

let asking = null;

/** Ask how far the layout is, until it is there; it is shown as soon as it is, unless somebody has chosen another view. */
async function lookForLayout() {
  if (map.layout.ready || map.layout.why) return;
  try {
    map.layout = await call("/api/map/layout");
  } catch (error) {
    map.layout = { ready: false, done: 0, why: error.message };
  }
  const option = $("map-axes").querySelector(`option[value="${LAYOUT}"]`);
  option.disabled = !map.layout.ready;
  say("map-layout", layoutWords());
  if (map.layout.ready) {
    if (!map.picked) {
      $("map-axes").value = LAYOUT;
      await pick(LAYOUT);
    }
  } else if (!map.layout.why) asking = setTimeout(lookForLayout, ASK_AGAIN);
}

function layoutWords() {
  const { ready, done, why } = map.layout;
  if (ready) return "";
  return why
    ? `There is no layout of neighbours: ${why}`
    : `The layout of neighbours is being computed: ${percent(done)}.`;
}

/** Where the names of clusters stand. */
function nameClusters() {
  if (!map.codes || map.plot.n !== map.codes.length) return;
  const spots = denseSpots(map.plot.xy, map.codes, map.certainty, map.ids.length);
  const known = new Map(clusters().map((c) => [c.id, c]));
  map.plot.names = map.ids
    .map((id, code) => ({ cluster: known.get(id), at: spots[code], code }))
    .filter(({ cluster, at, code }) => cluster && at && (map.only < 0 || map.only === code))
    .sort((a, b) => b.cluster.rows - a.cluster.rows)
    .map(({ cluster, at }) => ({ text: short(cluster.text, LONGEST), at }));
  map.plot.mark();
}

/** Colours follow the posterior: asked for only when there is a new one, and sent only then. */
async function follow() {
  try {
    const body = await bytes(`/api/map?since=${map.seq}`);
    if (!body) return;
    const length = new DataView(body).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length)));
    const n = (body.byteLength - 4 - length) / 4;
    map.seq = header.seq;
    map.ids = header.clusters;
    map.codes = new Uint16Array(body, 4 + length, n);
    map.certainty = new Uint8Array(body, 4 + length + 2 * n, n);
    map.kinds = new Uint8Array(body, 4 + length + 3 * n, n);
    map.items.clear();
    show();
  } catch (error) {
    toast(error.message);
  }
}

function colour() {
  if (!map.codes || !map.plot.n) return;
  const probe = $("map-rings"); // the variables hold a light and a dark value: a property resolves them
  const of = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  Object.assign(map.plot, { accent: of("--accent"), wash: of("--lasso") });
  map.plot.look({
    codes: map.codes,
    certainty: map.certainty,
    kinds: map.kinds,
    only: map.only,
    colours: map.ids.map((id) => keys.colour(id)),
    grey: of("--soft"),
    paper: of("--stage"),
    line: of("--ink"),
  });
}

/** The colours, the list of clusters, and what is picked. */
function show() {
  colour();
  nameClusters();
  const known = new Set(clusters().map((c) => c.id));
  $("map-legend").replaceChildren(
    ...map.ids.map((id, code) => legend(id, code)).filter((_, code) => known.has(map.ids[code])),
  );
  showPicked();
}

function legend(id, code) {
  const cluster = clusters().find((c) => c.id === id) ?? { text: id, rows: 0 };
  return h(
    "button",
    {
      type: "button",
      "aria-pressed": map.only === code,
      title: "Show this cluster alone",
      onclick: () => {
        map.only = map.only === code ? -1 : code;
        show();
        $("map-legend").children[code]?.focus();
      },
    },
    h("i", { class: "swatch", colour: keys.colour(id) }),
    h("span", { class: "name", textContent: cluster.text }),
    h("small", { textContent: cluster.rows.toLocaleString("en") }),
  );
}

// ------------------------------------------------------------------ one row

const guess = (row) => {
  const kind = map.kinds?.[row],
    id = map.ids[map.codes?.[row]];
  const name = clusters().find((c) => c.id === id)?.text;
  if (kind === ANSWERED) return `answered: ${short(name ?? "?", 40)}`;
  const words =
    name === undefined ? "no cluster yet" : `likely ${short(name, 40)}, ${percent(map.certainty[row] / 255)}`;
  return kind === ASIDE ? `set aside; ${words}` : words;
};

async function question(row) {
  if (!map.items.has(row)) {
    if (map.items.size > 200) map.items.delete(map.items.keys().next().value);
    map.items.set(
      row,
      call(`/api/rows/${row}`).then((reply) => reply.query),
    );
  }
  try {
    return await map.items.get(row);
  } catch (error) {
    map.items.delete(row);
    throw error;
  }
}

/** Questions of several rows, those that are not here yet by one request. */
async function questions(rows) {
  const missing = rows.filter((row) => !map.items.has(row));
  if (missing.length) {
    const reply = call(`/api/rows?of=${missing.join(",")}`);
    for (const row of missing)
      map.items.set(
        row,
        reply.then(({ queries }) => queries.find((q) => q.row === row)),
      );
  }
  try {
    return await Promise.all(rows.map((row) => map.items.get(row)));
  } catch (error) {
    for (const row of missing) map.items.delete(row);
    throw error;
  }
}

// ------------------------------------------------------------------ finding

/** Pick the rows that a text means, and bring them into sight; a cluster's name shows that cluster alone. */
async function find(text) {
  const name = text.trim().toLowerCase();
  if (!name) return;
  const code = map.ids.findIndex(
    (id) =>
      clusters()
        .find((c) => c.id === id)
        ?.text.toLowerCase() === name,
  );
  try {
    const { rows, most } = await call(`/api/map/find?q=${encodeURIComponent(text)}`);
    if (code >= 0) map.only = code;
    if (rows.length || code < 0) select(rows);
    if (code >= 0) show();
    const members = code < 0 ? [] : [...map.codes.keys()].filter((row) => map.codes[row] === code);
    if (rows.length || members.length) map.plot.zoomTo(rows.length ? rows : members);
    const found = `${count(rows.length, "row")}${rows.length === most ? " or more" : ""} with “${short(text, 40)}”`;
    say("map-found", code < 0 ? found : `The cluster ${text.trim()} alone. ${rows.length ? found : ""}`);
  } catch (error) {
    toast(error.message);
  }
}

let carding = null;

/** The row's card beside its point. */
function card(row, touched = false) {
  clearTimeout(carding);
  const box = $("map-card");
  if (map.plot.hover !== row) {
    map.plot.hover = row;
    map.plot.mark();
  }
  if (row < 0) {
    box.hidden = true;
    return;
  }
  carding = setTimeout(
    async () => {
      try {
        const query = await question(row);
        if (map.plot.hover !== row) return;
        box.replaceChildren(
          itemView(query.item, "card"),
          h("p", {}, h("b", { textContent: short(query.item.title, 60) }), h("br"), guess(row)),
          ...(touched
            ? [
                h("button", {
                  type: "button",
                  class: "primary",
                  textContent: "Answer this row",
                  onclick: () => askAboutRow(row),
                }),
              ]
            : []),
        );
        box.hidden = false;
        box.classList.toggle("touched", touched);
        const x = map.plot.x(row),
          y = map.plot.y(row),
          { width, height } = map.plot;
        box.style.left = `${Math.max(4, x + 18 + box.offsetWidth < width ? x + 18 : x - 18 - box.offsetWidth)}px`;
        box.style.top = `${Math.max(4, Math.min(height - box.offsetHeight - 4, y - box.offsetHeight / 2))}px`;
      } catch (error) {
        toast(error.message);
      }
    },
    touched ? 0 : 40,
  );
}

/** Where the keyboard is: shown, and said to a screen reader. */
function cursor(row) {
  if (row < 0) return;
  map.cursor = row;
  map.plot.reveal(row);
  card(row);
  say("map-said", `Row ${row}, ${guess(row)}${map.plot.selected.has(row) ? ", selected" : ""}`);
}

// ------------------------------------------------------------------ many rows

function select(rows, added = false) {
  if (!added) {
    map.plot.selected = new Set();
    map.out.clear();
  }
  map.from = 0;
  for (const row of rows) map.plot.selected.add(row);
  showSelection();
}

/** Rows of the selection that an answer would go to, the least certain first; answered ones only where they are wanted. */
const wanted = () =>
  [...map.plot.selected]
    .filter((row) => map.withAnswered || map.kinds?.[row] !== ANSWERED)
    .sort((a, b) => (map.certainty?.[a] ?? 0) - (map.certainty?.[b] ?? 0) || a - b);

let sampling = 0;

function showSelection() {
  colour(); // the others turn pale
  showPicked();
}

function showPicked() {
  const all = map.plot.selected.size,
    rows = wanted(),
    answered = [...map.plot.selected].filter((row) => map.kinds?.[row] === ANSWERED).length;
  const box = $("map-selection");
  box.hidden = all === 0;
  const words =
    rows.length > MOST
      ? `${rows.length.toLocaleString("en")} rows: at most ${MOST.toLocaleString("en")} at once, draw a smaller lasso`
      : `${count(rows.length, "row")} selected`;
  say("map-picked", all ? words : "");
  $("map-with-answered").parentElement.hidden = !answered;
  say("map-answered-count", `Also change ${count(answered, "answered row")}`);
  const can = rows.length > 0 && rows.length <= MOST;
  for (const field of box.querySelectorAll("#map-name-form input, #map-name-form button"))
    field.disabled = !can;
  const ranked = likely(rows);
  $("map-clusters").replaceChildren(
    ...ranked.map((c) =>
      h(
        "button",
        { type: "button", disabled: !can, onclick: () => label({ cluster: c.id }, c.text) },
        h("i", { class: "swatch", colour: keys.colour(c.id) }),
        h("span", { class: "name", textContent: c.text }),
      ),
    ),
  );
  return fetchSamples(rows, ranked[0]?.id);
}

/** The page of the selection that is looked at. */
async function fetchSamples(rows, cluster) {
  const turn = ++sampling;
  map.from = Math.max(0, Math.min(map.from, SAMPLES * Math.floor((rows.length - 1) / SAMPLES)));
  try {
    map.samples = await questions(rows.slice(map.from, map.from + SAMPLES));
    if (turn === sampling) drawSamples(rows, cluster);
  } catch (error) {
    toast(error.message);
  }
}

function drawSamples(rows, cluster) {
  const last = Math.min(map.from + SAMPLES, rows.length);
  const turn = (text, from) =>
    h("button", {
      type: "button",
      textContent: text,
      disabled: from < 0 || from >= rows.length,
      onclick: async () => {
        map.from = from;
        await fetchSamples(rows, cluster);
        $("map-shown").focus();
      },
    });
  $("map-samples").replaceChildren(
    ...map.samples.map((q) =>
      pickTile(q, {
        cluster,
        out: map.out,
        leave: "leave out",
        redraw: () => drawSamples(rows, cluster),
      }),
    ),
  );
  const [left, others] = outside(rows);
  $("map-pages").replaceChildren(
    h("span", {
      id: "map-shown",
      class: "hint",
      tabIndex: -1,
      textContent: rows.length
        ? `${(map.from + 1).toLocaleString("en")} to ${last.toLocaleString("en")}, uncertain first. ` +
          (left + others
            ? [left ? `${left} left out` : "", others ? `${others} as something else` : ""]
                .filter(Boolean)
                .join(", ")
            : "Click the rows that do not belong.")
        : "",
    }),
    ...(rows.length > SAMPLES
      ? [turn("Previous", map.from - SAMPLES), turn("Next", map.from + SAMPLES)]
      : []),
  );
}

/** How many of the rows are left out, and how many are something else. */
function outside(rows) {
  const to = rows.filter((row) => map.out.has(row)).map((row) => map.out.get(row));
  const left = to.filter((id) => id === LEAVE).length;
  return [left, to.length - left];
}

/** Clusters, those that most of the rows look like first. */
function likely(rows) {
  const among = new Map();
  for (const row of rows) {
    const id = map.ids[map.codes?.[row]];
    among.set(id, (among.get(id) ?? 0) + 1);
  }
  return clusters()
    .map((c, i) => [among.get(c.id) ?? 0, -i, c])
    .sort((a, b) => b[0] - a[0] || b[1] - a[1])
    .map(([, , c]) => c);
}

/** The answer for all rows that are picked, but for those that are something else. */
function label(given, name) {
  const rows = wanted();
  if (!rows.length || rows.length > MOST) return;
  const groups = byLabel(rows, "them", map.out);
  groups.delete(LEAVE);
  for (const [id, some] of groups) {
    labelMany(some, id === "them" ? given : { cluster: id }, "lasso");
    const code = map.ids.findIndex((other) =>
      id === "them" ? clusters().find((c) => c.id === other)?.text === name : other === id,
    );
    for (const row of some) {
      // at once; the next posterior says the same
      map.kinds[row] = ANSWERED;
      if (code >= 0) {
        map.codes[row] = code;
        map.certainty[row] = 255;
      }
    }
  }
  select([]);
  $("map-points").focus({ preventScroll: true });
}

// ------------------------------------------------------------------ pointer and keys

const pointers = new Map();
let gesture = null; // {kind: "pan" | "lasso" | "pinch", ...}
let resting = null;
let looking = null;

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

// ------------------------------------------------------------------ the view

function build() {
  const axes = Object.entries(AXES).flatMap(([name, text]) =>
    Array.from({ length: PAIRS }, (_, i) => ({
      value: `${name}/${i}`,
      textContent: `${text}, axes ${2 * i + 1} and ${2 * i + 2}`,
    })),
  );
  const views = [{ value: LAYOUT, textContent: "Neighbours", disabled: true }, ...axes];
  const tool = (name, text) =>
    h("button", { type: "button", "data-tool": name, textContent: text, onclick: () => pickTool(name) });
  const step = (name, text, run) =>
    h("button", {
      type: "button",
      class: "square",
      "aria-label": name,
      title: name,
      textContent: text,
      onclick: run,
    });
  $("view-map").replaceChildren(
    h(
      "div",
      { class: "panel-head" },
      h("h2", { textContent: "All rows" }),
      h(
        "label",
        { class: "inline" },
        "View ",
        h(
          "select",
          {
            id: "map-axes",
            onchange: (event) => {
              map.picked = true;
              pick(event.target.value);
            },
          },
          views.map((v) => h("option", v)),
        ),
      ),
      h(
        "div",
        { class: "tool-group", role: "group", "aria-label": "Dragging" },
        tool("move", "Move"),
        tool("lasso", "Lasso"),
      ),
      h(
        "div",
        { class: "tool-group", role: "group", "aria-label": "Zoom" },
        step("Zoom in", "+", () => map.plot.zoom(1.5)),
        step("Zoom out", "−", () => map.plot.zoom(1 / 1.5)),
        step("Show all", "⤢", () => map.plot.fit()),
      ),
      h(
        "form",
        {
          class: "map-find",
          role: "search",
          onsubmit: (event) => {
            event.preventDefault();
            find($("map-text").value);
          },
        },
        h("input", {
          id: "map-text",
          type: "search",
          maxLength: 200,
          placeholder: "Words, id, row or cluster",
          "aria-label": "Find rows by words, id, row number or cluster",
          spellcheck: false,
        }),
        h("button", { type: "submit", textContent: "Find" }),
      ),
      h("p", { id: "map-found", class: "hint", role: "status" }),
      h("p", { id: "map-layout", class: "hint" }),
    ),
    h(
      "div",
      { class: "map" },
      h(
        "div",
        { class: "panel map-box", id: "map-box" },
        h("canvas", {
          id: "map-points",
          tabIndex: 0,
          role: "application",
          "aria-label": "Map of all rows",
          "aria-describedby": "map-help",
        }),
        h("div", { id: "map-near", class: "near", "aria-hidden": "true" }),
        h("canvas", { id: "map-rings", "aria-hidden": "true" }),
        h("div", { id: "map-card", class: "panel map-card", hidden: true }),
      ),
      h(
        "aside",
        { class: "map-side", "aria-label": "Selection" },
        h(
          "section",
          { id: "map-selection", class: "panel pad", hidden: true },
          h("h3", { id: "map-picked", "aria-live": "polite" }),
          h("div", { class: "grid-tiles", id: "map-samples" }),
          h("div", { class: "row-start", id: "map-pages" }),
          h(
            "label",
            { class: "check", hidden: true },
            h("input", {
              type: "checkbox",
              id: "map-with-answered",
              onchange: (event) => {
                map.withAnswered = event.target.checked;
                showSelection();
              },
            }),
            h("span", { id: "map-answered-count" }),
          ),
          h("p", { class: "small-caps", textContent: "Label them all as …" }),
          h("div", { class: "others", id: "map-clusters" }),
          h(
            "form",
            {
              id: "map-name-form",
              class: "name-form",
              onsubmit: (event) => {
                event.preventDefault();
                const name = $("map-name").value.trim();
                if (name) {
                  $("map-name").value = "";
                  label({ name }, name);
                }
              },
            },
            h("input", {
              id: "map-name",
              maxLength: 200,
              placeholder: "New or other cluster",
              "aria-label": "New or other cluster",
              list: "cluster-names",
              spellcheck: false,
            }),
            h("button", { type: "submit", class: "primary", textContent: "Label" }),
          ),
          h("button", { type: "button", textContent: "Clear selection", onclick: () => select([]) }),
        ),
        h(
          "section",
          { class: "panel pad" },
          h("h3", { textContent: "Clusters" }),
          h("div", { id: "map-legend", class: "legend-list" }),
          h("p", {
            class: "hint",
            textContent: "Pale points are uncertain. Points with a ring have been answered.",
          }),
        ),
        h(
          "section",
          { class: "panel pad", id: "map-help" },
          h("p", {
            class: "hint",
            textContent:
              "Drag to move, scroll to zoom, click a row to answer it. With Lasso, or with Shift held, draw around rows to label them together.",
          }),
          h("p", {
            class: "hint keys-hint",
            textContent:
              "By keyboard: arrows go from row to row (with Shift they move the map), Enter answers the row, Space selects it, + − 0 zoom, Escape clears the selection.",
          }),
          h(
            "form",
            {
              class: "name-form",
              onsubmit: (event) => {
                event.preventDefault();
                if (map.cursor < 0) cursor(begin());
                select(
                  map.plot.around(
                    map.cursor,
                    Math.max(1, Math.min(MOST, Number($("map-count").value) || 1)),
                    (row) => map.kinds?.[row] !== ANSWERED,
                  ),
                );
              },
            },
            h(
              "label",
              { class: "inline" },
              "Nearest ",
              h("input", { id: "map-count", type: "number", min: 1, max: MOST, value: 24 }),
              " rows",
            ),
            h("button", { type: "submit", textContent: "Select" }),
          ),
        ),
      ),
      h("p", { id: "map-said", class: "visually-hidden", role: "status" }),
    ),
  );
  map.plot = new Plot($("map-points"), $("map-rings"));
  map.near = new NearRows($("map-near"), map.plot, questions);
  map.plot.ondraw = () => {
    map.near.follow();
    clearTimeout(looking);
    looking = setTimeout(() => map.near.look().catch((error) => toast(error.message)), 200);
  };
  const canvas = $("map-points");
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
  canvas.addEventListener("blur", () => {
    if (!$("map-card").matches(":hover, .touched")) card(-1);
  });
  new ResizeObserver(() => {
    const { width, height } = $("map-box").getBoundingClientRect();
    if (width) map.plot.resize(width - 2, height - 2, devicePixelRatio || 1);
  }).observe($("map-box"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", colour);
  new MutationObserver(colour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  pickTool("move");
}

function pickTool(name) {
  map.tool = name;
  for (const button of document.querySelectorAll("[data-tool]"))
    button.setAttribute("aria-pressed", button.dataset.tool === name);
  $("map-box").classList.toggle("drawing", name === "lasso");
}

async function pick(name) {
  map.shown = name;
  try {
    await place(name);
    show();
  } catch (error) {
    toast(error.message);
  }
}

views.map = {
  async open() {
    if (!map.plot) build();
    map.plot.current = page.current?.row ?? -1;
    listeners.add(follow);
    await lookForLayout();
    if (!map.shown) await pick($("map-axes").value);
    await follow();
    show();
  },
  close() {
    listeners.delete(follow);
    clearTimeout(asking);
    card(-1);
  },
};
