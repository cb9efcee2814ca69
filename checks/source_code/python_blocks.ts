/** A line of code. */
export interface Line {
  /** The text, without the line break. */
  readonly text: string;
  /** The start of the line in the code. */
  readonly start: number;
}

/** The line around an offset. */
export function lineAround(code: string, offset: number): Line {
  const start = code.lastIndexOf("\n", offset - 1) + 1;
  const end = code.indexOf("\n", offset);
  return { text: code.slice(start, end < 0 ? code.length : end), start };
}

/** The most lines between a condition and the code that it decides on. */
const MAX_LINES = 500;

/** A value that is used under a condition, as in `a["b"] if c else d`. */
const TERNARY = /^[\w.]*(?:\[[^\]]*\]|\([^()]*\))(?:\.\w+\([^()]*\))*\s+if\s.*\selse\s/;

/** Returns whether code runs only under a condition: below `if`, or in `a if b else c`. */
export function isConditional(code: string, offset: number): boolean {
  const { text, start } = lineAround(code, offset);
  const [before, after] = [text.slice(0, offset - start), text.slice(offset - start)];
  if (/^\s*elif\b/.test(text) || TERNARY.test(after) || /\sif\s.*\selse\s+\S*$/.test(before)) {
    return true;
  }
  let indent = indentAt(code, offset);
  let at = start;
  let isElse = false;
  for (let lines = 0; (indent > 0 || isElse) && at > 0 && lines < MAX_LINES; lines++) {
    const { text: line, start: own } = lineAround(code, at - 1);
    at = own;
    const depth = line.length - line.trimStart().length;
    if (line.trim() === "" || depth > indent || depth === indent && !isElse) continue;
    if (isElse && depth === indent) {
      if (/^\s*(if|elif)\b/.test(line)) return true;
      isElse = /^\s*(?!for\b|while\b|try\b|except\b)/.test(line);
      continue;
    }
    [indent, isElse] = [depth, false];
    if (/^\s*(async\s+)?def\b|^\s*class\b/.test(line)) return false;
    if (/^\s*else\s*:/.test(line)) isElse = true;
    else if (
      /^\s*(if|elif)\b.*:\s*$/.test(line) && !/\b__name__\b|^\s*if\s+(True|1)\s*:/.test(line)
    ) return true;
  }
  return false;
}

/** The number of spaces before the line around an offset. */
export function indentAt(code: string, offset: number): number {
  const { text } = lineAround(code, offset);
  return text.length - text.trimStart().length;
}

/** A compound statement of Python, such as `if … else …` or `try … except …`. */
export interface Block {
  /** The statements that follow the first line. */
  readonly body: string;
  /** The statements of `else`, or the `elif` that follows. */
  readonly otherwise: string;
  /** The end of the statements of the first clause. */
  readonly bodyEnd: number;
  /** The end of the last clause. */
  readonly end: number;
  /** The `except` clauses. */
  readonly handlers: readonly { readonly head: string; readonly body: string }[];
}

/** Reads the compound statement that begins on the line around an offset, by its indentation. */
export function blockOf(code: string, offset: number): Block {
  const { text, start } = lineAround(code, offset);
  const indent = text.length - text.trimStart().length;
  const clauses = [{ head: text.trim(), body: bodyOnLine(text), end: start + text.length }];
  for (let at = start + text.length + 1; at < code.length;) {
    const { text: line } = lineAround(code, at);
    at += line.length + 1;
    if (line.trim() === "") continue;
    const own = line.length - line.trimStart().length;
    if (own > indent) {
      const last = clauses.at(-1)!;
      last.body += `${line}\n`;
      last.end = at;
    } else if (own === indent && /^\s*(else|elif|except|finally)\b/.test(line)) {
      clauses.push({ head: line.trim(), body: bodyOnLine(line), end: at });
    } else if (!/^\s*[)\]}]/.test(line)) break;
  }
  const [first, ...others] = clauses;
  return {
    body: first!.body,
    bodyEnd: first!.end,
    end: clauses.at(-1)!.end,
    otherwise: others.filter(({ head }) => /^(else|elif)\b/.test(head)).map(({ body }) => body)
      .join("\n"),
    handlers: others.filter(({ head }) => head.startsWith("except")),
  };
}

/** The statement after the colon, as in `if a: b`. */
function bodyOnLine(line: string): string {
  return /^[^:]*(?:\[[^\]]*\][^:]*)*:\s*(\S.*)$/.exec(line)?.[1] ?? "";
}

/** Returns whether statements leave the function or the loop, or set a variable of the environment. */
export function leavesIn(statements: string): boolean {
  return /\b(?:return|continue|break|exit|quit)\b|\bsetdefault\(|environ\b[^\n]*\]\s*=(?!=)/
    .test(statements);
}

/** Code that stops the program with an error. */
const STOP =
  /\braise\b|\b(?:sys\s*\.\s*|os\s*\.\s*_?)?(?:exit|quit|abort)\s*\((?!\s*0?\s*\))|\b(?:p|ap|(?:arg_?)?parser|cli)\s*\.\s*error\s*\(|\b(?:click|ctx)\s*\.\s*(?:abort|fail)\s*\(/;

/** Returns whether statements stop the program with an error. */
export function stopsIn(statements: string): boolean {
  return STOP.test(statements);
}

/** The first place from the line of an offset on where code stops the program with an error. */
export function stopAfter(code: string, offset: number): number {
  const { start } = lineAround(code, offset);
  const found = new RegExp(`${STOP.source}|\\bassert\\b|\\breturn\\s+[1-9]`).exec(
    code.slice(start, start + MAX_TEXT),
  );
  return found === null ? offset : start + found.index;
}

/** The most code between a test and the statement that stops the program. */
const MAX_TEXT = 2_000;

/** Returns whether a function gives its result to `sys.exit`, so that `return 1` is an error. */
export function returnsCode(code: string): boolean {
  return /\b(?:exit|SystemExit)\s*\(\s*\w+\s*\(/.test(code);
}
