// Every cluster: its name, what was answered, what looks like it.

import { count, h, percent, short, toast } from "./dom.js";
import { call } from "./server.js";
import { keys } from "./state.js";
import { changed } from "./catchup.js";
import { panel, tile, write } from "./views.js";

panel("clusters", async (place, put) => {
  const { clusters: all } = await call("/api/clusters");
  put(
    h("h2", { textContent: all.length ? count(all.length, "cluster") : "There is no cluster yet" }),
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
    dir: "auto",
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
      ` ${count(cluster.answers, "answer")}, ${count(cluster.rows, "row")}`,
    ),
    h(
      "div",
      { class: "tiles" },
      cluster.anchors.map((a) =>
        h(
          "span",
          { class: "anchor" },
          tile(a.row, a.item, { caption: `Answered: ${a.item.title}`, note: "answered" }),
        ),
      ),
      cluster.examples.map((e) => tile(e.row, e.item, { note: percent(e.p) })),
    ),
  );
}
