// A tile of rows that get one label together: a click takes it out, and what it is instead can be said in place.

import { h, percent, short } from "./dom.js";
import { isCut, tileView } from "./items.js";
import { clusters } from "./state.js";
import { wholeButton } from "./views.js";

export const LEAVE = ""; // the row gets no label with the others

/**
 * One row among those that get the label `cluster`; `out` says what others are instead (row -> cluster id, or LEAVE).
 * `redraw` is called once the person has changed that.
 */
export function pickTile(q, { cluster, out, leave, redraw }) {
  const isOut = out.has(q.row);
  const share = q.suggestions.find((s) => s.id === cluster)?.p;
  return h(
    "div",
    { class: isOut ? "grid-tile out" : "grid-tile", "data-row": q.row },
    h(
      "button",
      {
        type: "button",
        class: `grid-pick ${q.item.kind}`,
        "aria-pressed": isOut,
        title: "Something else",
        onclick: () => {
          if (!out.delete(q.row)) out.set(q.row, LEAVE);
          redraw();
          focusOn(q.row, ".grid-pick");
        },
      },
      tileView(q.item),
      h("span", { class: "tile-note", textContent: share === undefined ? "" : percent(share) }),
      h("span", { class: "visually-hidden", textContent: ` ${q.item.title}: something else` }),
    ),
    isCut(q.item) ? wholeButton(q.item) : null,
    isOut ? elsewhere(q, { cluster, out, leave, redraw }) : null,
  );
}

/** What a wrong tile is instead. */
function elsewhere(q, { cluster, out, leave, redraw }) {
  const choice = h(
    "select",
    { "aria-label": `What ${q.item.title} is instead` },
    h("option", { value: LEAVE, textContent: leave }),
    clusters()
      .filter((c) => c.id !== cluster)
      .map((c) =>
        h("option", { value: c.id, textContent: short(c.text, 40), selected: out.get(q.row) === c.id }),
      ),
  );
  choice.addEventListener("change", () => {
    out.set(q.row, choice.value);
    redraw();
    focusOn(q.row, "select");
  });
  return choice;
}

const focusOn = (row, what) =>
  document.querySelector(`.view:not([hidden]) [data-row="${row}"] ${what}`)?.focus();

/** Rows by the label they get: those that are not out get `cluster`; those that are left come under LEAVE. */
export function byLabel(rows, cluster, out) {
  const groups = new Map();
  for (const row of rows) {
    const to = out.get(row) ?? cluster;
    groups.set(to, [...(groups.get(to) ?? []), row]);
  }
  return groups;
}
