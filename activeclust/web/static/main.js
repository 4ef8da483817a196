// The page begins: listeners, what waits from last time, the first row.

import { $ } from "./dom.js";
import { act, answerTyped, follow, leave, refill } from "./answer.js";
import { filterOthers, showKeys, showRecent } from "./question.js";
import { zoomable } from "./items.js";
import { flush, online, outbox } from "./outbox.js";
import { claim, welcome } from "./settings.js";
import { page } from "./state.js";
import "./clusters.js";
import "./history.js";
import "./progress.js";
import "./result.js";
import "./rows.js";
import "./grid.js";
import "./map.js";

for (const command of ["skip", "unsure", "undo"]) $(command).addEventListener("click", () => act(command));
$("open-sheet").addEventListener("click", () => act("help"));
$("new-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("new-name").value.trim();
  if (!name || !page.current) return;
  $("new-name").value = "";
  $("new-name").blur();
  filterOthers();
  answerTyped(name);
});
$("new-name").addEventListener("input", filterOthers);
$("new-name").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.target.blur();
  $("question").focus();
});
addEventListener("online", online);
addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) follow();
});
addEventListener("storage", () => showRecent());

zoomable();
showKeys();
for (const row of outbox.rows()) page.gone.add(row);
await claim();
await flush();
await refill();
await welcome();
document.body.dataset.ready = "yes";
follow();
