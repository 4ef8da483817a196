// Many rows that look alike, answered at once; those that are something else are clicked, and may get another label.

import { $, count, h, percent, short, toast } from "./dom.js";
import { isCut, tileView } from "./items.js";
import { call } from "./server.js";
import { clusters, page } from "./state.js";
import { labelMany } from "./answer.js";
import { views, wholeButton } from "./views.js";

const GRID = 24;
const LEAVE = ""; // ask about the row on its own
const grid = { rows: [], out: new Map(), cluster: null }; // out: row -> cluster id, or LEAVE

views.grid = {
  open() {
    drawGrid();
  },
  close() {
    giveBack();
    grid.rows = [];
    grid.out.clear();
  },
};

function giveBack() {
  const rows = grid.rows.map((q) => q.row);
  if (rows.length) call("/api/put-back", { rows }).catch(() => {}); // the lease runs out by itself too
}

const chosen = () => clusters().find((c) => c.id === grid.cluster);

function drawGrid() {
  const cluster = chosen();
  $("view-grid").replaceChildren(
    h(
      "div",
      { class: "panel-head" },
      h("h2", {
        textContent:
          cluster && grid.rows.length
            ? `These ${grid.rows.length} look like ${short(cluster.text, 40)}`
            : "Many rows that look alike",
      }),
      chooser(),
      grid.rows.length ? takeButton() : null,
    ),
    h("p", { class: "hint", textContent: hint(cluster) }),
    h("div", { class: "grid-tiles" }, grid.rows.map(gridTile)),
  );
}

function chooser() {
  const open = page.state.clusters.filter((c) => c.rows > c.answers);
  const choice = h(
    "select",
    { id: "grid-cluster", "aria-label": "Cluster" },
    h("option", { value: "", textContent: "Choose a cluster …" }),
    open.map((c) =>
      h("option", {
        value: c.id,
        textContent: `${short(c.text, 40)} (${(c.rows - c.answers).toLocaleString("en")} more look like it)`,
        selected: c.id === grid.cluster,
      }),
    ),
  );
  choice.addEventListener("change", () => {
    grid.cluster = choice.value;
    fetchGrid();
  });
  return choice;
}

function takeButton() {
  const left = [...grid.out.values()].filter((to) => to === LEAVE).length;
  const others = grid.out.size - left;
  const parts = [
    `Take ${grid.rows.length - grid.out.size}`,
    others ? `${others} as something else` : "",
    left ? `leave ${left}` : "",
  ];
  return h("button", {
    type: "button",
    class: "primary",
    id: "grid-take",
    disabled: grid.rows.length === left,
    onclick: takeGrid,
    textContent: parts.filter(Boolean).join(", "),
  });
}

function hint(cluster) {
  if (grid.rows.length) return "Click those that are something else; all others get the label.";
  if (cluster) return "No open row looks like it.";
  return page.state.clusters.length
    ? "Choose a cluster to see the open rows that look most like it."
    : "Name some rows first: this view shows many that look like them.";
}

function gridTile(q) {
  const out = grid.out.has(q.row);
  const share = q.suggestions.find((s) => s.id === grid.cluster)?.p;
  return h(
    "div",
    { class: out ? "grid-tile out" : "grid-tile", "data-row": q.row },
    h(
      "button",
      {
        type: "button",
        class: `grid-pick ${q.item.kind}`,
        "aria-pressed": out,
        title: "Something else",
        onclick: () => {
          if (!grid.out.delete(q.row)) grid.out.set(q.row, LEAVE);
          drawGrid();
          document.querySelector(`#view-grid [data-row="${q.row}"] .grid-pick`)?.focus();
        },
      },
      tileView(q.item),
      h("span", { class: "tile-note", textContent: share === undefined ? "" : percent(share) }),
      h("span", { class: "visually-hidden", textContent: ` ${q.item.title}: something else` }),
    ),
    isCut(q.item) ? wholeButton(q.item) : null,
    out ? elsewhere(q) : null,
  );
}

/** What a wrong tile is instead. */
function elsewhere(q) {
  const others = clusters().filter((c) => c.id !== grid.cluster);
  const choice = h(
    "select",
    { "aria-label": `What ${q.item.title} is instead` },
    h("option", { value: LEAVE, textContent: "ask later" }),
    others.map((c) =>
      h("option", { value: c.id, textContent: short(c.text, 40), selected: grid.out.get(q.row) === c.id }),
    ),
  );
  choice.addEventListener("change", () => {
    grid.out.set(q.row, choice.value);
    drawGrid();
    document.querySelector(`#view-grid [data-row="${q.row}"] select`)?.focus();
  });
  return choice;
}

async function fetchGrid() {
  giveBack();
  grid.rows = [];
  grid.out.clear();
  if (grid.cluster)
    try {
      const { queries } = await call("/api/alike", { cluster: grid.cluster, n: GRID });
      grid.rows = queries.filter((q) => !page.gone.has(q.row));
    } catch (error) {
      toast(error.message);
    }
  drawGrid();
}

function takeGrid() {
  const groups = new Map();
  for (const { row } of grid.rows) {
    const to = grid.out.get(row) ?? grid.cluster;
    groups.set(to, [...(groups.get(to) ?? []), row]);
  }
  const later = grid.rows.filter((q) => grid.out.get(q.row) === LEAVE);
  groups.delete(LEAVE);
  for (const [cluster, rows] of groups) labelMany(rows, { cluster }, "grid");
  page.ahead.unshift(...later.map((q) => ({ ...q, own: true }))); // these are asked about one by one
  if (later.length) toast(`${count(later.length, "row is", "rows are")} asked about next.`);
  grid.rows = [];
  grid.out.clear();
  drawGrid();
  setTimeout(fetchGrid, 400);
}
