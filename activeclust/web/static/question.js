// What is on the screen while rows are answered: the question, its choices, the run's state, and the last answers.

import { $, count, h, percent, range, say, short } from "./dom.js";
import { itemView, scrollable, showWhole, tileView } from "./items.js";
import { outbox } from "./outbox.js";
import { clusters, keys, page } from "./state.js";
import { actions, show } from "./views.js";

const SHOWN = 5; // suggestions that get a bar

export function showState(state) {
  page.state = state;
  page.who = state.who ?? page.who;
  for (const [id] of page.named) if (state.clusters.some((c) => c.id === id)) page.named.delete(id);
  keys.assign();
  showKeys(); // a cluster that was just named has one now
  const total = state.budget ?? state.rows;
  const bar = $("progress-bar");
  const waiting = outbox.rows().filter((row) => page.gone.has(row)).length;
  const answered = state.answered + waiting;
  bar.setAttribute("aria-valuemax", total);
  bar.setAttribute("aria-valuenow", Math.min(total, answered));
  bar.firstElementChild.style.width = `${Math.min(100, (100 * answered) / Math.max(1, total))}%`;
  const what = state.budget ? "answers" : "rows answered";
  $("answered").replaceChildren(
    h("b", { textContent: answered.toLocaleString("en") }),
    ` of ${total.toLocaleString("en")} ${what}`,
  );
  const { expected_low: low, expected_high: high, answers_to_goal: more, agreement } = state.metrics;
  $("sure").replaceChildren(
    ...(low == null ? [] : ["expected accuracy ", h("b", { textContent: range(low, high) })]),
    ...(more ? [`, 95 % after about ${more.toLocaleString("en")} more answers`] : []),
  );
  $("stop-signal").className = state.converged ? "fact done" : "fact";
  $("stop-signal").textContent = state.converged
    ? "Further answers hardly change the clusters: you may stop."
    : agreement == null
      ? ""
      : state.moved
        ? `the last answer moved ${count(state.moved.rows, "row")}, ${state.moved.rows > 1 ? "most " : ""}from ${short(state.moved.from)} to ${short(state.moved.to)}`
        : "the last answer moved nothing";
  if (state.trouble) say("network", `The model has stopped: ${state.trouble}`);
  for (const listener of stateListeners) listener(state);
}

export const stateListeners = new Set(); // told of every state

export function showQuestion(said = "") {
  const query = page.current;
  keys.assign();
  if (!query) {
    showNothing(said);
    return;
  }
  const title = query.item.title.startsWith("row ")
    ? `Row ${query.row.toLocaleString("en")}`
    : query.item.title;
  say("question-title", title);
  $("question-note").textContent = query.answer ? `answered: ${short(query.answer.text)}` : "";
  showCheck();
  const item = $("item");
  if (item.dataset.row !== String(query.row)) item.scrollTop = 0;
  item.dataset.row = query.row;
  item.replaceChildren(itemView(query.item));
  scrollable(item);
  showWhy(query);
  showChoices(query);
  showKeys();
  showRecent();
  if (page.view === "answer" && !document.querySelector("dialog[open]")) {
    // Enter is the first suggestion, not the button pressed last
    const fresh = !query.suggestions.length && !clusters().length && !matchMedia("(hover: none)").matches;
    if (fresh) $("new-name").focus({ preventScroll: true });
    else if (document.activeElement !== $("new-name")) $("question").focus({ preventScroll: true });
  }
  const likely = query.suggestions[0];
  const guess = likely
    ? likely.p >= query.new
      ? ` Likely ${likely.text}, ${percent(likely.p)}.`
      : ` Likely none of the clusters, ${percent(query.new)}.`
    : "";
  if (page.view === "answer") say("announced", `${said} Next: ${title}.${guess}`.trim());
}

/** Why this row is asked about, and what was answered nearest to it; not in a check, where it would sway. */
function showWhy({ why, near = [] }) {
  $("why").hidden = !why;
  if (!why) return;
  $("why-text").textContent = `Why this row: ${why}`;
  $("near").replaceChildren(
    ...near.map((n) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: `recent-answer ${n.item.kind}`,
            title: "Show the whole row",
            onclick: () => showWhole(n.item),
          },
          tileView(n.item),
          h(
            "span",
            { class: "ellipsis" },
            h("i", { class: "swatch", colour: keys.colour(n.cluster.id) }),
            h("span", { dir: "auto", textContent: ` ${n.cluster.text}` }),
          ),
        ),
      ),
    ),
  );
}

function showCheck() {
  const box = $("check-note");
  box.hidden = !page.check;
  if (!page.check) return;
  const at = page.check.of - page.check.queries.length;
  box.replaceChildren(
    h("span", {
      textContent: `Check, row ${at} of ${page.check.of}: drawn at random; the model's guess is hidden.`,
    }),
    h("button", { type: "button", textContent: "Stop the check", onclick: () => actions.endCheck() }),
  );
}

