// The annotation page. Everything that comes from the data or from people is put in with textContent.
//
// The person never waits: the next rows are here before they are asked about, and an answer is kept in this
// browser (the outbox) until the server has it in its store. An answer bears an id of its own, so that
// sending it again, after a lost reply or a reload, counts it once.

const RUN = document.body.dataset.run;
const AHEAD = 3; // rows held here: the one that is shown, and those after it
const SHOWN = 5; // suggestions that get a bar
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6bb1", "#b8a900",
  "#7f7f7f", "#1b9e77", "#e7298a", "#a6761d", "#3b5b92", "#66a61e", "#c44e52", "#17becf"];
const COMMANDS = { new: "n", skip: "s", unsure: "?", undo: "u" };
const COMMAND_NAMES = { new: "New cluster", skip: "Skip", unsure: "Unsure", undo: "Undo" };

const $ = (id) => document.getElementById(id);

/** An element; attributes starting with "on" are listeners, everything else is set as a property or attribute. */
function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "colour") element.style.setProperty("--c", value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(tag, given = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const percent = (p) => (p >= 0.995 ? ">99 %" : p < 0.005 ? "<1 %" : `${Math.round(100 * p)} %`);
const short = (text, n = 24) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

// ------------------------------------------------------------------ what is kept in this browser

const kept = {
  get(name, otherwise) {
    try { return JSON.parse(localStorage.getItem(`activeclust:${RUN}:${name}`)) ?? otherwise; } catch { return otherwise; }
  },
  set(name, value) {
    try { localStorage.setItem(`activeclust:${RUN}:${name}`, JSON.stringify(value)); } catch { /* full or forbidden */ }
  },
};

/** Answers that the server has not acknowledged. One entry each, so that two tabs do not overwrite each other. */
const outbox = {
  prefix: `activeclust:${RUN}:outbox:`,
  memory: new Map(), // where the browser keeps nothing
  add(path, body) {
    const key = `${this.prefix}${String(Date.now()).padStart(15, "0")}-${String(++outbox.count).padStart(6, "0")}`;
    const letter = { path, body };
    try { localStorage.setItem(key, JSON.stringify(letter)); } catch { this.memory.set(key, letter); }
    return key;
  },
  count: 0,
  all() {
    const found = [...this.memory];
    for (let i = 0; i < localStorage.length; i += 1) {
      const key = localStorage.key(i);
      if (key.startsWith(this.prefix)) found.push([key, JSON.parse(localStorage.getItem(key))]);
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  },
  drop(key) { localStorage.removeItem(key); this.memory.delete(key); },
};

// ------------------------------------------------------------------ talking to the server

class Refused extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

async function call(path, body) {
  const request = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(path, { ...request, signal: AbortSignal.timeout(20000) });
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  throw new Refused(said.error ?? response.statusText, response.status);
}

const page = {
  who: kept.get("who", document.body.dataset.who),
  state: { version: 0, seq: 0, clusters: [], metrics: {}, answered: 0, rows: 0 },
  named: new Map(), // clusters named here that the server's posterior does not know of yet: id -> text
  current: null, // the question on the screen
  since: 0, // when it was shown
  ahead: [],
  gone: new Set(), // rows answered here, whatever the server's last view says
  done: [], // this session's answers, the newest last
  view: "answer",
};

let sending = false;
let wait = 0; // ms until the outbox is tried again
let retry = null;

/** Send what waits, oldest first, one at a time: the order of a person's answers is the order of the log. */
async function flush() {
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
        if (!(error instanceof Refused) || error.status >= 500 || error.status === 401 || error.status === 403) {
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

function later(error) {
  const n = outbox.all().length;
  wait = Math.min(15000, wait ? wait * 2 : 500);
  retry = setTimeout(n ? flush : refill, wait);
  const waiting = n ? ` ${n} answer${n > 1 ? "s wait" : " waits"} in this browser.` : "";
  const closed = error.status === 401 || error.status === 403;
  say("network", (closed ? "The server was started again: open the address that it shows." : error.status === 503
    ? "The server is busy." : "No connection.") + waiting);
}

const wishes = (others) => ({ want: AHEAD + others, have: [page.current, ...page.ahead].filter(Boolean).map((q) => q.row) });

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
async function refill() {
  if (outbox.all().length) { flush(); return; }
  try {
    receive(await call("/api/next", { who: page.who, ...wishes(0) }));
    wait = 0;
    say("network", "");
  } catch (error) { later(error); }
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
function follow() {
  clearTimeout(following);
  const soon = page.state.behind || !page.current;
  following = setTimeout(async () => {
    try {
      const before = page.state.version;
      const state = await call(`/api/state?since=${page.state.version}`);
      if (!state.same) {
        showState(state);
        if (state.version !== before || !page.current) await refill();
        for (const listener of listeners) listener();
      }
      if (!outbox.all().length) say("network", "");
    } catch (error) { later(error); }
    follow();
  }, document.hidden ? 15000 : soon ? 300 : 4000);
}

const listeners = new Set(); // views that show the posterior

// ------------------------------------------------------------------ answering

function answer(given) {
  const query = page.current;
  if (!query) return;
  const body = {
    client_id: crypto.randomUUID(), who: page.who, row: query.row, ...given,
    seconds: (performance.now() - page.since) / 1000,
    suggestions: query.suggestions.map(({ id, p }) => [id, p]),
  };
  const text = given.name ?? given.signal ?? (clusters().find((c) => c.id === given.cluster)?.text ?? given.cluster);
  if (given.name && !clusters().some((c) => c.text === given.name)) remember({ id: JSON.stringify(given.name), text: given.name });
  page.gone.add(query.row);
  page.done.push({ client_id: body.client_id, row: query.row, item: query.item, text, signal: given.signal, query, sent: false });
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
function askAbout(query) {
  if (page.current && page.current.row !== query.row && !page.current.answer) page.ahead.unshift(page.current);
  page.ahead = page.ahead.filter((other) => other.row !== query.row);
  page.gone.delete(query.row);
  page.current = query;
  page.since = performance.now();
  show("answer");
  showQuestion();
}

async function askAboutRow(row) {
  try { askAbout((await call(`/api/rows/${row}`)).query); } catch (error) { toast(error.message); }
}

function undo() {
  const last = page.done.at(-1);
  const unsent = last?.query && outbox.all().find(([, { body }]) => body.client_id === last.client_id);
  if (unsent && !sending) { // nobody has heard of it
    outbox.drop(unsent[0]);
    page.done.pop();
    askAbout({ ...last.query, answer: null });
    return;
  }
  outbox.add("/api/undo", { client_id: crypto.randomUUID(), who: page.who });
  if (last?.batch) page.done.pop();
  if (last?.query) { page.done.pop(); askAbout({ ...last.query, answer: null }); }
  flush();
}

function undone({ undone: events, queries }) {
  if (!events.length) { toast("There is nothing to take back."); return; }
  for (const { row } of events) { page.gone.delete(row); page.done = page.done.filter((a) => a.row !== row || !a.sent); }
  const [query] = queries;
  if (query && events.length === 1 && page.current?.row !== query.row) askAbout({ ...query, answer: null });
  toast(events.length > 1 ? `Took ${events.length} answers back.` : `Took back: row ${events[0].row}${events[0].cluster ? ` is ${short(events[0].cluster.text)}` : ""}.`);
}

// ------------------------------------------------------------------ clusters, colours and keys

const clusters = () => {
  const known = new Set(page.state.clusters.map((c) => c.id));
  const more = [...page.named].filter(([id]) => !known.has(id));
  return [...page.state.clusters, ...more.map(([id, text]) => ({ id, text, rows: 0, answers: 0 }))];
};

function remember({ id, text }) {
  if (!clusters().some((cluster) => cluster.id === id)) page.named.set(id, text);
}

const keys = {
  single: kept.get("single", true),
  commands: { ...COMMANDS, ...kept.get("commands", {}) },
  own: kept.get("keys", {}), // cluster id -> key; a cluster keeps its key while the page knows of it
  order: kept.get("order", []), // cluster ids by the time they were first seen, for colours
  free() {
    const used = new Set([...Object.values(this.commands), ...Object.values(this.own)]);
    return [..."123456789abcdefghijklmnopqrstuvwxyz"].filter((key) => !used.has(key));
  },
  /** Every cluster gets a key as long as there are some, and a colour; those of clusters that are gone are freed. */
  assign() {
    const ids = clusters().map((c) => c.id);
    if (this.free().length === 0) for (const id of Object.keys(this.own)) if (!ids.includes(id)) delete this.own[id];
    const free = this.free();
    for (const id of ids) {
      if (!this.own[id] && free.length) this.own[id] = free.shift();
      if (!this.order.includes(id)) this.order.push(id);
    }
    this.save();
  },
  save() { kept.set("keys", this.own); kept.set("order", this.order); kept.set("commands", this.commands); kept.set("single", this.single); },
  of(id) { return this.own[id] ?? ""; },
  colour(id) { return COLOURS[Math.max(0, this.order.indexOf(id)) % COLOURS.length]; },
  moved(from, to) { // a renamed cluster keeps its key and its colour
    if (this.own[from]) { this.own[to] = this.own[from]; delete this.own[from]; }
    const place = this.order.indexOf(from);
    if (place >= 0 && !this.order.includes(to)) this.order[place] = to;
    this.save();
  },
  /** Give a key to a cluster or command; whoever had it gets the old one. */
  give(table, name, key) {
    const before = this[table][name] ?? "";
    for (const other of [this.commands, this.own])
      for (const [holder, held] of Object.entries(other)) if (held === key) { if (before) other[holder] = before; else delete other[holder]; }
    this[table][name] = key;
    this.save();
  },
};

document.addEventListener("keydown", (event) => {
  const inField = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !inField && page.view === "answer") { event.preventDefault(); undo(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || inField || page.view !== "answer") return;
  if (event.key === "Enter" && !event.target.closest("button, a, summary")) {
    if (!event.repeat && page.current?.suggestions.length) { event.preventDefault(); answer({ cluster: page.current.suggestions[0].id }); }
    return;
  }
  if (!keys.single || event.repeat) return; // a key held down is one answer
  const command = Object.keys(keys.commands).find((name) => keys.commands[name] === event.key);
  if (command) { event.preventDefault(); act(command); return; }
  const id = Object.keys(keys.own).find((name) => keys.own[name] === event.key);
  if (id && clusters().some((c) => c.id === id)) { event.preventDefault(); answer({ cluster: id }); }
});

function act(command) {
  if (command === "new") $("new-name").focus();
  else if (command === "undo") undo();
  else answer({ signal: command });
}

// ------------------------------------------------------------------ showing

function say(id, text) { if ($(id).textContent !== text) $(id).textContent = text; }

function toast(text, action) {
  const box = h("div", { class: "toast" }, h("span", { textContent: text }));
  if (action) box.append(h("button", { type: "button", textContent: action.text, onclick: () => { box.remove(); action.run(); } }));
  $("toasts").append(box);
  setTimeout(() => box.remove(), action ? 9000 : 4500);
}

function showState(state) {
  page.state = state;
  for (const [id] of page.named) if (state.clusters.some((c) => c.id === id)) page.named.delete(id);
  keys.assign();
  const total = state.budget ?? state.rows;
  const bar = $("progress-bar");
  bar.setAttribute("aria-valuemax", total);
  bar.setAttribute("aria-valuenow", state.answered);
  bar.firstElementChild.style.width = `${Math.min(100, (100 * state.answered) / Math.max(1, total))}%`;
  const waiting = outbox.all().length;
  $("answered").replaceChildren(h("b", { textContent: state.answered + waiting }), ` of ${total.toLocaleString("en")} ${state.budget ? "answers" : "rows"} answered`);
  const { expected_accuracy: sure, v_measure: known, agreement } = state.metrics;
  $("sure").replaceChildren(...(sure == null ? [] : ["sure of ", h("b", { textContent: percent(sure) }), ...(known == null ? [] : [", V-measure ", h("b", { textContent: known.toFixed(2) })])]));
  $("stop-signal").className = state.converged ? "fact done" : "fact";
  $("stop-signal").textContent = state.converged ? "Further answers hardly change the partition: you may stop."
    : agreement == null ? "" : `last answer moved ${percent(1 - agreement)} of it`;
  if (state.trouble) say("network", `The model cannot go on: ${state.trouble}`);
}

/** The item of a row, large or as a thumbnail. */
function itemView(item, thumbnail = false) {
  if (item.kind === "picture")
    return h("img", { src: item.src, alt: item.title, class: (thumbnail ? "thumb " : "") + (item.small ? "pixels" : ""), draggable: false });
  const text = item.kind === "text" ? item.text : item.kind === "columns" ? item.columns.map((c) => c[1]).join(" · ") : item.numbers.join(" ");
  if (thumbnail) return h("span", { class: "thumb", title: short(text, 200), textContent: short(text, 10) });
  if (item.kind === "text") return h("p", { class: "prose", textContent: item.text });
  if (item.kind === "columns") return h("dl", {}, item.columns.flatMap(([name, value]) => [h("dt", { textContent: name }), h("dd", { textContent: value })]));
  return numbersView(item);
}

function numbersView(item) {
  const values = item.numbers.map(Number);
  const low = Math.min(0, ...values), high = Math.max(0, ...values), span = high - low || 1;
  const width = 100 / values.length;
  const bars = values.map((value, i) => svg("rect", { x: i * width + width * 0.1, width: width * 0.8,
    y: (100 * (high - Math.max(0, value))) / span, height: Math.max(0.5, (100 * Math.abs(value)) / span), fill: "var(--accent)" }));
  return h("div", { class: "numbers" }, svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": "The row's numbers as bars" }, ...bars),
    h("p", { textContent: item.numbers.join("   ") + (item.more ? `   … ${item.more} more` : "") }));
}

const ENDS = {
  budget: "The budget is used up.",
  converged: "Further answers no longer change the partition.",
};

function showQuestion(said = "") {
  const query = page.current;
  keys.assign();
  if (!query) return showNothing(said);
  say("question-title", query.item.title.startsWith("row ") ? `Row ${query.row.toLocaleString("en")}` : query.item.title);
  $("question-note").textContent = query.answer ? `answered: ${short(query.answer.text)}` : "";
  $("item").replaceChildren(itemView(query.item));
  const bars = query.suggestions.slice(0, SHOWN);
  $("suggestions").replaceChildren(...bars.map((s, i) => h("li", {}, bar(s, i))),
    ...(bars.length ? [h("li", { class: "nothing-new" }, h("span", { textContent: "none of these" }), h("span", { textContent: percent(query.new) }))]
      : [h("li", { class: "hint", textContent: clusters().length ? "No suggestion yet." : "Nothing has a name yet. What is this? Type a name below." })]));
  const rest = clusters().filter((c) => !bars.some((s) => s.id === c.id));
  $("others").replaceChildren(...rest.map((c) => h("button", { type: "button", onclick: () => answer({ cluster: c.id }) },
    h("kbd", { textContent: keys.of(c.id) }), h("i", { class: "swatch", colour: keys.colour(c.id) }), h("span", { class: "name", textContent: c.text }))));
  $("cluster-names").replaceChildren(...clusters().map((c) => h("option", { value: c.text })));
  showKeys();
  showRecent();
  if (page.view === "answer" && !$("settings").open) {
    // a screen reader hears the question; and Enter is the first suggestion, not the button pressed last
    if (!bars.length && !matchMedia("(hover: none)").matches && document.activeElement !== $("new-name") && !clusters().length) $("new-name").focus();
    else if (bars.length || document.activeElement === document.body) $("question").focus({ preventScroll: true });
  }
  if (said) $("question").setAttribute("aria-label", `${said}Row ${query.row}`);
}

function bar(suggestion, place) {
  const fill = h("i", { class: "fill" });
  fill.style.width = `${100 * suggestion.p}%`;
  return h("button", { type: "button", class: place === 0 ? "bar first" : "bar", onclick: () => answer({ cluster: suggestion.id }),
    "aria-keyshortcuts": keys.single ? keys.of(suggestion.id) : null },
    h("kbd", { textContent: keys.of(suggestion.id) }), h("i", { class: "swatch", colour: keys.colour(suggestion.id) }),
    h("span", { class: "name", textContent: suggestion.text }), h("span", { class: "share", textContent: percent(suggestion.p) }), fill);
}

function showNothing() {
  const why = page.state.ended ? ENDS[page.state.ended] : page.state.answered && !page.state.behind ? "Every row has been answered or set aside." : null;
  say("question-title", why ? "Nothing more to ask" : "The next row is being chosen …");
  $("question-note").textContent = "";
  $("suggestions").replaceChildren();
  $("others").replaceChildren();
  $("item").replaceChildren(why ? h("div", { class: "ended" }, h("p", { textContent: why }),
    h("a", { class: "button primary", href: "/export/csv", download: "", textContent: "Export answers (CSV)" })) : h("p", { class: "hint", textContent: "…" }));
  showRecent();
}

function showRecent() {
  const waiting = new Set(outbox.all().map(([, { body }]) => body.client_id));
  $("recent").replaceChildren(...page.done.filter((a) => a.item).slice(-10).reverse().map((a) => h("li", {}, h("button", { type: "button",
    class: waiting.has(a.client_id) ? "waiting" : "", onclick: () => askAboutRow(a.row), title: "Answer this row again" },
    itemView(a.item, true), h("span", { class: "ellipsis" }, a.cluster?.text ?? a.text, h("small", { class: "recent-state", textContent: `row ${a.row}` }))))));
}

function showKeys() {
  document.body.classList.toggle("no-keys", !keys.single);
  for (const key of document.querySelectorAll("kbd[data-command]")) key.textContent = keys.commands[key.dataset.command];
}

// ------------------------------------------------------------------ views

const write = (path, body) => call(path, { client_id: crypto.randomUUID(), who: page.who, ...body });
const views = { answer: { open() { showQuestion(); } } };

/** A small picture of a row; a click asks about it. */
function thumb(row, item, caption) {
  return h("button", { type: "button", class: "tile", onclick: () => askAboutRow(row), title: caption ?? `Ask about row ${row}`, "aria-label": caption ?? `Ask about ${item.title}` }, itemView(item, true));
}

/** Draw a view now, and again when the posterior is a new one. */
function panel(name, load) {
  const draw = async () => {
    try { await load($(`view-${name}`)); } catch (error) { toast(error.message); }
  };
  views[name] = { draw, open() { draw(); listeners.add(draw); }, close() { listeners.delete(draw); } };
}

/** After a change that is not an answer: hold no suggestion under an old name. */
async function changed(reply, text) {
  toast(text, { text: "Undo", run: async () => {
    try { await write("/api/undo", { target: reply.seq }); await catchUp(); } catch (error) { toast(error.message); }
  } });
  await catchUp();
}

async function catchUp() {
  for (let i = 0; i < 40; i += 1) {
    showState(await call("/api/state"));
    if (!page.state.behind) break;
    await new Promise((done) => setTimeout(done, 250));
  }
  if (page.current) {
    const { query } = await call(`/api/rows/${page.current.row}`);
    if (page.current?.row === query.row) page.current = { ...query, answer: page.current.answer && query.answer };
  }
  page.named.clear();
  await refill();
  showQuestion();
  for (const listener of listeners) listener();
}

// clusters ------------------------------------------------------------

panel("clusters", async (place) => {
  if (place.contains(document.activeElement) && ["INPUT", "SELECT"].includes(document.activeElement.tagName)) return; // somebody is typing
  const { clusters: all } = await call("/api/clusters");
  place.replaceChildren(h("h2", { textContent: all.length ? `${all.length} cluster${all.length > 1 ? "s" : ""}` : "No cluster has a name yet" }),
    h("ul", { class: "cluster-list" }, all.map((c) => clusterCard(c, all))));
});

function clusterCard(cluster, all) {
  const rename = h("input", { value: cluster.text, maxLength: 200, "aria-label": `New name for ${cluster.text}`, spellcheck: false });
  const into = h("select", { "aria-label": `Merge ${cluster.text} into` }, h("option", { value: "", textContent: "Merge into …" }),
    all.filter((c) => c.id !== cluster.id).map((c) => h("option", { value: c.id, textContent: short(c.text, 40) })));
  into.addEventListener("change", async () => {
    const target = all.find((c) => c.id === into.value);
    into.blur();
    try { await changed(await write("/api/merge", { cluster: cluster.id, into: target.id }), `Merged ${short(cluster.text)} into ${short(target.text)}.`); } catch (error) { toast(error.message); }
  });
  return h("li", { class: "panel cluster" },
    h("form", { class: "cluster-head", onsubmit: async (event) => {
      event.preventDefault();
      const name = rename.value.trim();
      rename.blur();
      if (!name || name === cluster.text) return;
      try {
        const reply = await write("/api/rename", { cluster: cluster.id, name });
        keys.moved(cluster.id, reply.cluster.id);
        await changed(reply, `Renamed ${short(cluster.text)} to ${short(name)}.`);
      } catch (error) { toast(error.message); rename.value = cluster.text; }
    } }, h("i", { class: "swatch", colour: keys.colour(cluster.id) }), rename, h("button", { type: "submit", textContent: "Rename" }), all.length > 1 ? into : null),
    h("p", { class: "hint" }, h("kbd", { textContent: keys.of(cluster.id) }), ` ${cluster.answers} answer${cluster.answers === 1 ? "" : "s"}, ${cluster.rows.toLocaleString("en")} rows look like it`),
    h("div", { class: "tiles" }, cluster.anchors.map((a) => h("span", { class: "anchor" }, thumb(a.row, a.item, `Answered: row ${a.row}`))),
      cluster.examples.map((e) => thumb(e.row, e.item))));
}

// past answers --------------------------------------------------------

const KINDS = { skip: "skipped", unsure: "unsure" };

panel("answers", async (place) => {
  const { lines, more } = await call("/api/answers");
  const list = h("ol", { class: "log" }, lines.map(logLine));
  const further = h("button", { type: "button", textContent: "Older answers", hidden: !more, onclick: async () => {
    try {
      const older = await call(`/api/answers?before=${list.lastElementChild.dataset.seq}`);
      list.append(...older.lines.map(logLine));
      further.hidden = !older.more;
    } catch (error) { toast(error.message); }
  } });
  place.replaceChildren(h("div", { class: "panel-head" }, h("h2", { textContent: lines.length ? "Past answers, the newest first" : "No answer yet" }),
    h("a", { class: "button", href: "/export/csv", download: "", textContent: "CSV" }), h("a", { class: "button", href: "/export/jsonl", download: "", textContent: "JSON lines" }),
    h("a", { class: "button", href: "/export/label-studio", download: "", textContent: "Label Studio" })), list, further);
});

function logLine(line) {
  const at = new Date(line.at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const words = line.cluster ? line.cluster.text : KINDS[line.kind] ?? line.says;
  const state = line.undone ? "taken back" : line.replaced ? "answered again since" : "";
  return h("li", { "class": line.undone || line.replaced ? "panel old" : "panel", "data-seq": line.seq },
    line.item ? thumb(line.row, line.item) : h("span", { class: "thumb", textContent: "⇄" }),
    h("span", { class: "log-text" }, h("b", {}, line.cluster ? h("i", { class: "swatch", colour: keys.colour(line.cluster.id) }) : null, ` ${short(words, 80)}`),
      h("small", { textContent: [line.row === undefined ? "" : `row ${line.row}`, line.who, at, state].filter(Boolean).join(" · ") })),
    line.item && !line.undone && !line.replaced ? h("button", { type: "button", textContent: "Change", onclick: () => askAboutRow(line.row) }) : null,
    line.can_undo && !line.replaced ? h("button", { type: "button", textContent: "Take back", onclick: async () => {
      try { await write("/api/undo", { target: line.seq }); page.gone.delete(line.row); page.done = page.done.filter((a) => a.seq !== line.seq); await catchUp(); } catch (error) { toast(error.message); }
    } }) : null);
}

// progress ------------------------------------------------------------

const CURVES = { expected_accuracy: ["sure of", "#0072b2"], agreement: ["agreement with the round before", "#e69f00"], accuracy: ["accuracy", "#009e73"], v_measure: ["V-measure, by the known labels", "#cc79a7"] };

panel("progress", async (place) => {
  const { names, points, converged } = await call("/api/curves");
  const old = place.querySelector("#suspects");
  place.replaceChildren(
    h("section", { class: "panel pad" }, h("h2", { textContent: "The partition against the answers" }),
      names.length && points.length > 1 ? chart(names, points) : h("p", { class: "hint", textContent: "A curve begins with the second answer." }),
      h("p", { class: "hint", textContent: converged ? "The last answers no longer changed the partition: you may stop." : "When agreement stays near 100 %, further answers no longer change the partition. None of these but the known labels sees the truth: a model that is sure and wrong looks the same." })),
    h("section", { class: "panel pad" }, h("h2", { textContent: "Answers to look at again" }), h("p", { class: "hint", textContent: "Answers that the others contradict." }),
      old ?? h("div", { id: "suspects" }, h("button", { type: "button", textContent: "Look for them", onclick: findSuspects }))));
});

async function findSuspects() {
  const box = $("suspects");
  box.replaceChildren(h("p", { class: "hint", textContent: "Looking …" }));
  try {
    const { suspects } = await call("/api/suspects");
    box.replaceChildren(h("button", { type: "button", textContent: "Look again", onclick: findSuspects }),
      suspects.length ? h("ol", { class: "log" }, suspects.map((s) => h("li", { class: "panel" }, thumb(s.row, s.item),
        h("span", { class: "log-text" }, h("b", { textContent: s.cluster.text }), h("small", { textContent: `row ${s.row} · the others say otherwise with ${percent(s.score)}` })),
        h("button", { type: "button", textContent: "Change", onclick: () => askAboutRow(s.row) }))))
        : h("p", { class: "hint", textContent: "None: every answer fits the others." }));
  } catch (error) { box.replaceChildren(h("button", { type: "button", textContent: "Look for them", onclick: findSuspects })); toast(error.message); }
}

function chart(names, points) {
  const width = 900, height = 320, left = 46, bottom = 34, top = 10, right = 12;
  const last = Math.max(1, points.at(-1)[0]);
  const x = (budget) => left + ((width - left - right) * budget) / last, y = (value) => top + (height - top - bottom) * (1 - Math.max(0, Math.min(1, value)));
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "chart", "aria-label": names.map((n) => `${CURVES[n][0]} ${percent(points.at(-1)[1 + names.indexOf(n)] ?? 0)}`).join(", ") });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    drawing.append(svg("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), class: "grid-line" }), svg("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`));
  }
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((s) => last / s <= 8) ?? 10000;
  for (let b = 0; b <= last; b += step) drawing.append(svg("text", { x: x(b), y: height - 12, "text-anchor": "middle" }, String(b)));
  names.forEach((name, i) => {
    const known = points.filter((p) => p[i + 1] !== null);
    drawing.append(svg("polyline", { points: known.map((p) => `${x(p[0]).toFixed(1)},${y(p[i + 1]).toFixed(1)}`).join(" "), class: "curve", stroke: CURVES[name][1] }));
  });
  return h("figure", {}, drawing, h("figcaption", { class: "legend" }, names.map((n) => h("span", {}, h("i", { class: "swatch", colour: CURVES[n][1] }), ` ${CURVES[n][0]}`)), h("span", { class: "hint", textContent: "against the number of answers" })));
}

// grid ----------------------------------------------------------------

const GRID = 24;
const grid = { rows: [], out: new Set(), cluster: null };

views.grid = {
  open() { drawGrid(); },
  close() { giveBack(grid.rows.map((q) => q.row)); grid.rows = []; },
};

const giveBack = (rows) => { if (rows.length) call("/api/put-back", { who: page.who, rows }).catch(() => {}); }; // the lease runs out by itself too

function drawGrid() {
  const place = $("view-grid");
  const names = page.state.clusters.filter((c) => c.rows > c.answers);
  const chosen = clusters().find((c) => c.id === grid.cluster);
  const choice = h("select", { id: "grid-cluster", "aria-label": "Cluster" }, h("option", { value: "", textContent: "Choose a cluster …" }),
    names.map((c) => h("option", { value: c.id, textContent: `${short(c.text, 40)} (${c.rows - c.answers} more look like it)`, selected: c.id === grid.cluster })));
  choice.addEventListener("change", () => { grid.cluster = choice.value; fetchGrid(); });
  const taken = grid.rows.length - grid.out.size;
  place.replaceChildren(h("div", { class: "panel-head" }, h("h2", { textContent: chosen && grid.rows.length ? `These ${grid.rows.length} look like ${short(chosen.text, 40)}` : "Many rows that look alike" }), choice,
    grid.rows.length ? h("button", { type: "button", class: "primary", id: "grid-take", disabled: taken === 0, onclick: takeGrid, textContent: `Take ${taken}${grid.out.size ? `, leave ${grid.out.size}` : ""}` }) : null),
    h("p", { class: "hint", textContent: names.length ? grid.rows.length ? "Click those that are something else; all others get the label." : chosen ? "No open row looks like it." : "Choose a cluster to see the open rows that look most like it." : "Name some rows first: this view shows many that look like them." }),
    h("div", { class: "grid-tiles" }, grid.rows.map((q) => h("button", { type: "button", class: "grid-tile", "aria-pressed": grid.out.has(q.row), "aria-label": `${q.item.title}: something else`, onclick: () => {
      if (!grid.out.delete(q.row)) grid.out.add(q.row);
      drawGrid();
      place.querySelector(`[data-row="${q.row}"]`)?.focus();
    }, "data-row": q.row }, itemView(q.item, true)))));
}

async function fetchGrid() {
  giveBack(grid.rows.map((q) => q.row));
  Object.assign(grid, { rows: [], out: new Set() });
  if (grid.cluster) try { grid.rows = (await call("/api/alike", { who: page.who, cluster: grid.cluster, n: GRID })).queries.filter((q) => !page.gone.has(q.row)); } catch (error) { toast(error.message); }
  drawGrid();
}

function takeGrid() {
  const rows = grid.rows.map((q) => q.row).filter((row) => !grid.out.has(row));
  labelMany(rows, { cluster: grid.cluster }, "grid");
  page.ahead.unshift(...grid.rows.filter((q) => grid.out.has(q.row))); // these are asked about one by one
  Object.assign(grid, { rows: [], out: new Set() });
  drawGrid();
  setTimeout(fetchGrid, 400);
}

function labelMany(rows, given, gesture) {
  for (const row of rows) page.gone.add(row);
  page.ahead = page.ahead.filter((q) => !page.gone.has(q.row));
  if (page.current && page.gone.has(page.current.row)) page.current = page.ahead.shift() ?? null;
  outbox.add("/api/label-many", { client_id: crypto.randomUUID(), who: page.who, rows, gesture, ...given });
  page.done.push({ batch: rows, sent: false });
  toast(`${rows.length} rows labelled.`, { text: "Undo", run: undo });
  flush();
}

function show(name) {
  if (page.view === name) return;
  views[page.view]?.close?.();
  page.view = name;
  for (const button of document.querySelectorAll(".tabs button"))
    if (button.dataset.view === name) button.setAttribute("aria-current", "page"); else button.removeAttribute("aria-current");
  for (const section of document.querySelectorAll(".view")) section.hidden = section.id !== `view-${name}`;
  views[name]?.open?.();
}

for (const button of document.querySelectorAll(".tabs button")) button.addEventListener("click", () => show(button.dataset.view));

// ------------------------------------------------------------------ settings

function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("activeclust:theme", theme); } catch { /* not kept */ }
}

function showWho() { $("who-shown").textContent = page.who ? `${short(page.who, 16)} · Settings` : "Settings"; }

function keyField(table, name, text) {
  const field = h("input", { value: keys[table][name] ?? "", "aria-label": `Key for ${text}`, readOnly: true });
  field.addEventListener("keydown", (event) => {
    if (["Tab", "Escape", "Enter", "Shift"].includes(event.key)) return;
    event.preventDefault();
    if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
    keys.give(table, name, event.key);
    fillKeys();
    [...$("keys").querySelectorAll("input")].find((other) => other.getAttribute("aria-label") === `Key for ${text}`)?.focus();
  });
  return h("label", {}, h("span", { class: "ellipsis", textContent: text }), field);
}

function fillKeys() {
  $("keys").replaceChildren(...Object.entries(COMMAND_NAMES).map(([name, text]) => keyField("commands", name, text)),
    ...clusters().map((c) => keyField("own", c.id, c.text)));
}

$("open-settings").addEventListener("click", () => {
  $("who").value = page.who;
  $("theme").value = localStorage.getItem("activeclust:theme") ?? "auto";
  $("single-keys").checked = keys.single;
  fillKeys();
  $("settings").showModal();
});
$("theme").addEventListener("change", () => applyTheme($("theme").value));
$("single-keys").addEventListener("change", () => { keys.single = $("single-keys").checked; keys.save(); showKeys(); });
$("reset-keys").addEventListener("click", () => { keys.commands = { ...COMMANDS }; keys.own = {}; keys.assign(); fillKeys(); });
$("settings").addEventListener("close", async () => {
  const who = $("who").value.trim();
  if (who !== page.who) {
    const held = [page.current, ...page.ahead].filter(Boolean).map((q) => q.row);
    call("/api/put-back", { who: page.who, rows: held }).catch(() => {}); // the lease runs out by itself too
    Object.assign(page, { who, current: null, ahead: [] });
    kept.set("who", who);
    showWho();
    await refill();
  }
  showQuestion();
});

// ------------------------------------------------------------------ beginning

$("skip").addEventListener("click", () => act("skip"));
$("unsure").addEventListener("click", () => act("unsure"));
$("undo").addEventListener("click", () => act("undo"));
$("new-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("new-name").value.trim();
  if (!name || !page.current) return;
  $("new-name").value = "";
  $("new-name").blur();
  answer({ name });
});
$("new-name").addEventListener("keydown", (event) => { if (event.key === "Escape") { event.target.blur(); $("question").focus(); } });
addEventListener("online", () => { wait = 0; flush(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) follow(); });
addEventListener("storage", () => showRecent());

try { applyTheme(localStorage.getItem("activeclust:theme") ?? "auto"); } catch { /* as the system */ }
showWho();
showKeys();
for (const [, { body }] of outbox.all()) if (body.row !== undefined) page.gone.add(body.row);
await flush();
await refill();
follow();
