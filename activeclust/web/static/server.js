// What is kept in this browser until the server has it, and talking to the server.

export const RUN = document.body.dataset.run;

export const kept = {
  get(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`activeclust:${RUN}:${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`activeclust:${RUN}:${name}`, JSON.stringify(value));
    } catch {
      /* full or forbidden */
    }
  },
};

/** Answers that the server has not acknowledged. One entry each, so that two tabs do not overwrite each other. */
export const outbox = {
  prefix: `activeclust:${RUN}:outbox:`,
  memory: new Map(), // where the browser keeps nothing
  add(path, body) {
    const key = `${this.prefix}${String(Date.now()).padStart(15, "0")}-${String(++outbox.count).padStart(6, "0")}`;
    const letter = { path, body };
    try {
      localStorage.setItem(key, JSON.stringify(letter));
    } catch {
      this.memory.set(key, letter);
    }
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
  drop(key) {
    localStorage.removeItem(key);
    this.memory.delete(key);
  },
};

// ------------------------------------------------------------------ talking to the server

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export async function call(path, body) {
  const request =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        };
  const response = await fetch(path, { ...request, signal: AbortSignal.timeout(20000) });
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  throw new Refused(said.error ?? response.statusText, response.status);
}
