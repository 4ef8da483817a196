// The result: the clusters, how right they are, and files with every row.

import { $, count, h, percent, range, toast } from "./dom.js";
import { address, call } from "./server.js";
import { keys, page } from "./state.js";
import { goOn } from "./answer.js";
import { beginCheck } from "./check.js";
import { panel, tile, views } from "./views.js";

const FORMS = {
  csv: "CSV",
  xlsx: "Excel",
  parquet: "Parquet",
  jsonl: "JSON lines",
};

panel("result", async (place, put) => {
  const result = await call("/api/result");
  put(
    h(
      "div",
      { class: "panel-head" },
      h("h2", {
        textContent: result.clusters.length
          ? `${count(result.clusters.length, "cluster")} of ${count(result.rows, "row")}, from ${count(result.answered, "answer")}`
          : "There is no result yet",
      }),
    ),
    ...(result.clusters.length
      ? [
          h("div", { class: "result-top" }, trust(result), files(result)),
          h(
            "ul",
            { class: "cluster-list" },
            result.clusters
              .toSorted((a, b) => b.rows - a.rows)
              .map((cluster) => clusterCard(cluster, result.rows)),
          ),
        ]
      : [
          h("p", {
            class: "hint",
            textContent: "Answer a few rows first. From then on the result is shown here at any time.",
          }),
        ]),
  );
});

/** How right the labels are, in words. */
function trust({ expected, expected_low: low, expected_high: high, check, rows, aside, disputed }) {
  const done = check && check.said >= check.of;
  const guess = low == null ? percent(expected) : range(low, high);
  const share = (p) => `${Math.round(100 * p)} %`;
  return h(
    "section",
    { class: "panel pad", "aria-labelledby": "trust-title" },
    h("h3", { id: "trust-title", textContent: "How accurate is it?" }),
    check?.asked
      ? h(
          "p",
          { class: "trust" },
          h("b", { textContent: `About ${share(check.accuracy)} of all rows are right` }),
          `, and with 95 % confidence between ${share(check.low)} and ${share(check.high)}: of ${check.asked} rows drawn at random, ${check.right} had the right label${done ? "" : " so far"}.`,
        )
      : h(
          "p",
          {},
          "The model expects ",
          h("b", { textContent: guess }),
          " of the rows to be right. This is the model's own estimate, and it is often too high. A check of random rows measures the accuracy.",
        ),
    check?.asked
      ? h("p", {
          class: "hint",
          textContent: `The model itself expects ${guess}. The answers of the check count as answers, so the result is now slightly better than what was checked.`,
        })
      : null,
    aside
      ? h("p", {
          class: "hint",
          textContent: `${count(aside, "row")} of ${rows.toLocaleString("en")} set aside (skipped, unsure or disputed) get the likeliest label too.`,
        })
      : null,
    h(
      "p",
      { class: "row-start" },
      h("button", {
        type: "button",
        class: check ? "" : "primary",
        id: "begin-check",
        textContent: check ? "Check 30 other rows" : "Check 30 random rows",
        onclick: beginCheck,
      }),
      disputed
        ? h("button", {
            type: "button",
            textContent: `Decide ${count(disputed, "dispute")}`,
            onclick: () => views.rows.look({ state: "disputed", order: "row" }),
          })
        : null,
      page.state.ended
        ? h("button", { type: "button", textContent: "Continue answering", onclick: goOn })
        : null,
    ),
  );
}

/** Every row as a file. */
function files({ forms }) {
  const link = (path, text, main) =>
    h("a", {
      class: main ? "button primary" : "button",
      href: address(path),
      download: "",
      textContent: text,
    });
  return h(
    "section",
    { class: "panel pad", "aria-labelledby": "files-title" },
    h("h3", { id: "files-title", textContent: "Download" }),
    h("p", {
      class: "hint",
      textContent:
        "A file with every row: its id, file name or columns, its cluster, the probability, and who answered it.",
    }),
    h(
      "p",
      { class: "row-start" },
      forms.map((form, i) => link(`/result/${form}`, FORMS[form], i === 0)),
    ),
    h("p", { class: "hint", textContent: "Only the answers, for other tools:" }),
    h(
      "p",
      { class: "row-start" },
      link("/export/csv", "CSV"),
      link("/export/jsonl", "JSON lines"),
      link("/export/label-studio", "Label Studio"),
    ),
  );
}

function clusterCard(cluster, rows) {
  const shown = (title, members) =>
    members.length
      ? [
          h("h4", { class: "small-caps", textContent: title }),
          h(
            "div",
            { class: "tiles" },
            members.map((m) => tile(m.row, m.item, { note: percent(m.p) })),
          ),
        ]
      : [];
  return h(
    "li",
    { class: "panel cluster" },
    h(
      "h3",
      { class: "cluster-name" },
      h("i", { class: "swatch", colour: keys.colour(cluster.id) }),
      h("span", { dir: "auto", textContent: cluster.text }),
    ),
    h(
      "p",
      { class: "hint" },
      h("b", { textContent: count(cluster.rows, "row") }),
      ` (${percent(cluster.rows / rows)}), ${count(cluster.answers, "answer")}; the model expects ${percent(cluster.expected ?? 0)} of them to be right`,
    ),
    shown("Typical", cluster.typical),
    shown("Uncertain: click a row to answer it", cluster.doubtful),
    cluster.rows > cluster.answers
      ? h("button", {
          type: "button",
          class: "quiet",
          textContent: "All its rows, uncertain ones first",
          onclick: () => views.rows.look({ cluster: cluster.id, order: "doubtful", state: "open" }),
        })
      : null,
  );
}

/** After a check: what it gave. */
views.checked = () => {
  $("view-result").querySelector("h2")?.focus();
  toast("The check is complete. Its result is shown here.");
};
