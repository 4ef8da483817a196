// Views beside the question: clusters, past answers, progress.

import { $, h, percent, short, svg, toast } from "./dom.js";
import { call } from "./server.js";
import { keys, page } from "./state.js";
import { askAboutRow, catchUp, changed, panel, thumb, write } from "./page.js";

// clusters ------------------------------------------------------------

panel("clusters", async (place) => {
  if (place.contains(document.activeElement) && ["INPUT", "SELECT"].includes(document.activeElement.tagName))
    return; // somebody is typing
  const { clusters: all } = await call("/api/clusters");
  place.replaceChildren(
    h("h2", {
      textContent: all.length
        ? `${all.length} cluster${all.length > 1 ? "s" : ""}`
        : "No cluster has a name yet",
    }),
    h(
      "ul",
      { class: "cluster-list" },
      all.map((c) => clusterCard(c, all)),
    ),
  );
});

function clusterCard(cluster, all) {
  const rename = h("input", {
    value: cluster.text,
    maxLength: 200,
    "aria-label": `New name for ${cluster.text}`,
    spellcheck: false,
  });
  const into = h(
    "select",
    { "aria-label": `Merge ${cluster.text} into` },
    h("option", { value: "", textContent: "Merge into …" }),
    all
      .filter((c) => c.id !== cluster.id)
      .map((c) => h("option", { value: c.id, textContent: short(c.text, 40) })),
  );
  into.addEventListener("change", async () => {
    const target = all.find((c) => c.id === into.value);
    into.blur();
    try {
      await changed(
        await write("/api/merge", { cluster: cluster.id, into: target.id }),
        `Merged ${short(cluster.text)} into ${short(target.text)}.`,
      );
    } catch (error) {
      toast(error.message);
    }
  });
  return h(
    "li",
    { class: "panel cluster" },
    h(
      "form",
      {
        class: "cluster-head",
        onsubmit: async (event) => {
          event.preventDefault();
          const name = rename.value.trim();
          rename.blur();
          if (!name || name === cluster.text) return;
          try {
            const reply = await write("/api/rename", { cluster: cluster.id, name });
            keys.moved(cluster.id, reply.cluster.id);
            await changed(reply, `Renamed ${short(cluster.text)} to ${short(name)}.`);
          } catch (error) {
            toast(error.message);
            rename.value = cluster.text;
          }
        },
      },
      h("i", { class: "swatch", colour: keys.colour(cluster.id) }),
      rename,
      h("button", { type: "submit", textContent: "Rename" }),
      all.length > 1 ? into : null,
    ),
    h(
      "p",
      { class: "hint" },
      h("kbd", { textContent: keys.of(cluster.id) }),
      ` ${cluster.answers} answer${cluster.answers === 1 ? "" : "s"}, ${cluster.rows.toLocaleString("en")} rows look like it`,
    ),
    h(
      "div",
      { class: "tiles" },
      cluster.anchors.map((a) =>
        h("span", { class: "anchor" }, thumb(a.row, a.item, `Answered: row ${a.row}`)),
      ),
      cluster.examples.map((e) => thumb(e.row, e.item)),
    ),
  );
}

// past answers --------------------------------------------------------

const KINDS = { skip: "skipped", unsure: "unsure" };

panel("answers", async (place) => {
  const { lines, more } = await call("/api/answers");
  const list = h("ol", { class: "log" }, lines.map(logLine));
  const further = h("button", {
    type: "button",
    textContent: "Older answers",
    hidden: !more,
    onclick: async () => {
      try {
        const older = await call(`/api/answers?before=${list.lastElementChild.dataset.seq}`);
        list.append(...older.lines.map(logLine));
        further.hidden = !older.more;
      } catch (error) {
        toast(error.message);
      }
    },
  });
  place.replaceChildren(
    h(
      "div",
      { class: "panel-head" },
      h("h2", { textContent: lines.length ? "Past answers, the newest first" : "No answer yet" }),
      h("a", { class: "button", href: "/export/csv", download: "", textContent: "CSV" }),
      h("a", { class: "button", href: "/export/jsonl", download: "", textContent: "JSON lines" }),
      h("a", { class: "button", href: "/export/label-studio", download: "", textContent: "Label Studio" }),
    ),
    list,
    further,
  );
});

