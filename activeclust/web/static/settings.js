// Dialogues: settings (appearance, keys), who answers, the sheet of keys, what this page is.

import { $, h, toast } from "./dom.js";
import { call, kept } from "./server.js";
import { clusters, COMMAND_NAMES, COMMANDS, keyOf, keys, page } from "./state.js";
import { refill } from "./answer.js";
import { showKeys, showQuestion, stateListeners } from "./question.js";
import { views } from "./views.js";

export function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("activeclust:theme", theme);
  } catch {
    /* not kept */
  }
}

const savedTheme = () => {
  try {
    return localStorage.getItem("activeclust:theme") ?? "auto";
  } catch {
    return "auto";
  }
};
applyTheme(savedTheme());

// ------------------------------------------------------------------ keys

function keyField(table, name, text) {
  const field = h("input", {
    value: (table === "own" ? keys.of(name) : keys.commands[name]) ?? "",
    "aria-label": `Key for ${text}`,
    readOnly: true,
  });
  field.addEventListener("keydown", (event) => {
    if (["Tab", "Escape", "Enter", "Shift"].includes(event.key)) return;
    event.preventDefault();
    const key = keyOf(event);
    if (key.length !== 1 || key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
    keys.give(table, name, key);
    fillKeys();
    const fields = [...$("keys").querySelectorAll("input")];
    fields.find((other) => other.getAttribute("aria-label") === `Key for ${text}`)?.focus();
  });
  return h("label", {}, h("span", { class: "ellipsis", dir: "auto", textContent: text }), field);
}

function fillKeys() {
  $("keys").replaceChildren(
    ...Object.entries(COMMAND_NAMES).map(([name, text]) => keyField("commands", name, text)),
    ...clusters().map((c) => keyField("own", c.id, c.text)),
  );
}

/** What every key does, on one sheet. */
views.help = () => {
  const line = (key, text) => [
    h("dt", {}, h("kbd", { textContent: key })),
    h("dd", { dir: "auto", textContent: text }),
  ];
  $("sheet-keys").replaceChildren(
    ...line("Enter", "the first bar; if none of these is likelier, a name for a new cluster"),
    ...Object.entries(COMMAND_NAMES).flatMap(([name, text]) => line(keys.commands[name], text)),
    ...line("Ctrl Z", "Undo, also after a grid or a lasso"),
    ...line("Ctrl Y", "Redo"),
    ...clusters().flatMap((c) => (keys.of(c.id) ? line(keys.of(c.id), c.text) : [])),
  );
  $("sheet").showModal();
};

// ------------------------------------------------------------------ who answers

function showWho() {
  $("who-shown").textContent = page.who;
}

/** Answer under a name from now on; whether that was possible. */
async function rename(name) {
  try {
    const { who } = await call("/api/who", { name });
    Object.assign(page, { who, current: null, ahead: [] });
    kept.set("who", who);
    showWho();
    await refill();
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

/** This browser's name of last time, where nobody else bears it now. */
export async function claim() {
  const before = kept.get("who", "");
  if (before) await rename(before);
}

let asked = false;
let greeted = false; // the first screen asks for a name too: not both at once

function askWho(state) {
  if (!greeted || !state.ask_who || asked || document.querySelector("dialog[open]")) return;
  asked = true;
  $("ask-who-name").value = "";
  $("ask-who-name").placeholder = state.who;
  $("ask-who").showModal();
}
stateListeners.add((state) => {
  showWho();
  askWho(state);
});
$("ask-who").addEventListener("close", async () => {
  const name = $("ask-who-name").value.trim();
  asked = await rename(name || page.who); // a name that somebody has is asked for again
  showQuestion();
});

// ------------------------------------------------------------------ what this is

const HINTS = {
  picture:
    "Pictures are compared by their pixels, which suits drawings and scans. For photographs, start with --embed clip-ViT-B-32, which compares them by what they show.",
  text: "Texts are compared by their words. Start with --embed all-MiniLM-L6-v2 to compare them by meaning.",
  columns:
    "To leave a column out, start with --drop COLUMN. To compare a text column by meaning, start with --embed.",
  numbers: "If you have better features for these rows, start with --features FILE.npy.",
};

async function about() {
  const { rows, source, notes, kind, embedded, people } = await call("/api/about");
  $("about-data").textContent =
    `${rows.toLocaleString("en")} rows${source ? ` of ${source}` : ""}. ${notes.join(" ")}`.trim();
  const told = notes.some((note) => note.includes("--"));
  $("about-hint").textContent = embedded || told ? "" : HINTS[kind];
  $("people").replaceChildren(...people.map((name) => h("option", { value: name })));
}

async function showStart() {
  try {
    await about();
  } catch (error) {
    toast(error.message);
  }
  $("start-who").value = page.who;
  $("start").showModal();
}

/** What this page is, the first time that this browser sees it. */
export async function welcome() {
  if (!kept.get("started", false)) await showStart();
  else greeted = true;
}
$("start").addEventListener("close", async () => {
  kept.set("started", true);
  greeted = true;
  const name = $("start-who").value.trim();
  if (name !== page.who) await rename(name);
  showQuestion();
  askWho(page.state);
});
$("open-start").addEventListener("click", () => {
  $("settings").close();
  showStart();
});

// ------------------------------------------------------------------ the dialogue

$("open-settings").addEventListener("click", () => {
  $("who").value = page.who;
  $("theme").value = savedTheme();
  $("single-keys").checked = keys.single;
  fillKeys();
  $("settings").showModal();
});
$("theme").addEventListener("change", () => applyTheme($("theme").value));
$("single-keys").addEventListener("change", () => {
  keys.single = $("single-keys").checked;
  keys.save();
  showKeys();
});
$("reset-keys").addEventListener("click", () => {
  keys.commands = { ...COMMANDS };
  keys.own = {};
  keys.assign();
  fillKeys();
});
$("settings").addEventListener("close", async () => {
  const who = $("who").value.trim();
  if (who !== page.who) await rename(who);
  showQuestion();
});
