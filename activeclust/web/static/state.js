// Where the run stands as this page knows it: clusters, their keys and colours.

import { COLOURS } from "./colours.js";
import { letterOf } from "./letters.js";
import { kept } from "./server.js";

export const COMMANDS = { new: "n", skip: "s", unsure: "?", undo: "u", help: "h" };
export const COMMAND_NAMES = {
  new: "New cluster",
  skip: "Skip",
  unsure: "Unsure",
  undo: "Undo",
  help: "Show all keys",
};

export const page = {
  who: "",
  state: { version: 0, seq: 0, clusters: [], metrics: {}, answered: 0, rows: 0 },
  named: new Map(), // clusters named here that the server's posterior does not know of yet: id -> text
  current: null, // the question on the screen
  since: 0, // when it was shown
  ahead: [],
  gone: new Set(), // rows answered here, whatever the server's last posterior says
  done: [], // this session's answers, the newest last
  check: null, // random rows that are asked about without the model's guess: {queries, of}
  redo: [], // answers that were taken back, the newest last
  view: "answer",
};

export const clusters = () => {
  const known = new Set(page.state.clusters.map((c) => c.id));
  const more = [...page.named].filter(([id]) => !known.has(id));
  return [...page.state.clusters, ...more.map(([id, text]) => ({ id, text, rows: 0, answers: 0, key: "" }))];
};

export function remember({ id, text }) {
  if (!clusters().some((cluster) => cluster.id === id)) page.named.set(id, text);
}

/** The cluster that a typed name means, and one whose name differs only in what is easily mistyped. */
export function named(name) {
  const plain = (text) => text.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim();
  const all = clusters();
  return {
    same: all.find((c) => c.text === name),
    alike: all.find((c) => c.text !== name && plain(c.text) === plain(name)),
  };
}

export const keys = {
  single: kept.get("single", true),
  commands: { ...COMMANDS, ...kept.get("commands", {}) },
  own: kept.get("keys", {}), // cluster id -> key given by hand; the others come from the server
  order: kept.get("order", []), // cluster ids by the time they were first seen, for colours
  /** Every cluster gets a colour. */
  assign() {
    for (const { id } of clusters()) if (!this.order.includes(id)) this.order.push(id);
    this.save();
  },
  save() {
    kept.set("keys", this.own);
    kept.set("order", this.order);
    kept.set("commands", this.commands);
    kept.set("single", this.single);
  },
  /** The key that answers a cluster; "" where none is left. */
  of(id) {
    if (this.own[id]) return this.own[id];
    const key = clusters().find((c) => c.id === id)?.key ?? "";
    const taken = [...Object.values(this.commands), ...Object.values(this.own)].includes(key);
    return taken ? "" : key;
  },
  /** What a key does: a command, or a cluster's id. */
  meaning(key) {
    const command = Object.keys(this.commands).find((name) => this.commands[name] === key);
    if (command) return { command };
    const cluster = clusters().find((c) => this.of(c.id) === key);
    return cluster ? { cluster } : {};
  },
  colour(id) {
    return COLOURS[Math.max(0, this.order.indexOf(id)) % COLOURS.length];
  },
  /** A renamed cluster keeps its key and its colour. */
  moved(from, to) {
    if (this.own[from]) {
      this.own[to] = this.own[from];
      delete this.own[from];
    }
    const place = this.order.indexOf(from), // back to a name of before: the colour comes along
      there = this.order.indexOf(to);
    if (place >= 0 && there < 0) this.order[place] = to;
    else if (place >= 0) [this.order[place], this.order[there]] = [to, from];
    this.save();
  },
  /** Give a key to a cluster or command; whoever had it gets the old one. */
  give(table, name, key) {
    const before = table === "own" ? this.of(name) : this.commands[name];
    const { command, cluster } = this.meaning(key);
    if (command && command !== name) this.commands[command] = before;
    if (cluster && cluster.id !== name) this.own[cluster.id] = before;
    this[table][name] = key;
    for (const [id, held] of Object.entries(this.own)) if (!held) delete this.own[id];
    this.save();
  },
};

/** The key that was meant: a command's as it is, any other by its letter. */
export const keyOf = (event) =>
  Object.values(keys.commands).includes(event.key) ? event.key : letterOf(event);
