// One row at a time.
//
// The person never waits: the next rows are here before they are asked about, and an answer is kept in this
// browser (the outbox) until the server has it in its store.

import { $, choose, count, h, percent, range, say, short, toast } from "./dom.js";
import { itemView, prepare, scrollable, showWhole, tileView } from "./items.js";
import { flush, handlers, isSending, later, outbox, reached } from "./outbox.js";
import { call, parting } from "./server.js";
import { clusters, keyOf, keys, named, page, remember } from "./state.js";
import { actions, listeners, show, views, write } from "./views.js";

const AHEAD = 3; // rows held here: the one that is shown, and those after it
const SHOWN = 5; // suggestions that get a bar

// ------------------------------------------------------------------ sending

handlers.wishes = (body, others) => ({
  want: AHEAD + others,
  have: [...outbox.rows().filter((row) => row !== body.row), ...held()],
  unseen: page.ahead.filter((q) => !q.own).map((q) => q.row),
});

const held = () => [page.current, ...page.ahead].filter((q) => q && !q.check).map((q) => q.row);

handlers.replied = (body, reply) => {
  if (reply.cluster) remember(reply.cluster);
  const mine = page.done.find((answer) => answer.client_id === body.client_id);
  if (mine) Object.assign(mine, { seq: reply.seq, sent: true, cluster: reply.cluster ?? mine.cluster });
  if (reply.undone) undone(reply);
  if (reply.state) receive(reply);
  else page.state.behind = true; // a grid's or an undo's: the counts are asked for soon
  say("network", "");
  follow();
};

handlers.refused = (body, error) => {
  page.done = page.done.filter((answer) => answer.client_id !== body.client_id);
  for (const row of body.rows ?? [body.row]) page.gone.delete(row);
  toast(error.message);
  refill();
};

handlers.failed = (error, waiting) => {
  const letters = waiting ? ` ${count(waiting, "answer waits", "answers wait")} in this browser.` : "";
  const closed = error.status === 401 || error.status === 403;
  const why = closed
    ? "The server has been restarted: open the address that it shows."
    : error.status === 503
      ? "The server is busy."
      : "No connection.";
  say("network", why + letters);
};

handlers.done = () => showRecent();

/** Get rows until enough are held. */
export async function refill() {
  if (outbox.all().length) {
    flush();
    return;
  }
  try {
    receive(await call("/api/next", handlers.wishes({}, 0)));
    reached();
    say("network", "");
  } catch (error) {
    later(error, refill);
  }
}

/** Take in rows and the run's state. What is on the screen does not move under the person's fingers. */
function receive({ queries = [], state }) {
  if (state) showState(state);
  const fresh = new Map(queries.map((query) => [query.row, query]));
  // rows that are not ours any more are dropped; those that were opened by hand stay
  page.ahead = page.ahead
    .filter((q) => q.own || fresh.has(q.row))
    .map((q) => ({ ...q, ...fresh.get(q.row) }));
  const here = new Set([...held(), ...page.gone]);
  for (const query of queries) {
    if (here.has(query.row)) continue;
    page.ahead.push(query);
    prepare(query.item);
  }
  if (!page.current && !page.check) next();
  document.body.dataset.held = page.ahead.length; // rows that can be answered without the server, after this one
}

/** Rows that are held here are anybody's again when this page is left. */
export function leave() {
  const rows = held().filter((row) => !outbox.rows().includes(row));
  if (rows.length) parting("/api/put-back", { rows });
}

let following = null;
let misses = 0; // how often in a row the server was not there

/** Look for the posterior that is being made: soon after an answer, now and then otherwise. */
export function follow() {
  clearTimeout(following);
  const soon = page.state.behind || !page.current;
  const pause = misses ? Math.min(15000, 500 * 2 ** misses) : soon ? 300 : 4000;
  following = setTimeout(look, document.hidden ? 15000 : pause);
}

async function look() {
  try {
    const before = page.state.version;
    const state = await call(`/api/state?since=${page.state.version}`);
    misses = 0;
    if (!state.same) {
      showState(state);
      if (state.version !== before || !page.current) await refill();
      for (const listener of listeners) listener(false);
    }
    if (!outbox.all().length) say("network", "");
  } catch (error) {
    misses += 1;
    later(error, outbox.all().length ? flush : refill);
  }
  follow();
}

// ------------------------------------------------------------------ answering

