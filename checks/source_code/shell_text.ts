/** A here-document that begins after the current line. */
interface Pending {
  readonly word: string;
  readonly isQuoted: boolean;
}

/**
 * Blanks the parts of a shell script that a shell does not expand: comments, text in single quotes,
 * here-documents with a quoted delimiter, and escaped characters. The length stays the same.
 */
export function expandedText(script: string): string {
  const pieces: string[] = [];
  let copied = 0;
  const blankOut = (start: number, end: number) => {
    pieces.push(script.slice(copied, start), script.slice(start, end).replace(/[^\n]/g, " "));
    copied = Math.max(copied, end);
  };
  /** The brackets and quotes around the current place: `"`, a backtick, or `(`. */
  const around: string[] = [];
  let pending: Pending[] = [];
  for (let i = 0; i < script.length;) {
    const char = script[i]!;
    const inText = around.at(-1) === '"';
    if (char === "\\") {
      if (script[i + 1] !== "\n") blankOut(i, i + 2);
      i += 2;
    } else if (char === '"') {
      if (inText) around.pop();
      else around.push(char);
      i++;
    } else if (char === "`") {
      if (around.includes(char)) around.length = around.lastIndexOf(char);
      else around.push(char);
      i++;
    } else if (script.startsWith("$(", i)) {
      around.push("(");
      i += 2;
    } else if (inText) i++;
    else if (char === "(" && around.length > 0) {
      around.push(char);
      i++;
    } else if (char === ")") {
      if (around.at(-1) === "(") around.pop();
      i++;
    } else if (char === "'") {
      const end = endOfQuote(script, i);
      blankOut(i + 1, end);
      i = end + 1;
    } else if (char === "#" && /[\s;&|(]/.test(script[i - 1] ?? "\n")) {
      const end = indexOrEnd(script, "\n", i);
      blankOut(i, end);
      i = end;
    } else if (char === "<" && script[i - 1] !== "<") {
      const [all, quote, word] = /^<<-?[ \t]*(["']?\\?)(\w+)/.exec(script.slice(i, i + 200)) ?? [];
      if (word !== undefined) pending.push({ word, isQuoted: quote !== "" });
      i += all?.length ?? 1;
      if (/^["']/.test(quote ?? "") && script[i] === quote) i++;
    } else if (char === "\n" && pending.length > 0) {
      for (const { word, isQuoted } of pending) {
        const end = endOfHeredoc(script, i, word);
        if (isQuoted) blankOut(i, end);
        i = end;
      }
      pending = [];
    } else i++;
  }
  pieces.push(script.slice(copied));
  return pieces.join("");
}

function endOfQuote(script: string, start: number): number {
  // In $'…', a backslash escapes the quote.
  if (script[start - 1] !== "$") return indexOrEnd(script, "'", start + 1);
  for (let i = start + 1; i < script.length; i++) {
    if (script[i] === "\\") i++;
    else if (script[i] === "'") return i;
  }
  return script.length;
}

/** The start of the line with the delimiter of a here-document, which begins after a line break. */
function endOfHeredoc(script: string, start: number, word: string): number {
  for (let at = start; at < script.length; at = indexOrEnd(script, "\n", at + 1)) {
    const line = script.slice(at + 1, indexOrEnd(script, "\n", at + 1));
    if (line.trim() === word) return at + 1 + line.length;
  }
  return script.length;
}

function indexOrEnd(text: string, part: string, start: number): number {
  const found = text.indexOf(part, start);
  return found < 0 ? text.length : found;
}
