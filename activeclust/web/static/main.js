// The page begins: listeners, what waits from last time, the first row.

import { $ } from "./dom.js";
import { outbox } from "./server.js";
import { page } from "./state.js";
import { act, answer, flush, follow, online, refill, showKeys, showRecent } from "./page.js";
import { applyTheme, showWho } from "./settings.js";
import "./panels.js";
import "./grid.js";
import "./map.js";

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
$("new-name").addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    event.target.blur();
    $("question").focus();
  }
});
addEventListener("online", online);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) follow();
});
addEventListener("storage", () => showRecent());

try {
  applyTheme(localStorage.getItem("activeclust:theme") ?? "auto");
} catch {
  /* as the system */
}
showWho();
showKeys();
for (const [, { body }] of outbox.all()) if (body.row !== undefined) page.gone.add(body.row);
await flush();
await refill();
follow();
