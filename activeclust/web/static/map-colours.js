// The map's colours, and the names on it.

import { $, short } from "./dom.js";
import { clusters, keys } from "./state.js";
import { denseSpots } from "./overlay.js";
import { map } from "./map-state.js";

const LONGEST = 24; // letters of a name on the map

/** Where the names of clusters stand. */
export function nameClusters() {
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

export function colour() {
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