export function answer(given) {
  const query = page.current;
  if (!query) return;
  const body = {
    client_id: crypto.randomUUID(),
    row: query.row,
    ...given,
    ...(query.check ? { check: true } : {}),
    ...(note() ? { note: note() } : {}),
    seconds: (performance.now() - page.since) / 1000,
    suggestions: query.suggestions.map(({ id, p }) => [id, p]),
  };
  const text =
    given.name ??
    given.signal ??
    clusters().find((c) => c.id === given.cluster)?.text ??
    JSON.parse(given.cluster);
  if (given.name && !named(given.name).same) remember({ id: JSON.stringify(given.name), text: given.name });
  page.gone.add(query.row);
  page.redo = [];
  $("note").value = "";
  page.done.push({
    client_id: body.client_id,
    row: query.row,
    item: query.item,
    text,
    signal: given.signal,
    given,
    query,
    sent: false,
  });
  outbox.add("/api/answer", body);
  page.current = null;
  next(`Row ${query.row} is ${text}.`);
  flush();
}

const note = () => $("note").value.trim();

/** Answer with a name that was typed; one that nearly is another's is asked about. */
export async function answerTyped(name) {
  const { same, alike } = named(name);
  if (same) return answer({ cluster: same.id });
  if (!alike) return answer({ name });
  const at = page.current;
  const meant = await choose(
    `Is “${name}” the cluster “${alike.text}”?`,
    "Clusters with similar names are easily confused.",
    [
      { value: "same", text: `Yes, ${alike.text}` },
      { value: "new", text: `No, a new cluster ${name}` },
    ],
  );
  if (!meant || page.current !== at) return undefined;
  return answer(meant === "same" ? { cluster: alike.id } : { name });
}

function next(said = "") {
  if (page.check) {
    page.current = page.check.queries.shift() ?? null;
    if (!page.current) return endCheck();
  } else page.current = page.ahead.shift() ?? null;
  page.since = performance.now();
  document.body.dataset.held = page.ahead.length;
  showQuestion(said);
  follow();
  return undefined;
}

/** Ask about random rows, the model's guess hidden: an unbiased measure of the result. */
export async function beginCheck() {
  try {
    const { queries } = await write("/api/check", {});
    if (page.current && !page.current.own) page.ahead.unshift(page.current);
    page.check = { queries, of: queries.length };
    page.current = null;
    show("answer");
    next();
  } catch (error) {
    toast(error.message);
  }
}

/** Back from a check, complete or not. */
export async function endCheck() {
  const left = [...(page.current ? [page.current] : []), ...page.check.queries].map((q) => q.row);
  if (left.length) parting("/api/put-back", { rows: left });
  page.check = null;
  page.current = page.ahead.shift() ?? null;
  showQuestion();
  try {
    await flush();
    await catchUp();
  } catch (error) {
    toast(error.message);
  }
  show("result");
  if (!left.length) views.checked();
}

/** Ask about one row now; what was on the screen comes after it. */
export function askAbout(query) {
  if (page.current && page.current.row !== query.row && !page.current.answer)
    page.ahead.unshift(page.current);
  page.ahead = page.ahead.filter((other) => other.row !== query.row);
  page.gone.delete(query.row);
  page.current = { ...query, own: true };
  page.since = performance.now();
  show("answer");
  showQuestion();
}

export async function askAboutRow(row) {
  try {
    askAbout((await call(`/api/rows/${row}`)).query);
  } catch (error) {
    toast(error.message);
  }
}
actions.askAboutRow = askAboutRow;

export function undo() {
  const last = page.done.at(-1);
  const unsent = last?.query && outbox.all().find(([, { body }]) => body.client_id === last.client_id);
  if (unsent && !isSending()) {
    outbox.drop(unsent[0]); // nobody has heard of it
    page.done.pop();
    page.redo.push({ row: last.row, given: last.given });
    askAbout({ ...last.query, answer: null });
    return;
  }
  outbox.add("/api/undo", { client_id: crypto.randomUUID() });
  if (last?.batch) page.done.pop();
  if (last?.query) {
    page.done.pop();
    askAbout({ ...last.query, answer: null });
  }
  flush();
}

