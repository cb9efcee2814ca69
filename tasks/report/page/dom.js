// Every value of the report is text. No function here reads HTML.

/**
 * Makes an element.
 *
 * @param properties attributes; `on…` is a listener, and `false` leaves an attribute out
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== false));
  return made;
}

/** Makes a command with a button that copies it. */
export function command(text, of) {
  return element(
    "div",
    { class: "command" },
    element("pre", { tabindex: "0" }, element("code", {}, text)),
    element(
      "button",
      { type: "button", "data-copy": "" },
      "Copy",
      element("span", { class: "hidden" }, ` the command: ${of}`),
    ),
  );
}

/** Announces a message to a screen reader. */
export function say(message) {
  document.querySelector("#said").textContent = message;
}

/** Makes a table. */
export function table(caption, titles, rows) {
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element(
      "thead",
      {},
      element("tr", {}, titles.map((title) => element("th", { scope: "col" }, title))),
    ),
    element(
      "tbody",
      {},
      rows.map(([first, ...others]) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, first),
          others.map((text) => element("td", {}, text)),
        )
      ),
    ),
  );
}

/** A table that is made when it is opened: a picture as text. */
export function tableToOpen(summary, make) {
  const details = element("details", { class: "as-table" }, element("summary", {}, summary));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) {
      details.append(
        element(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": summary },
          make(),
        ),
      );
    }
  });
  return details;
}

/** Formats a count: `2,000`. */
export function count(number) {
  return String(number).replace(/(?<=\d)(?=(?:\d{3})+$)/g, ",");
}

/** Formats a count with its noun: `1 row`, `2 rows`. */
export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * Shortens a name in its middle: names often differ only at their end. The number of a title, as in
 * `and 2 more`, stays.
 */
export function shorten(text, length) {
  if (text.length <= length) return text;
  const [end] = / and \d+ more$/.exec(text) ?? [""];
  const name = text.slice(0, text.length - end.length);
  const room = length - end.length - 1;
  const last = Math.floor(room / 2);
  return `${name.slice(0, room - last)}…${name.slice(name.length - last)}${end}`;
}
