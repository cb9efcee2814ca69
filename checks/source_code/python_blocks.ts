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

/** Returns whether statements stop the program with an error. */
export function stopsIn(statements: string): boolean {
  return /\braise\b|\b(?:sys\s*\.\s*|os\s*\.\s*_?)?(?:exit|quit|abort)\s*\((?!\s*0?\s*\))/.test(
    statements,
  );
}
