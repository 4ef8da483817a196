// A row of the data as a person sees it: as the question, as a card, or as a tile among others.

import { $, h, svg } from "./dom.js";
import { address } from "./server.js";

const WIDE = { tile: 160, card: 240 }; // pixels a picture is shown in
const LONG = 140; // characters from which on a tile cannot show a text whole
const WORDS = 32; // characters from which on a value is shown over several lines
const LINES = 4; // columns that a tile shows

/** The row, large. */
export function itemView(item, size = "question") {
  if (item.kind === "picture") return picture(item, size);
  if (item.kind === "text") return h("p", { class: "prose", dir: "auto", textContent: item.text });
  if (item.kind === "columns") return columnsView(item.columns);
  return numbersView(item);
}

/** The row as a tile: what tells it apart, in a few lines. */
export function tileView(item) {
  if (item.kind === "picture") return picture(item, "tile");
  if (item.kind === "text")
    return h("span", { class: "tile-text", dir: "auto", textContent: item.text.slice(0, 400) });
  const shown = item.brief ?? item.columns?.slice(0, LINES);
  if (shown)
    return h(
      "span",
      { class: "tile-columns" },
      shown.map(([name, value]) =>
        value.length > WORDS
          ? h("span", { class: "tile-text in-columns", dir: "auto", title: name, textContent: value })
          : h(
              "span",
              { class: "tile-line" },
              h("small", { dir: "auto", textContent: name }),
              h("span", { dir: "auto", textContent: value }),
            ),
      ),
    );
  return h("span", { class: "tile-numbers" }, bars(item));
}

/** Whether a tile leaves something out. */
export const isCut = (item) =>
  item.kind === "text"
    ? item.text.length > LONG || item.text.split("\n").length > LINES
    : item.kind === "columns"
      ? item.columns.length > LINES || item.columns.some(([, value]) => value.length > LONG)
      : item.kind === "numbers" || (item.kind === "picture" && !item.small);

/** The whole row, in a dialogue. */
export function showWhole(item, more = []) {
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    { class: "whole", "aria-labelledby": "whole-title", onclose: () => dialog.remove() },
    h(
      "div",
      { class: "whole-head" },
      h("h2", { id: "whole-title", textContent: item.title }),
      h("button", { type: "button", onclick: close, textContent: "Close" }),
    ),
    h("div", { class: "item", role: "region", "aria-label": "The row" }, itemView(item)),
    more,
  );
  document.body.append(dialog);
  dialog.showModal();
  scrollable(dialog.querySelector(".item"));
  return dialog;
}

/** What is longer than its box can be reached and scrolled by key. */
export function scrollable(box) {
  if (box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
}

function picture(item, size) {
  const wide = size === "question" ? "" : `&wide=${Math.round(WIDE[size] * (devicePixelRatio || 1))}`;
  return h("img", {
    src: address(item.src + wide),
    alt: item.title,
    class: `${size === "tile" ? "thumb" : ""} ${item.small ? "pixels" : ""}`.trim(),
    draggable: false,
    loading: size === "tile" ? "lazy" : "eager",
  });
}

/** Fetch a picture that will be asked about soon. */
export function prepare(item) {
  if (item.kind === "picture") new Image().src = address(item.src);
}

const columnsView = (columns) =>
  h(
    "dl",
    {},
    columns.flatMap(([name, value]) => [
      h("dt", { dir: "auto", textContent: name }),
      h("dd", { dir: "auto", textContent: value }),
    ]),
  );

function bars(item) {
  const values = item.numbers.map(Number);
  const low = Math.min(0, ...values),
    high = Math.max(0, ...values),
    span = high - low || 1;
  const width = 100 / values.length;
  return svg(
    "svg",
    {
      viewBox: "0 0 100 100",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": "The row's numbers as bars",
    },
    ...values.map((value, i) =>
      svg("rect", {
        x: i * width + width * 0.1,
        width: width * 0.8,
        y: (100 * (high - Math.max(0, value))) / span,
        height: Math.max(0.5, (100 * Math.abs(value)) / span),
        fill: "var(--accent)",
      }),
    ),
  );
}

const numbersView = (item) =>
  h(
    "div",
    { class: "numbers" },
    bars(item),
    h("p", {
      textContent: item.numbers.join("   ") + (item.more ? `   … ${item.more} more` : ""),
    }),
  );

/** A click on the question's picture shows its pixels. */
export function zoomable() {
  $("item").addEventListener("click", (event) => {
    if (event.target.tagName === "IMG") event.target.classList.toggle("zoomed");
  });
}