function undone({ undone: events, queries }) {
  if (!events.length) {
    toast("You have no answer to undo.");
    return;
  }
  const rows = events.map((event) => event.row);
  const again = outbox.rows(); // answered again before the server said that they were taken back
  for (const row of rows) if (!again.includes(row)) page.gone.delete(row);
  page.done = page.done.filter((a) => !rows.includes(a.row) || !a.sent);
  const { cluster, kind } = events[0];
  const given = cluster ? { cluster: cluster.id } : { signal: kind };
  page.redo.push(events.length > 1 ? { rows, given } : { row: rows[0], given });
  const [query] = queries;
  if (query && events.length === 1 && page.current?.row !== query.row && !again.includes(query.row))
    askAbout({ ...query, answer: null });
  toast(
    events.length > 1
      ? `${events.length} answers undone.`
      : `Undone: row ${rows[0]}${cluster ? ` is ${short(cluster.text)}` : ""}.`,
    { text: "Redo", run: redo },
  );
}

/** Give the answer again that was taken back last. */
export async function redo() {
  const last = page.redo.pop();
  if (!last) {
    toast("There is nothing to redo.");
    return;
  }
  const rest = page.redo;
  if (last.rows) labelMany(last.rows, last.given, "redo");
  else {
    if (page.current?.row !== last.row) await askAboutRow(last.row);
    if (page.current?.row === last.row) answer(last.given);
  }
  page.redo = rest;
}

/** One answer for many rows. */
export function labelMany(rows, given, gesture) {
  for (const row of rows) page.gone.add(row);
  page.ahead = page.ahead.filter((q) => !page.gone.has(q.row));
  if (page.current && page.gone.has(page.current.row)) page.current = page.ahead.shift() ?? null;
  page.redo = [];
  const client_id = crypto.randomUUID();
  outbox.add("/api/label-many", { client_id, rows, gesture, ...given });
  page.done.push({ client_id, batch: rows, sent: false });
  toast(`${count(rows.length, "row")} labelled.`, { text: "Undo", run: undo });
  flush();
}

/** Enter: the first bar, unless none of these is likelier; then the name of a new cluster is asked for. */
function enter() {
  const { suggestions, new: none } = page.current;
  if (suggestions.length && suggestions[0].p >= none) answer({ cluster: suggestions[0].id });
  else $("new-name").focus();
}

export function act(command) {
  if (command === "new") $("new-name").focus();
  else if (command === "undo") undo();
  else if (command === "help") views.help();
  else answer({ signal: command });
}

document.addEventListener("keydown", (event) => {
  const inField = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
  const control = event.ctrlKey || event.metaKey;
  if (control && !inField && ["answer", "map", "grid"].includes(page.view)) {
    const again = event.key === "y" || (event.shiftKey && event.key.toLowerCase() === "z");
    if (again || event.key === "z") {
      event.preventDefault();
      if (again) redo();
      else undo();
      return;
    }
  }
  if (control || event.altKey || event.isComposing || inField || page.view !== "answer") return;
  if (event.key === "Enter" && !event.target.closest("button, a, summary")) {
    if (!event.repeat && page.current) {
      event.preventDefault();
      enter();
    }
    return;
  }
  if (!keys.single || event.repeat) return; // a key held down is one answer
  const { command, cluster } = keys.meaning(keyOf(event));
  if (!command && !cluster) return;
  event.preventDefault();
  if (command) act(command);
  else answer({ cluster: cluster.id });
});

// ------------------------------------------------------------------ showing

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
    h("button", { type: "button", textContent: "Stop the check", onclick: endCheck }),
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
        { type: "button", onclick: () => answer({ cluster: c.id }) },
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
      onclick: () => answer({ cluster: suggestion.id }),
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
        onclick: goOn,
      })
    : null,
];

export async function goOn() {
  try {
    showState(await write("/api/go-on", { more: page.state.budget == null ? null : 20 }));
    show("answer");
    await refill();
  } catch (error) {
    toast(error.message);
  }
}

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
            onclick: () => askAboutRow(a.row),
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

views.answer = {
  open() {
    showQuestion();
  },
};

/** After a change that is not an answer: hold no suggestion under an old name. */
export async function changed(reply, text) {
  toast(text, {
    text: "Undo",
    run: async () => {
      try {
        await write("/api/undo", { target: reply.seq });
        await catchUp();
      } catch (error) {
        toast(error.message);
      }
    },
  });
  await catchUp();
}

export async function catchUp() {
  for (let i = 0; i < 40; i += 1) {
    showState(await call("/api/state"));
    if (!page.state.behind) break;
    await new Promise((done) => setTimeout(done, 250));
  }
  if (page.current) {
    const { query } = await call(`/api/rows/${page.current.row}`);
    if (page.current?.row === query.row)
      page.current = { ...page.current, ...query, answer: page.current.answer && query.answer };
  }
  page.named.clear();
  await refill();
  showQuestion();
  for (const listener of listeners) listener(true);
}
