// How the clusters settle, and answers that the others contradict.

import { $, h, percent, svg, toast } from "./dom.js";
import { call } from "./server.js";
import { askAboutRow } from "./answer.js";
import { panel, tile } from "./views.js";

const CURVES = {
  expected_accuracy: ["expected accuracy, the model's own estimate", "#0072b2"],
  agreement: ["agreement with the previous round", "#e69f00"],
  accuracy: ["accuracy", "#009e73"],
  v_measure: ["V-measure, against the known labels", "#cc79a7"],
};

panel("progress", async (place, put) => {
  const { names, points, converged } = await call("/api/curves");
  const old = place.querySelector("#suspects");
  put(
    h(
      "section",
      { class: "panel pad" },
      h("h2", { textContent: "How the clusters converge" }),
      names.length && points.length > 1
        ? chart(names, points, Math.max(260, Math.min(900, place.clientWidth - 40)))
        : h("p", {
            class: "hint",
            textContent: "There are no curves yet. They begin with the next answers.",
          }),
      h("p", {
        class: "hint",
        textContent: converged
          ? "The last answers did not change the clusters: you may stop."
          : "When agreement stays near 100 %, further answers hardly change the clusters. Expected accuracy and agreement are the model's own view: they can be high although the clusters are wrong. A check under Result measures the accuracy.",
      }),
    ),
    h(
      "section",
      { class: "panel pad" },
      h("h2", { textContent: "Suspect answers" }),
      h("p", {
        class: "hint",
        textContent: "Answers that contradict the other answers. Each may be a slip, or a rare row.",
      }),
      old ??
        h(
          "div",
          { id: "suspects" },
          h("button", { type: "button", textContent: "Find suspect answers", onclick: findSuspects }),
        ),
    ),
  );
});

async function findSuspects() {
  const box = $("suspects");
  box.replaceChildren(h("p", { class: "hint", textContent: "Searching …" }));
  try {
    const { suspects } = await call("/api/suspects");
    box.replaceChildren(
      h("button", { type: "button", textContent: "Find again", onclick: findSuspects }),
      suspects.length
        ? h(
            "ol",
            { class: "log" },
            suspects.map((s) =>
              h(
                "li",
                { class: "panel" },
                tile(s.row, s.item),
                h(
                  "span",
                  { class: "log-text" },
                  h("b", { textContent: s.cluster.text }),
                  h("small", {
                    textContent: `row ${s.row} · by the other answers another cluster, ${percent(s.score)}`,
                  }),
                ),
                h("button", { type: "button", textContent: "Change", onclick: () => askAboutRow(s.row) }),
              ),
            ),
          )
        : h("p", { class: "hint", textContent: "None: every answer fits the other answers." }),
    );
  } catch (error) {
    box.replaceChildren(
      h("button", { type: "button", textContent: "Find suspect answers", onclick: findSuspects }),
    );
    toast(error.message);
  }
}

function chart(names, points, width) {
  const height = width < 500 ? 220 : 320,
    left = 58,
    bottom = 34,
    top = 10,
    right = 12;
  const last = Math.max(1, points.at(-1)[0]);
  const x = (budget) => left + ((width - left - right) * budget) / last,
    y = (value) => top + (height - top - bottom) * (1 - Math.max(0, Math.min(1, value)));
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    class: "chart",
    "aria-label": names
      .map((n) => `${CURVES[n][0]} ${percent(points.at(-1)[1 + names.indexOf(n)] ?? 0)}`)
      .join(", "),
  });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    drawing.append(
      svg("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), class: "grid-line" }),
      svg("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`),
    );
  }
  const step =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((s) => (last / s) * 60 <= width - left) ??
    10000;
  for (let b = 0; b <= last; b += step)
    drawing.append(svg("text", { x: x(b), y: height - 12, "text-anchor": "middle" }, String(b)));
  names.forEach((name, i) => {
    const known = points.filter((p) => p[i + 1] !== null);
    drawing.append(
      svg("polyline", {
        points: known.map((p) => `${x(p[0]).toFixed(1)},${y(p[i + 1]).toFixed(1)}`).join(" "),
        class: "curve",
        stroke: CURVES[name][1],
      }),
    );
  });
  return h(
    "figure",
    {},
    drawing,
    h(
      "figcaption",
      { class: "legend" },
      names.map((n) => h("span", {}, h("i", { class: "swatch", colour: CURVES[n][1] }), ` ${CURVES[n][0]}`)),
      h("span", { class: "hint", textContent: "against the number of answers" }),
    ),
  );
}