function showChoices(query) {
  const bars = query.suggestions.slice(0, SHOWN);
  const none = { none: true, p: query.new };
  const first = !bars.length || bars[0].p < query.new;
  const place = bars.filter((s) => s.p >= query.new).length;
  const lines = bars.length ? [...bars.slice(0, place), none, ...bars.slice(place)] : [];
  $("suggestions").replaceChildren(
    ...lines.map((line, i) => h("li", {}, line.none ? noneBar(line.p, first) : bar(line, i === 0))),
    ...(bars.length
      ? []
      : [
          h("li", {
            class: "hint",
            textContent: query.check
              ? "Which cluster is it? Choose one below, or type a name."
              : clusters().length
                ? "No suggestion yet."
                : "There is no cluster yet. What is this? Type a name below.",
          }),
        ]),
  );
  const rest = clusters().filter((c) => !bars.some((s) => s.id === c.id));
  $("others").replaceChildren(
    ...rest.map((c) =>
      h(
        "button",
        { type: "button", onclick: () => actions.answer({ cluster: c.id }) },
        clusterKey(c.id),
        h("i", { class: "swatch", colour: keys.colour(c.id) }),
        h("span", { class: "name", dir: "auto", textContent: c.text }),
      ),
    ),
  );
  filterOthers();
  $("cluster-names").replaceChildren(...clusters().map((c) => h("option", { value: c.text })));
}

/** Of the other clusters, those whose name holds what is being typed. */
export function filterOthers() {
  const typed = $("new-name").value.trim().toLowerCase();
  for (const button of $("others").children)
    button.hidden = !button.querySelector(".name").textContent.toLowerCase().includes(typed);
}

const clusterKey = (id) => h("kbd", { "data-cluster": id, textContent: keys.of(id) });

function filled(share) {
  const fill = h("i", { class: "fill" });
  fill.style.width = `${100 * share}%`;
  return fill;
}

const bar = (suggestion, first) =>
  h(
    "button",
    {
      type: "button",
      class: first ? "bar first" : "bar",
      onclick: () => actions.answer({ cluster: suggestion.id }),
      "aria-keyshortcuts": keys.single ? keys.of(suggestion.id) : null,
    },
    clusterKey(suggestion.id),
    h("i", { class: "swatch", colour: keys.colour(suggestion.id) }),
    h("span", { class: "name", dir: "auto", textContent: suggestion.text }),
    h("span", { class: "share", textContent: percent(suggestion.p) }),
    filled(suggestion.p),
  );

const noneBar = (p, first) =>
  h(
    "button",
    { type: "button", class: first ? "bar none first" : "bar none", onclick: () => $("new-name").focus() },
    h("kbd", { textContent: keys.commands.new }),
    h("i", { class: "swatch hollow" }),
    h("span", { class: "name", textContent: "none of these" }),
    h("span", { class: "share", textContent: percent(p) }),
    filled(p),
  );

const ENDS = {
  budget: "The budget is used up.",
  converged: "Further answers no longer change the clusters.",
};

function showNothing(said) {
  showCheck();
  showWhy({});
  const { ended, answered, behind } = page.state;
  const why = ended ? ENDS[ended] : answered && !behind ? "Every row has been answered or set aside." : null;
  say("question-title", why ? "Nothing more to ask" : "The next row is being chosen …");
  $("question-note").textContent = "";
  $("suggestions").replaceChildren();
  $("others").replaceChildren();
  delete $("item").dataset.row;
  const old = $("item").querySelector(".ended");
  if (!why) $("item").replaceChildren(h("p", { class: "hint", textContent: "…" }));
  else if (old?.dataset.why !== why)
    $("item").replaceChildren(
      h("div", { class: "ended", "data-why": why }, h("p", { textContent: why }), ends(ended)),
    );
  showRecent();
  if (why) say("announced", `${said} ${why}`.trim());
}

/** What may be done at the end: take the result, look at doubtful rows, go on. */
const ends = (ended) => [
  h("button", {
    type: "button",
    class: "primary",
    onclick: () => show("result"),
    textContent: "See the result",
  }),
  h("button", { type: "button", onclick: () => show("rows"), textContent: "Look at uncertain rows" }),
  ended
    ? h("button", {
        type: "button",
        textContent: ended === "budget" ? "Continue: 20 more answers" : "Continue",
        onclick: () => actions.goOn(),
      })
    : null,
];

export function showRecent() {
  const waiting = new Set(outbox.all().map(([, { body }]) => body.client_id));
  const last = page.done
    .filter((a) => a.item)
    .slice(-10)
    .reverse();
  $("recent").replaceChildren(
    ...last.map((a) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: `recent-answer ${a.item.kind}${waiting.has(a.client_id) ? " waiting" : ""}`,
            onclick: () => actions.askAboutRow(a.row),
            title: "Answer this row again",
          },
          tileView(a.item),
          h(
            "span",
            { class: "ellipsis" },
            h("span", { dir: "auto", textContent: a.cluster?.text ?? a.text }),
            h("small", { class: "recent-state", textContent: `row ${a.row}` }),
          ),
        ),
      ),
    ),
  );
}

export function showKeys() {
  document.body.classList.toggle("no-keys", !keys.single);
  for (const key of document.querySelectorAll("kbd[data-command]"))
    key.textContent = keys.commands[key.dataset.command];
  for (const key of document.querySelectorAll("kbd[data-cluster]"))
    key.textContent = keys.of(key.dataset.cluster);
}
