// The list of clusters beside the map, and finding rows on it.

import { $, count, h, say, short, toast } from "./dom.js";
import { call } from "./server.js";
import { clusters, keys } from "./state.js";
import { map } from "./map-state.js";
import { colour, nameClusters } from "./map-colours.js";
import { select, showPicked } from "./map-selection.js";

/** The colours, the list of clusters, and what is picked. */
export function show() {
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

/** Pick the rows that a text means, and bring them into sight; a cluster's name shows that cluster alone. */
export async function find(text) {
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
