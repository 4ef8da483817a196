// Many rows: the selection, its samples, and one answer for all of it.

import { $, count, h, say, toast } from "./dom.js";
import { byLabel, LEAVE, pickTile } from "./pick.js";
import { clusters, keys } from "./state.js";
import { labelMany } from "./answer.js";
import { ANSWERED } from "./scatterplot.js";
import { map } from "./map-state.js";
import { colour } from "./map-colours.js";
import { questions } from "./map-rows.js";

export const MOST = 5000; // rows that are labelled at once
const SAMPLES = 12; // rows of a selection that are shown at once

export function select(rows, added = false) {
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

export function showSelection() {
  colour(); // the others turn pale
  showPicked();
}

export function showPicked() {
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
export function label(given, name) {
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
