// Rows looked for: by text, cluster, certainty, who, and what became of them; disputes are decided here.

import { $, count, h, percent, short, toast } from "./dom.js";
import { call } from "./server.js";
import { clusters, keys } from "./state.js";
import { askAboutRow } from "./answer.js";
import { changed } from "./catchup.js";
import { panel, show, tile, views, write } from "./views.js";

const STATES = {
  "": "all rows",
  open: "not answered",
  answered: "answered",
  skipped: "skipped",
  unsure: "unsure",
  disputed: "disputed",
};
const ORDERS = { row: "by row", doubtful: "uncertain first", certain: "certain first" };
const wanted = { text: "", cluster: "", state: "", who: "", order: "doubtful", from: 0 };

panel("rows", async (place) => {
  if (!$("rows-form")) place.replaceChildren(form(), h("div", { id: "rows-found" }));
  await find();
});

/** Show the view with these wishes. */
views.rows.look = (wishes) => {
  Object.assign(wanted, { text: "", cluster: "", state: "", who: "", from: 0 }, wishes);
  $("view-rows").replaceChildren();
  show("rows");
};

async function find() {
  const query = new URLSearchParams(Object.entries(wanted).map(([name, value]) => [name, String(value)]));
  const reply = await call(`/api/find?${query}`);
  fillChoices(reply.people);
  const last = Math.min(reply.from + reply.page, reply.found);
  const turn = (text, from) =>
    h("button", {
      type: "button",
      textContent: text,
      disabled: from < 0 || from >= reply.found,
      onclick: () => {
        wanted.from = from;
        find().then(() => $("rows-count").focus());
      },
    });
  $("rows-found").replaceChildren(
    h(
      "div",
      { class: "panel-head" },
      h("h2", {
        id: "rows-count",
        tabIndex: -1,
        textContent: reply.found
          ? `${count(reply.found, "row")}${reply.found > reply.page ? `, ${reply.from + 1} to ${last}` : ""}`
          : "No row matches",
      }),
      ...(reply.found > reply.page
        ? [turn("Previous", reply.from - reply.page), turn("Next", reply.from + reply.page)]
        : []),
    ),
    h("ol", { class: "log" }, reply.rows.map(line)),
  );
}

const search = () => {
  wanted.from = 0;
  find().catch((error) => toast(error.message));
};

function form() {
  const text = h("input", {
    id: "rows-text",
    type: "search",
    value: wanted.text,
    placeholder: "Text or row number",
    "aria-label": "Text or row number",
    dir: "auto",
  });
  let typing = null;
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      wanted.text = text.value;
      search();
    }, 200);
  });
  const select = (id, label, name) => {
    const choice = h("select", { id, "aria-label": label });
    choice.addEventListener("change", () => {
      wanted[name] = choice.value;
      search();
    });
    return choice;
  };
  return h(
    "form",
    { id: "rows-form", class: "rows-form", role: "search", onsubmit: (event) => event.preventDefault() },
    text,
    select("rows-state", "State", "state"),
    select("rows-cluster", "Cluster", "cluster"),
    select("rows-who", "Who answered", "who"),
    select("rows-order", "Order", "order"),
  );
}

function fillChoices(people) {
  const fill = (id, name, options) =>
    $(id).replaceChildren(
      ...options.map(([value, text]) =>
        h("option", { value, textContent: short(text, 40), selected: wanted[name] === value }),
      ),
    );
  fill("rows-state", "state", Object.entries(STATES));
  fill("rows-cluster", "cluster", [["", "any cluster"], ...clusters().map((c) => [c.id, c.text])]);
  fill("rows-who", "who", [["", "anyone"], ...people.map((name) => [name, name])]);
  fill("rows-order", "order", Object.entries(ORDERS));
  $("rows-who").hidden = people.length < 2;
}

function line(found) {
  const { row, item, cluster, p, state, said } = found;
  const voices = said.map((v) => `${v.who || "somebody"}: ${v.kind === "review" ? "decided " : ""}${v.text}`);
  const likely = cluster
    ? state === "answered"
      ? cluster.text
      : `${cluster.text}, ${percent(p)}`
    : "no cluster yet";
  return h(
    "li",
    { class: "panel" },
    tile(row, item),
    h(
      "span",
      { class: "log-text" },
      h(
        "b",
        {},
        cluster ? h("i", { class: "swatch", colour: keys.colour(cluster.id) }) : null,
        h("span", { dir: "auto", textContent: ` ${short(likely, 80)}` }),
      ),
      h("small", {
        textContent: [`row ${row}`, found.disputed ? "disputed" : STATES[state], ...voices].join(" · "),
      }),
    ),
    found.disputed ? decide(found) : null,
    h("button", {
      type: "button",
      textContent: state === "open" ? "Answer" : "Change",
      "aria-label": `${state === "open" ? "Answer" : "Change"} ${item.title}`,
      onclick: () => askAboutRow(row),
    }),
  );
}

/** One decision above what people said. */
function decide({ row, item, said }) {
  const options = new Map(said.filter((v) => v.id !== null).map((v) => [v.id, v.text]));
  const choice = h(
    "select",
    { "aria-label": `Decide about ${item.title}` },
    h("option", { value: "", textContent: "Decide …" }),
    [...options].map(([value, text]) => h("option", { value, textContent: short(text, 40) })),
  );
  choice.addEventListener("change", async () => {
    try {
      await changed(
        await write("/api/review", { row, cluster: choice.value }),
        `Decided: row ${row} is ${short(options.get(choice.value))}.`,
      );
    } catch (error) {
      toast(error.message);
    }
  });
  return choice;
}
