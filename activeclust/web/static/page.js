// The annotation page. Everything that comes from the data or from people is put in with textContent.
//
// The person never waits: the next rows are here before they are asked about, and an answer is kept in this
// browser (the outbox) until the server has it in its store. An answer bears an id of its own, so that
// sending it again, after a lost reply or a reload, counts it once.

import { $, h, itemView, percent, say, short, toast } from "./dom.js";
import { call, outbox, Refused } from "./server.js";
import { clusters, keys, page, remember } from "./state.js";

const AHEAD = 3; // rows held here: the one that is shown, and those after it
const SHOWN = 5; // suggestions that get a bar

let sending = false;
let wait = 0; // ms until the outbox is tried again
let retry = null;

/** Send what waits, oldest first, one at a time: the order of a person's answers is the order of the log. */
export async function flush() {
  if (sending) return;
  sending = true;
  clearTimeout(retry);
  try {
    for (let letters = outbox.all(); letters.length; letters = outbox.all()) {
      const [key, { path, body }] = letters[0];
      try {
        const reply = await call(path, { ...body, ...wishes(letters.length - 1) });
        outbox.drop(key);
        wait = 0;
        acknowledged(body, reply);
      } catch (error) {
        if (
          !(error instanceof Refused) ||
          error.status >= 500 ||
          error.status === 401 ||
          error.status === 403
        ) {
          later(error);
          return;
        }
        outbox.drop(key); // it will be refused for ever: say so, and ask again
        turnedDown(body, error);
      }
    }
    say("network", "");
  } finally {
    sending = false;
    showRecent();
  }
}

/** The network is back: do not wait any longer. */
export function online() {
  wait = 0;
  flush();
}

function later(error) {
  const n = outbox.all().length;
  wait = Math.min(15000, wait ? wait * 2 : 500);
  retry = setTimeout(n ? flush : refill, wait);
  const waiting = n ? ` ${n} answer${n > 1 ? "s wait" : " waits"} in this browser.` : "";
  const closed = error.status === 401 || error.status === 403;
  say(
    "network",
    (closed
      ? "The server was started again: open the address that it shows."
      : error.status === 503
        ? "The server is busy."
        : "No connection.") + waiting,
  );
}

const wishes = (others) => ({
  want: AHEAD + others,
  have: [page.current, ...page.ahead].filter(Boolean).map((q) => q.row),
});

function acknowledged(body, reply) {
  if (reply.cluster) remember(reply.cluster);
  const mine = page.done.find((answer) => answer.client_id === body.client_id);
  if (mine) Object.assign(mine, { seq: reply.seq, sent: true, cluster: reply.cluster ?? mine.cluster });
  if (reply.undone) undone(reply);
  if (reply.state) receive(reply);
  follow();
}

function turnedDown(body, error) {
  page.done = page.done.filter((answer) => answer.client_id !== body.client_id);
  if (body.row !== undefined) page.gone.delete(body.row);
  toast(error.message);
  refill();
}

/** Get rows until enough are held. */
export async function refill() {
  if (outbox.all().length) {
    flush();
    return;
  }
  try {
    receive(await call("/api/next", { who: page.who, ...wishes(0) }));
    wait = 0;
    say("network", "");
  } catch (error) {
    later(error);
  }
}

/** Take in rows and the run's state. What is on the screen does not move under the person's fingers. */
function receive({ queries = [], state }) {
  if (state) showState(state);
  for (const query of queries) {
    if (page.gone.has(query.row) || query.row === page.current?.row) continue;
    const held = page.ahead.findIndex((other) => other.row === query.row);
    if (held >= 0) page.ahead[held] = { ...page.ahead[held], ...query };
    else page.ahead.push(query);
    if (query.item.kind === "picture") new Image().src = query.item.src;
  }
  if (!page.current) next();
  document.body.dataset.held = page.ahead.length; // rows that can be answered without the server, after this one
}

let following = null;

