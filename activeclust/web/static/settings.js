// The settings dialogue: who answers, appearance, keys.

import { $, h, short } from "./dom.js";
import { call, kept } from "./server.js";
import { clusters, COMMAND_NAMES, COMMANDS, keys, page } from "./state.js";
import { refill, showKeys, showQuestion } from "./page.js";

export function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("activeclust:theme", theme);
  } catch {
    /* not kept */
  }
}

export function showWho() {
  $("who-shown").textContent = page.who ? `${short(page.who, 16)} · Settings` : "Settings";
}

function keyField(table, name, text) {
  const field = h("input", {
    value: keys[table][name] ?? "",
    "aria-label": `Key for ${text}`,
    readOnly: true,
  });
  field.addEventListener("keydown", (event) => {
    if (["Tab", "Escape", "Enter", "Shift"].includes(event.key)) return;
    event.preventDefault();
    if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
    keys.give(table, name, event.key);
    fillKeys();
    [...$("keys").querySelectorAll("input")]
      .find((other) => other.getAttribute("aria-label") === `Key for ${text}`)
      ?.focus();
  });
  return h("label", {}, h("span", { class: "ellipsis", textContent: text }), field);
}

function fillKeys() {
  $("keys").replaceChildren(
    ...Object.entries(COMMAND_NAMES).map(([name, text]) => keyField("commands", name, text)),
    ...clusters().map((c) => keyField("own", c.id, c.text)),
  );
}

$("open-settings").addEventListener("click", () => {
  $("who").value = page.who;
  $("theme").value = localStorage.getItem("activeclust:theme") ?? "auto";
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
