/** A text that is HTML already. */
export interface Html {
  readonly html: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Escapes a text for HTML, also for the value of an attribute. It replaces characters that HTML
 * cannot contain, and those that change the direction of the text around them.
 */
export function escapeHtml(text: string): string {
  return text.toWellFormed()
    .replace(/(?![\t\n])[\p{Cc}\p{Bidi_Control}\uFFFE\uFFFF]/gu, "\uFFFD")
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** A value of {@linkcode html}. A list is joined; `undefined` and `false` are left out. */
type Value = string | number | Html | false | undefined | readonly Value[];

/** Makes HTML. It escapes each value that is not HTML already. */
export function html(texts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { html: texts.map((text, i) => i === 0 ? text : valueOf(values[i - 1]) + text).join("") };
}

function valueOf(value: Value): string {
  if (value === undefined || value === false) return "";
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  return "html" in value ? value.html : value.map(valueOf).join("");
}

/**
 * Renders data for a `script` element with JSON. A value cannot end the element, nor begin a comment
 * in it.
 */
export function jsonForScript(data: unknown): Html {
  const text = JSON.stringify(data)
    .replace(/[<>&\u2028\u2029]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
  return { html: text };
}