/** Look for the posterior that is being made: soon after an answer, now and then otherwise. */
export function follow() {
  clearTimeout(following);
  const soon = page.state.behind || !page.current;
  following = setTimeout(
    async () => {
      try {
        const before = page.state.version;
        const state = await call(`/api/state?since=${page.state.version}`);
        if (!state.same) {
          showState(state);
          if (state.version !== before || !page.current) await refill();
          for (const listener of listeners) listener();
        }
        if (!outbox.all().length) say("network", "");
      } catch (error) {
        later(error);
      }
      follow();
    },
    document.hidden ? 15000 : soon ? 300 : 4000,
  );
}

export const listeners = new Set(); // views that show the posterior

// ------------------------------------------------------------------ answering

export function answer(given) {
  const query = page.current;
  if (!query) return;
  const body = {
    client_id: crypto.randomUUID(),
    who: page.who,
    row: query.row,
    ...given,
    seconds: (performance.now() - page.since) / 1000,
    suggestions: query.suggestions.map(({ id, p }) => [id, p]),
  };
  const text =
    given.name ?? given.signal ?? clusters().find((c) => c.id === given.cluster)?.text ?? given.cluster;
  if (given.name && !clusters().some((c) => c.text === given.name))
    remember({ id: JSON.stringify(given.name), text: given.name });
  page.gone.add(query.row);
  page.done.push({
    client_id: body.client_id,
    row: query.row,
    item: query.item,
    text,
    signal: given.signal,
    query,
    sent: false,
  });
  page.key = outbox.add("/api/answer", body);
  page.current = null;
  next(`Row ${query.row}: ${text}. `);
  flush();
}

function next(said = "") {
  page.current = page.ahead.shift() ?? null;
  page.since = performance.now();
  document.body.dataset.held = page.ahead.length;
  showQuestion(said);
  follow();
}

/** Ask about one row now; what was on the screen comes after it. */
export function askAbout(query) {
  if (page.current && page.current.row !== query.row && !page.current.answer)
    page.ahead.unshift(page.current);
  page.ahead = page.ahead.filter((other) => other.row !== query.row);
  page.gone.delete(query.row);
  page.current = query;
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
  if (unsent && !sending) {
    // nobody has heard of it
    outbox.drop(unsent[0]);
    page.done.pop();
    askAbout({ ...last.query, answer: null });
    return;
  }
  outbox.add("/api/undo", { client_id: crypto.randomUUID(), who: page.who });
  if (last?.batch) page.done.pop();
  if (last?.query) {
    page.done.pop();
    askAbout({ ...last.query, answer: null });
  }
  flush();
}

function undone({ undone: events, queries }) {
  if (!events.length) {
    toast("There is nothing to take back.");
    return;
  }
  for (const { row } of events) {
    page.gone.delete(row);
    page.done = page.done.filter((a) => a.row !== row || !a.sent);
  }
  const [query] = queries;
  if (query && events.length === 1 && page.current?.row !== query.row) askAbout({ ...query, answer: null });
  toast(
    events.length > 1
      ? `Took ${events.length} answers back.`
      : `Took back: row ${events[0].row}${events[0].cluster ? ` is ${short(events[0].cluster.text)}` : ""}.`,
  );
}

document.addEventListener("keydown", (event) => {
  const inField = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !inField && page.view === "answer") {
    event.preventDefault();
    undo();
    return;
  }
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    event.isComposing ||
    inField ||
    page.view !== "answer"
  )
    return;
  if (event.key === "Enter" && !event.target.closest("button, a, summary")) {
    if (!event.repeat && page.current?.suggestions.length) {
      event.preventDefault();
      answer({ cluster: page.current.suggestions[0].id });
    }
    return;
  }
  if (!keys.single || event.repeat) return; // a key held down is one answer
  const command = Object.keys(keys.commands).find((name) => keys.commands[name] === event.key);
  if (command) {
    event.preventDefault();
    act(command);
    return;
  }
  const id = Object.keys(keys.own).find((name) => keys.own[name] === event.key);
  if (id && clusters().some((c) => c.id === id)) {
    event.preventDefault();
    answer({ cluster: id });
  }
});

