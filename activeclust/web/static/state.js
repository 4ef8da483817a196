// Where the run stands as this page knows it: clusters, their keys and colours.

import { kept } from "./server.js";

const COLOURS = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#d55e00",
  "#56b4e9",
  "#8c6bb1",
  "#b8a900",
  "#7f7f7f",
  "#882255",
  "#e7298a",
  "#a6761d",
  "#3b5b92",
  "#66a61e",
  "#c44e52",
  "#17becf",
];
export const COMMANDS = { new: "n", skip: "s", unsure: "?", undo: "u" };
export const COMMAND_NAMES = { new: "New cluster", skip: "Skip", unsure: "Unsure", undo: "Undo" };

export const page = {
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

export const clusters = () => {
  const known = new Set(page.state.clusters.map((c) => c.id));
  const more = [...page.named].filter(([id]) => !known.has(id));
  return [...page.state.clusters, ...more.map(([id, text]) => ({ id, text, rows: 0, answers: 0 }))];
};

export function remember({ id, text }) {
  if (!clusters().some((cluster) => cluster.id === id)) page.named.set(id, text);
}

export const keys = {
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
    if (this.free().length === 0)
      for (const id of Object.keys(this.own)) if (!ids.includes(id)) delete this.own[id];
    const free = this.free();
    for (const id of ids) {
      if (!this.own[id] && free.length) this.own[id] = free.shift();
      if (!this.order.includes(id)) this.order.push(id);
    }
    this.save();
  },
  save() {
    kept.set("keys", this.own);
    kept.set("order", this.order);
    kept.set("commands", this.commands);
    kept.set("single", this.single);
  },
  of(id) {
    return this.own[id] ?? "";
  },
  colour(id) {
    return COLOURS[Math.max(0, this.order.indexOf(id)) % COLOURS.length];
  },
  moved(from, to) {
    // a renamed cluster keeps its key and its colour
    if (this.own[from]) {
      this.own[to] = this.own[from];
      delete this.own[from];
    }
    const place = this.order.indexOf(from);
    if (place >= 0 && !this.order.includes(to)) this.order[place] = to;
    this.save();
  },
  /** Give a key to a cluster or command; whoever had it gets the old one. */
  give(table, name, key) {
    const before = this[table][name] ?? "";
    for (const other of [this.commands, this.own])
      for (const [holder, held] of Object.entries(other))
        if (held === key) {
          if (before) other[holder] = before;
          else delete other[holder];
        }
    this[table][name] = key;
    this.save();
  },
};
