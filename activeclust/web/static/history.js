// Past answers: who said what, and taking it back.

import { h, short, toast } from "./dom.js";
import { address, call } from "./server.js";
import { keys, page } from "./state.js";
import { askAboutRow } from "./answer.js";
import { catchUp } from "./catchup.js";
import { panel, tile, write } from "./views.js";

const KINDS = { skip: "skipped", unsure: "unsure" };

panel("answers", async (place, put) => {
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
  put(
    h(
      "div",
      { class: "panel-head" },
      h("h2", { textContent: lines.length ? "Past answers, newest first" : "No answer yet" }),
      download("csv", "CSV"),
      download("jsonl", "JSON lines"),
      download("label-studio", "Label Studio"),
    ),
    list,
    further,
  );
});

const download = (form, text) =>
  h("a", { class: "button", href: address(`/export/${form}`), download: "", textContent: text });

function logLine(line) {
  const at = new Date(line.at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const words = line.cluster ? line.cluster.text : (KINDS[line.kind] ?? line.says);
  const state = line.undone ? "undone" : line.replaced ? "answered again later" : "";
  return h(
    "li",
    { class: line.undone || line.replaced ? "panel old" : "panel", "data-seq": line.seq },
    line.item
      ? tile(line.row, line.item)
      : h("span", { class: "thumb", "aria-hidden": "true", textContent: "⇄" }),
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
        textContent: [
          line.row === undefined ? "" : `row ${line.row}`,
          line.who,
          at,
          line.check ? "a check" : "",
          line.note ? `“${line.note}”` : "",
          state,
        ]
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
          textContent: "Undo",
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