export function act(command) {
  if (command === "new") $("new-name").focus();
  else if (command === "undo") undo();
  else answer({ signal: command });
}

// ------------------------------------------------------------------ showing

function showState(state) {
  page.state = state;
  for (const [id] of page.named) if (state.clusters.some((c) => c.id === id)) page.named.delete(id);
  keys.assign();
  const total = state.budget ?? state.rows;
  const bar = $("progress-bar");
  bar.setAttribute("aria-valuemax", total);
  bar.setAttribute("aria-valuenow", state.answered);
  bar.firstElementChild.style.width = `${Math.min(100, (100 * state.answered) / Math.max(1, total))}%`;
  const waiting = outbox
    .all()
    .reduce((n, [, { path, body }]) => n + (path === "/api/answer" ? 1 : (body.rows?.length ?? 0)), 0);
  $("answered").replaceChildren(
    h("b", { textContent: state.answered + waiting }),
    ` of ${total.toLocaleString("en")} ${state.budget ? "answers" : "rows"} answered`,
  );
  const { expected_accuracy: sure, v_measure: known, agreement } = state.metrics;
  $("sure").replaceChildren(
    ...(sure == null
      ? []
      : [
          "sure of ",
          h("b", { textContent: percent(sure) }),
          ...(known == null ? [] : [", V-measure ", h("b", { textContent: known.toFixed(2) })]),
        ]),
  );
  $("stop-signal").className = state.converged ? "fact done" : "fact";
  $("stop-signal").textContent = state.converged
    ? "Further answers hardly change the partition: you may stop."
    : agreement == null
      ? ""
      : `last answer moved ${percent(1 - agreement)} of it`;
  if (state.trouble) say("network", `The model cannot go on: ${state.trouble}`);
}

const ENDS = {
  budget: "The budget is used up.",
  converged: "Further answers no longer change the partition.",
};

export function showQuestion(said = "") {
  const query = page.current;
  keys.assign();
  if (!query) return showNothing(said);
  say(
    "question-title",
    query.item.title.startsWith("row ") ? `Row ${query.row.toLocaleString("en")}` : query.item.title,
  );
  $("question-note").textContent = query.answer ? `answered: ${short(query.answer.text)}` : "";
  $("item").replaceChildren(itemView(query.item));
  const bars = query.suggestions.slice(0, SHOWN);
  $("suggestions").replaceChildren(
    ...bars.map((s, i) => h("li", {}, bar(s, i))),
    ...(bars.length
      ? [
          h(
            "li",
            { class: "nothing-new" },
            h("span", { textContent: "none of these" }),
            h("span", { textContent: percent(query.new) }),
          ),
        ]
      : [
          h("li", {
            class: "hint",
            textContent: clusters().length
              ? "No suggestion yet."
              : "Nothing has a name yet. What is this? Type a name below.",
          }),
        ]),
  );
  const rest = clusters().filter((c) => !bars.some((s) => s.id === c.id));
  $("others").replaceChildren(
    ...rest.map((c) =>
      h(
        "button",
        { type: "button", onclick: () => answer({ cluster: c.id }) },
        h("kbd", { textContent: keys.of(c.id) }),
        h("i", { class: "swatch", colour: keys.colour(c.id) }),
        h("span", { class: "name", textContent: c.text }),
      ),
    ),
  );
  $("cluster-names").replaceChildren(...clusters().map((c) => h("option", { value: c.text })));
  showKeys();
  showRecent();
  if (page.view === "answer" && !$("settings").open) {
    // a screen reader hears the question; and Enter is the first suggestion, not the button pressed last
    if (
      !bars.length &&
      !matchMedia("(hover: none)").matches &&
      document.activeElement !== $("new-name") &&
      !clusters().length
    )
      $("new-name").focus();
    else if (bars.length || document.activeElement === document.body)
      $("question").focus({ preventScroll: true });
  }
  if (said) $("question").setAttribute("aria-label", `${said}Row ${query.row}`);
}

