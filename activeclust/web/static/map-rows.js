// Single rows on the map: what is known of them, and the card beside a row's point.

import { $, h, percent, say, short, toast } from "./dom.js";
import { itemView } from "./items.js";
import { call } from "./server.js";
import { clusters } from "./state.js";
import { askAboutRow } from "./answer.js";
import { ANSWERED, ASIDE } from "./scatterplot.js";
import { map } from "./map-state.js";

export const guess = (row) => {
  const kind = map.kinds?.[row],
    id = map.ids[map.codes?.[row]];
  const name = clusters().find((c) => c.id === id)?.text;
  if (kind === ANSWERED) return `answered: ${short(name ?? "?", 40)}`;
  const words =
    name === undefined ? "no cluster yet" : `likely ${short(name, 40)}, ${percent(map.certainty[row] / 255)}`;
  return kind === ASIDE ? `set aside; ${words}` : words;
};

export async function question(row) {
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
export async function questions(rows) {
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

let carding = null;

/** The row's card beside its point. */
export function card(row, touched = false) {
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
export function cursor(row) {
  if (row < 0) return;
  map.cursor = row;
  map.plot.reveal(row);
  card(row);
  say("map-said", `Row ${row}, ${guess(row)}${map.plot.selected.has(row) ? ", selected" : ""}`);
}
