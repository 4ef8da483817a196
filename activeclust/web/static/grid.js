// Many rows that look alike, answered at once but for those that are clicked.

import { $, h, itemView, short, toast } from "./dom.js";
import { call } from "./server.js";
import { clusters, page } from "./state.js";
import { labelMany, views } from "./page.js";

const GRID = 24;
const grid = { rows: [], out: new Set(), cluster: null };

views.grid = {
  open() {
    drawGrid();
  },
  close() {
    giveBack(grid.rows.map((q) => q.row));
    grid.rows = [];
  },
};

const giveBack = (rows) => {
  if (rows.length) call("/api/put-back", { who: page.who, rows }).catch(() => {});
}; // the lease runs out by itself too

function drawGrid() {
  const place = $("view-grid");
  const names = page.state.clusters.filter((c) => c.rows > c.answers);
  const chosen = clusters().find((c) => c.id === grid.cluster);
  const choice = h(
    "select",
    { id: "grid-cluster", "aria-label": "Cluster" },
    h("option", { value: "", textContent: "Choose a cluster …" }),
    names.map((c) =>
      h("option", {
        value: c.id,
        textContent: `${short(c.text, 40)} (${c.rows - c.answers} more look like it)`,
        selected: c.id === grid.cluster,
      }),
    ),
  );
  choice.addEventListener("change", () => {
    grid.cluster = choice.value;
    fetchGrid();
  });
  const taken = grid.rows.length - grid.out.size;
  place.replaceChildren(
    h(
      "div",
      { class: "panel-head" },
      h("h2", {
        textContent:
          chosen && grid.rows.length
            ? `These ${grid.rows.length} look like ${short(chosen.text, 40)}`
            : "Many rows that look alike",
      }),
      choice,
      grid.rows.length
        ? h("button", {
            type: "button",
            class: "primary",
            id: "grid-take",
            disabled: taken === 0,
            onclick: takeGrid,
            textContent: `Take ${taken}${grid.out.size ? `, leave ${grid.out.size}` : ""}`,
          })
        : null,
    ),
    h("p", {
      class: "hint",
      textContent: names.length
        ? grid.rows.length
          ? "Click those that are something else; all others get the label."
          : chosen
            ? "No open row looks like it."
            : "Choose a cluster to see the open rows that look most like it."
        : "Name some rows first: this view shows many that look like them.",
    }),
    h(
      "div",
      { class: "grid-tiles" },
      grid.rows.map((q) =>
        h(
          "button",
          {
            type: "button",
            class: "grid-tile",
            "aria-pressed": grid.out.has(q.row),
            "aria-label": `${q.item.title}: something else`,
            onclick: () => {
              if (!grid.out.delete(q.row)) grid.out.add(q.row);
              drawGrid();
              place.querySelector(`[data-row="${q.row}"]`)?.focus();
            },
            "data-row": q.row,
          },
          itemView(q.item, true),
        ),
      ),
    ),
  );
}

async function fetchGrid() {
  giveBack(grid.rows.map((q) => q.row));
  Object.assign(grid, { rows: [], out: new Set() });
  if (grid.cluster)
    try {
      grid.rows = (
        await call("/api/alike", { who: page.who, cluster: grid.cluster, n: GRID })
      ).queries.filter((q) => !page.gone.has(q.row));
    } catch (error) {
      toast(error.message);
    }
  drawGrid();
}

function takeGrid() {
  const rows = grid.rows.map((q) => q.row).filter((row) => !grid.out.has(row));
  labelMany(rows, { cluster: grid.cluster }, "grid");
  page.ahead.unshift(...grid.rows.filter((q) => grid.out.has(q.row))); // these are asked about one by one
  Object.assign(grid, { rows: [], out: new Set() });
  drawGrid();
  setTimeout(fetchGrid, 400);
}