function logLine(line) {
  const at = new Date(line.at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const words = line.cluster ? line.cluster.text : (KINDS[line.kind] ?? line.says);
  const state = line.undone ? "taken back" : line.replaced ? "answered again since" : "";
  return h(
    "li",
    { class: line.undone || line.replaced ? "panel old" : "panel", "data-seq": line.seq },
    line.item ? thumb(line.row, line.item) : h("span", { class: "thumb", textContent: "⇄" }),
    h(
      "span",
      { class: "log-text" },
      h(
        "b",
        {},
        line.cluster ? h("i", { class: "swatch", colour: keys.colour(line.cluster.id) }) : null,
        ` ${short(words, 80)}`,
      ),
      h("small", {
        textContent: [line.row === undefined ? "" : `row ${line.row}`, line.who, at, state]
          .filter(Boolean)
          .join(" · "),
      }),
    ),
    line.item && !line.undone && !line.replaced
      ? h("button", { type: "button", textContent: "Change", onclick: () => askAboutRow(line.row) })
      : null,
    line.can_undo && !line.replaced
      ? h("button", {
          type: "button",
          textContent: "Take back",
          onclick: async () => {
            try {
              await write("/api/undo", { target: line.seq });
              page.gone.delete(line.row);
              page.done = page.done.filter((a) => a.seq !== line.seq);
              await catchUp();
            } catch (error) {
              toast(error.message);
            }
          },
        })
      : null,
  );
}

// progress ------------------------------------------------------------

const CURVES = {
  expected_accuracy: ["sure of", "#0072b2"],
  agreement: ["agreement with the round before", "#e69f00"],
  accuracy: ["accuracy", "#009e73"],
  v_measure: ["V-measure, by the known labels", "#cc79a7"],
};

panel("progress", async (place) => {
  const { names, points, converged } = await call("/api/curves");
  const old = place.querySelector("#suspects");
  place.replaceChildren(
    h(
      "section",
      { class: "panel pad" },
      h("h2", { textContent: "The partition against the answers" }),
      names.length && points.length > 1
        ? chart(names, points)
        : h("p", { class: "hint", textContent: "A curve begins with the second answer." }),
      h("p", {
        class: "hint",
        textContent: converged
          ? "The last answers no longer changed the partition: you may stop."
          : "When agreement stays near 100 %, further answers no longer change the partition. None of these but the known labels sees the truth: a model that is sure and wrong looks the same.",
      }),
    ),
    h(
      "section",
      { class: "panel pad" },
      h("h2", { textContent: "Answers to look at again" }),
      h("p", { class: "hint", textContent: "Answers that the others contradict." }),
      old ??
        h(
          "div",
          { id: "suspects" },
          h("button", { type: "button", textContent: "Look for them", onclick: findSuspects }),
        ),
    ),
  );
});

async function findSuspects() {
  const box = $("suspects");
  box.replaceChildren(h("p", { class: "hint", textContent: "Looking …" }));
  try {
    const { suspects } = await call("/api/suspects");
    box.replaceChildren(
      h("button", { type: "button", textContent: "Look again", onclick: findSuspects }),
      suspects.length
        ? h(
            "ol",
            { class: "log" },
            suspects.map((s) =>
              h(
                "li",
                { class: "panel" },
                thumb(s.row, s.item),
                h(
                  "span",
                  { class: "log-text" },
                  h("b", { textContent: s.cluster.text }),
                  h("small", {
                    textContent: `row ${s.row} · the others say otherwise with ${percent(s.score)}`,
                  }),
                ),
                h("button", { type: "button", textContent: "Change", onclick: () => askAboutRow(s.row) }),
              ),
            ),
          )
        : h("p", { class: "hint", textContent: "None: every answer fits the others." }),
    );
  } catch (error) {
    box.replaceChildren(h("button", { type: "button", textContent: "Look for them", onclick: findSuspects }));
    toast(error.message);
  }
}

function chart(names, points) {
  const width = 900,
    height = 320,
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
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((s) => last / s <= 8) ?? 10000;
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
