// The map of all rows: pan, zoom, look, ask, and label what a lasso holds. By keyboard too: the arrows go from row to
// row, Enter asks, Space picks. The keys act only while the map has the focus.

import { $, h, percent, say, toast } from "./dom.js";
import { bytes, call, RUN } from "./server.js";
import { page } from "./state.js";
import { listeners, views } from "./views.js";
import { NearRows } from "./overlay.js";
import { Plot } from "./scatterplot.js";
import { map } from "./map-state.js";
import { colour, nameClusters } from "./map-colours.js";
import { card, questions } from "./map-rows.js";
import { label, MOST, select, showSelection } from "./map-selection.js";
import { find, show } from "./map-find.js";
import { attend, selectNearest } from "./map-pointer.js";

export { map };

const LAYOUT = "layout/0"; // keeps neighbours together; PCA is shown until it has been made
const AXES = { pca: "PCA", diffusion: "Diffusion" };
const PAIRS = 3;
const ASK_AGAIN = 1500; // ms between looks at how far the layout is

async function place(name) {
  const points = new Uint16Array(await bytes(`/map/${name}?of=${RUN}`));
  if (map.shown !== name) return;
  map.near.hide();
  map.plot.place(points);
  nameClusters();
}

let asking = null;
let looking = null;

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
                selectNearest(Number($("map-count").value) || 1);
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
  attend(canvas);
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
