// One row at a time.
//
// The person never waits: the next rows are here before they are asked about, and an answer is kept in this
// browser (the outbox) until the server has it in its store.

import { $, choose, count, say, short, toast } from "./dom.js";
import { prepare } from "./items.js";
import { flush, handlers, isSending, later, outbox, reached } from "./outbox.js";
import { call, parting } from "./server.js";
import { clusters, keyOf, keys, named, page, remember } from "./state.js";
import { showQuestion, showRecent, showState } from "./question.js";
import { actions, listeners, show, views, write } from "./views.js";

const AHEAD = 3; // rows held here: the one that is shown, and those after it

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

export function next(said = "") {
  if (page.check) {
    page.current = page.check.queries.shift() ?? null;
    if (!page.current) return actions.endCheck();
  } else page.current = page.ahead.shift() ?? null;
  page.since = performance.now();
  document.body.dataset.held = page.ahead.length;
  showQuestion(said);
  follow();
  return undefined;
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

export async function goOn() {
  try {
    showState(await write("/api/go-on", { more: page.state.budget == null ? null : 20 }));
    show("answer");
    await refill();
  } catch (error) {
    toast(error.message);
  }
}

Object.assign(actions, { answer, askAboutRow, goOn });

views.answer = {
  open() {
    showQuestion();
  },
};
