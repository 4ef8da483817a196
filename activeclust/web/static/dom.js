// Elements, and a row of the data as a person sees it. Everything that comes from the data or from people is put
// in with textContent.

export const $ = (id) => document.getElementById(id);

/** An element; attributes starting with "on" are listeners, everything else is set as a property or attribute. */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "colour") element.style.setProperty("--c", value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(tag, given = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const percent = (p) => (p >= 0.995 ? ">99 %" : p < 0.005 ? "<1 %" : `${Math.round(100 * p)} %`);
export const short = (text, n = 24) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

export function toast(text, action) {
  const box = h("div", { class: "toast" }, h("span", { textContent: text }));
  if (action)
    box.append(
      h("button", {
        type: "button",
        textContent: action.text,
        onclick: () => {
          box.remove();
          action.run();
        },
      }),
    );
  $("toasts").append(box);
  setTimeout(() => box.remove(), action ? 9000 : 4500);
}

/** The item of a row, large or as a thumbnail. */
export function itemView(item, thumbnail = false) {
  if (item.kind === "picture")
    return h("img", {
      src: item.src,
      alt: item.title,
      class: (thumbnail ? "thumb " : "") + (item.small ? "pixels" : ""),
      draggable: false,
    });
  const text =
    item.kind === "text"
      ? item.text
      : item.kind === "columns"
        ? item.columns.map((c) => c[1]).join(" · ")
        : item.numbers.join(" ");
  if (thumbnail) return h("span", { class: "thumb", title: short(text, 200), textContent: short(text, 10) });
  if (item.kind === "text") return h("p", { class: "prose", textContent: item.text });
  if (item.kind === "columns")
    return h(
      "dl",
      {},
      item.columns.flatMap(([name, value]) => [
        h("dt", { textContent: name }),
        h("dd", { textContent: value }),
      ]),
    );
  return numbersView(item);
}

function numbersView(item) {
  const values = item.numbers.map(Number);
  const low = Math.min(0, ...values),
    high = Math.max(0, ...values),
    span = high - low || 1;
  const width = 100 / values.length;
  const bars = values.map((value, i) =>
    svg("rect", {
      x: i * width + width * 0.1,
      width: width * 0.8,
      y: (100 * (high - Math.max(0, value))) / span,
      height: Math.max(0.5, (100 * Math.abs(value)) / span),
      fill: "var(--accent)",
    }),
  );
  return h(
    "div",
    { class: "numbers" },
    svg(
      "svg",
      {
        viewBox: "0 0 100 100",
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": "The row's numbers as bars",
      },
      ...bars,
    ),
    h("p", { textContent: item.numbers.join("   ") + (item.more ? `   … ${item.more} more` : "") }),
  );
}