function bar(suggestion, place) {
  const fill = h("i", { class: "fill" });
  fill.style.width = `${100 * suggestion.p}%`;
  return h(
    "button",
    {
      type: "button",
      class: place === 0 ? "bar first" : "bar",
      onclick: () => answer({ cluster: suggestion.id }),
      "aria-keyshortcuts": keys.single ? keys.of(suggestion.id) : null,
    },
    h("kbd", { textContent: keys.of(suggestion.id) }),
    h("i", { class: "swatch", colour: keys.colour(suggestion.id) }),
    h("span", { class: "name", textContent: suggestion.text }),
    h("span", { class: "share", textContent: percent(suggestion.p) }),
    fill,
  );
}

function showNothing() {
  const why = page.state.ended
    ? ENDS[page.state.ended]
    : page.state.answered && !page.state.behind
      ? "Every row has been answered or set aside."
      : null;
  say("question-title", why ? "Nothing more to ask" : "The next row is being chosen …");
  $("question-note").textContent = "";
  $("suggestions").replaceChildren();
  $("others").replaceChildren();
  $("item").replaceChildren(
    why
      ? h(
          "div",
          { class: "ended" },
          h("p", { textContent: why }),
          h("a", {
            class: "button primary",
            href: "/export/csv",
            download: "",
            textContent: "Export answers (CSV)",
          }),
        )
      : h("p", { class: "hint", textContent: "…" }),
  );
  showRecent();
}

export function showRecent() {
  const waiting = new Set(outbox.all().map(([, { body }]) => body.client_id));
  $("recent").replaceChildren(
    ...page.done
      .filter((a) => a.item)
      .slice(-10)
      .reverse()
      .map((a) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              class: waiting.has(a.client_id) ? "waiting" : "",
              onclick: () => askAboutRow(a.row),
              title: "Answer this row again",
            },
            itemView(a.item, true),
            h(
              "span",
              { class: "ellipsis" },
              a.cluster?.text ?? a.text,
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
}

// ------------------------------------------------------------------ views

export const write = (path, body) => call(path, { client_id: crypto.randomUUID(), who: page.who, ...body });
export const views = {
  answer: {
    open() {
      showQuestion();
    },
  },
};

/** A small picture of a row; a click asks about it. */
export function thumb(row, item, caption) {
  return h(
    "button",
    {
      type: "button",
      class: "tile",
      onclick: () => askAboutRow(row),
      title: caption ?? `Ask about row ${row}`,
      "aria-label": caption ?? `Ask about ${item.title}`,
    },
    itemView(item, true),
  );
}

/** Draw a view now, and again when the posterior is a new one. */
export function panel(name, load) {
  const draw = async () => {
    try {
      await load($(`view-${name}`));
    } catch (error) {
      toast(error.message);
    }
  };
  views[name] = {
    draw,
    open() {
      draw();
      listeners.add(draw);
    },
    close() {
      listeners.delete(draw);
    },
  };
}

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
      page.current = { ...query, answer: page.current.answer && query.answer };
  }
  page.named.clear();
  await refill();
  showQuestion();
  for (const listener of listeners) listener();
}

export function labelMany(rows, given, gesture) {
  for (const row of rows) page.gone.add(row);
  page.ahead = page.ahead.filter((q) => !page.gone.has(q.row));
  if (page.current && page.gone.has(page.current.row)) page.current = page.ahead.shift() ?? null;
  outbox.add("/api/label-many", { client_id: crypto.randomUUID(), who: page.who, rows, gesture, ...given });
  page.done.push({ batch: rows, sent: false });
  toast(`${rows.length} rows labelled.`, { text: "Undo", run: undo });
  flush();
}

export function show(name) {
  if (page.view === name) return;
  views[page.view]?.close?.();
  page.view = name;
  for (const button of document.querySelectorAll(".tabs button"))
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  for (const section of document.querySelectorAll(".view")) section.hidden = section.id !== `view-${name}`;
  views[name]?.open?.();
}

for (const button of document.querySelectorAll(".tabs button"))
  button.addEventListener("click", () => show(button.dataset.view));
