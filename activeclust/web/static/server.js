// Talking to the server, and what this browser keeps.

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

// ------------------------------------------------------------------ the key

const KEY = "activeclust:key"; // only this origin, its port included, can read it; a cookie any port can

function findKey() {
  const given = location.hash.startsWith("#key=") ? location.hash.slice(5) : null;
  if (given) history.replaceState(null, "", location.pathname);
  try {
    if (given) localStorage.setItem(KEY, given);
    return given ?? localStorage.getItem(KEY) ?? "";
  } catch {
    return given ?? ""; // this browser keeps nothing: a reload needs a new address
  }
}

const key = findKey();

/** An address of a picture or a download, which cannot send the key in a header. */
export function address(path) {
  const relative = path.replace(/^\//, ""); // a proxy may stand before the server, with a path of its own
  return `${relative}${relative.includes("?") ? "&" : "?"}key=${encodeURIComponent(key)}`;
}

// ------------------------------------------------------------------ requests

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(path, request = {}, patience = 20000) {
  const headers = { ...request.headers, "X-Activeclust-Key": key };
  const options = { signal: request.keepalive ? undefined : AbortSignal.timeout(patience) };
  const response = await fetch(path.replace(/^\//, ""), { ...request, ...options, headers });
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Refused(said.error ?? response.statusText, response.status);
}

const posted = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** What the server says; a body makes it a write. */
export async function call(path, body) {
  return (await ask(path, body === undefined ? {} : posted(body))).json();
}

/** Bytes; null where there is nothing new. */
export async function bytes(path) {
  const response = await ask(path, {}, 60000);
  return response.status === 204 ? null : response.arrayBuffer();
}

/** A write that outlives this page; nobody waits for it. */
export function parting(path, body) {
  ask(path, { ...posted(body), keepalive: true }).catch(() => {});
}
