// Elements. Everything that comes from the data or from people is put in with textContent.

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
/** "81 % to 93 %", or one of them where both are shown alike. */
export const range = (low, high) =>
  percent(low) === percent(high) ? percent(low) : `${percent(low)} to ${percent(high)}`;
export const short = (text, n = 24) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

const MOST_TOASTS = 2; // more of them would cover the view

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
  while ($("toasts").children.length > MOST_TOASTS) $("toasts").firstElementChild.remove();
  setTimeout(() => box.remove(), action ? 9000 : 5000);
}

/** A question in a dialogue; the value of the button that was pressed, "" for none. */
export function choose(title, text, buttons) {
  const dialog = h(
    "dialog",
    { class: "choice", "aria-labelledby": "choice-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "choice-title", textContent: title }),
      h("p", { textContent: text }),
      h(
        "p",
        { class: "row-end" },
        buttons.map((b, i) =>
          h("button", { value: b.value, class: i === 0 ? "primary" : "", textContent: b.text }),
        ),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue);
    });
  });
}
