// The views beside the question: which one is shown, and what they share.

import { $, h, toast } from "./dom.js";
import { isCut, showWhole, tileView } from "./items.js";
import { call } from "./server.js";
import { page } from "./state.js";

export const views = {};
export const listeners = new Set(); // what is drawn again with a new posterior

/** A change that is not an answer. */
export const write = (path, body) => call(path, { client_id: crypto.randomUUID(), ...body });

export function show(name) {
  if (page.view === name) return;
  views[page.view]?.close?.();
  page.view = name;
  for (const button of document.querySelectorAll(".tabs button"))
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  for (const section of document.querySelectorAll(".view")) section.hidden = section.id !== `view-${name}`;
  document
    .querySelector(`.tabs [data-view="${name}"]`)
    ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  views[name]?.open?.();
}

/**
 * Draw a view now, and again when the posterior is a new one; nothing is redrawn under somebody's focus unasked.
 * `load(place, put)` puts the view's content in place with `put`.
 */
export function panel(name, load) {
  const draw = async (forced = true) => {
    const place = $(`view-${name}`);
    const inside = place.contains(document.activeElement);
    if (inside && !forced) return;
    const put = (...nodes) => {
      // somebody may have begun to type while the server answered
      if (forced || !place.contains(document.activeElement)) place.replaceChildren(...nodes);
    };
    try {
      await load(place, put);
    } catch (error) {
      toast(error.message);
    }
    const heading = place.querySelector("h2");
    if (!inside || !heading || document.activeElement !== document.body) return;
    heading.tabIndex = -1; // what had the focus is gone: it stays in the view
    heading.focus({ preventScroll: true });
  };
  views[name] = {
    draw,
    open() {
      listeners.add(draw);
      return draw(false); // what was there before can be used while the server answers
    },
    close() {
      listeners.delete(draw);
    },
  };
}

export const actions = {}; // what buttons do: answer, askAboutRow and goOn, set by answer.js; endCheck, set by check.js

/** A row as a tile; a click asks about it, and what the tile leaves out is shown on demand. */
export function tile(row, item, { caption, note } = {}) {
  const name = caption ?? `Answer ${item.title}`;
  return h(
    "span",
    { class: "tile-box" },
    h(
      "button",
      {
        type: "button",
        class: `tile ${item.kind}`,
        onclick: () => actions.askAboutRow(row),
        title: name,
      },
      tileView(item),
      h("span", { class: "visually-hidden", textContent: ` ${name}` }),
      note ? h("span", { class: "tile-note", textContent: note }) : null,
    ),
    isCut(item) ? wholeButton(item) : null,
  );
}

/** Shows the whole row. */
export const wholeButton = (item) =>
  h("button", {
    type: "button",
    class: "whole-button",
    textContent: "⤢",
    title: "Show the whole row",
    "aria-label": `Show the whole of ${item.title}`,
    onclick: () => showWhole(item),
  });

for (const button of document.querySelectorAll(".tabs button"))
  button.addEventListener("click", () => show(button.dataset.view));
