// Answers wait here, in this browser, until the server has them in its store. Each bears an id of its own, so that
// sending it again, after a lost reply or a reload, counts it once.

import { call, Refused, RUN } from "./server.js";

/** One entry for each answer, so that two tabs do not overwrite each other. */
export const outbox = {
  prefix: `activeclust:${RUN}:outbox:`,
  memory: new Map(), // where the browser keeps nothing
  count: 0,
  add(path, body) {
    const time = String(Date.now()).padStart(15, "0");
    const key = `${this.prefix}${time}-${String(++this.count).padStart(6, "0")}`;
    const letter = { path, body };
    try {
      localStorage.setItem(key, JSON.stringify(letter));
    } catch {
      this.memory.set(key, letter);
    }
    return key;
  },
  all() {
    const found = [...this.memory];
    try {
      for (let i = 0; i < localStorage.length; i += 1) {
        const key = localStorage.key(i);
        if (key.startsWith(this.prefix)) found.push([key, JSON.parse(localStorage.getItem(key))]);
      }
    } catch {
      /* what is in memory is all there is */
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  },
  drop(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      /* it was in memory */
    }
  },
  /** Rows that an answer waits for. */
  rows() {
    return this.all().flatMap(([, { body }]) => (body.row === undefined ? (body.rows ?? []) : [body.row]));
  },
};

/** What is done with replies; the question sets these. */
export const handlers = {
  wishes: () => ({}), // what an answer asks for in return; given how many letters follow
  replied: () => {},
  refused: () => {},
  failed: () => {}, // the server cannot be reached: with the error, and whether letters wait
  done: () => {},
};

let sending = false;
let wait = 0; // ms until the outbox is tried again
let retry = null;

/** Whether letters are on their way now. */
export const isSending = () => sending;

/** Send what waits, oldest first, one at a time: the order of a person's answers is the order of the log. */
export async function flush() {
  if (sending) return;
  sending = true;
  clearTimeout(retry);
  try {
    for (let letters = outbox.all(); letters.length; letters = outbox.all()) {
      const [key, { path, body }] = letters[0];
      try {
        const reply = await call(path, { ...body, ...handlers.wishes(body, letters.length - 1) });
        outbox.drop(key);
        wait = 0;
        handlers.replied(body, reply);
      } catch (error) {
        if (!final(error)) {
          later(error);
          return;
        }
        outbox.drop(key); // it will be refused for ever: say so, and ask again
        handlers.refused(body, error);
      }
    }
  } finally {
    sending = false;
    handlers.done();
  }
}

const final = (error) => error instanceof Refused && error.status < 500 && ![401, 403].includes(error.status);

/** Try again, after a while that grows. */
export function later(error, again = flush) {
  wait = Math.min(15000, wait ? wait * 2 : 500);
  clearTimeout(retry);
  retry = setTimeout(again, wait);
  handlers.failed(error, outbox.all().length);
}

/** The server answers (again): the next failure begins with a short wait. */
export const reached = () => {
  wait = 0;
};

/** The network is back: do not wait any longer. */
export function online() {
  wait = 0;
  flush();
}
