// Many rows that look alike, answered at once; those that are something else are clicked, and may get another label.

import { $, count, h, short, toast } from "./dom.js";
import { byLabel, LEAVE, pickTile } from "./pick.js";
import { call } from "./server.js";
import { clusters, page } from "./state.js";
import { labelMany } from "./answer.js";
import { views } from "./views.js";

const GRID = 24;
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
            : "Many similar rows",
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
        textContent: `${short(c.text, 40)} (${(c.rows - c.answers).toLocaleString("en")} more like it)`,
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
    `Label ${grid.rows.length - grid.out.size}`,
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
  if (grid.rows.length) return "Click the rows that are something else. All others get this label.";
  if (cluster)
    return page.state.budget == null
      ? "No unanswered row looks like it."
      : "No unanswered row looks like it, or the budget leaves none.";
  return page.state.clusters.length
    ? "Choose a cluster to see the unanswered rows most similar to it."
    : "Answer a few rows first. This view then shows many similar rows at once.";
}

const gridTile = (q) =>
  pickTile(q, { cluster: grid.cluster, out: grid.out, leave: "ask later", redraw: drawGrid });

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
  const rows = grid.rows.map((q) => q.row);
  const groups = byLabel(rows, grid.cluster, grid.out);
  const later = grid.rows.filter((q) => grid.out.get(q.row) === LEAVE);
  groups.delete(LEAVE);
  for (const [cluster, some] of groups) labelMany(some, { cluster }, "grid");
  page.ahead.unshift(...later.map((q) => ({ ...q, own: true }))); // these are asked about one by one
  if (later.length) toast(`${count(later.length, "row is", "rows are")} asked about next.`);
  grid.rows = [];
  grid.out.clear();
  drawGrid();
  setTimeout(fetchGrid, 400);
}
