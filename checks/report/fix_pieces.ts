/** A piece of a fix: words for a person, or a command or lines of a file to copy. */
export interface FixPiece {
  /** What the text is. */
  readonly kind: "words" | "command";
  /** The text, with the spaces and punctuation of the fix. */
  readonly text: string;
}

/** The first word of a command for a shell. */
const PROGRAM =
  /(?:deno task|deep-storage|kubectl|kustomize|helm|docker|printf|unzip|psql|curl|grep|mkdir) /y;

/** The first words of a statement for the database. */
const STATEMENT =
  /(?:(?:GRANT|REVOKE|ALTER (?:TABLE|ROLE|SYSTEM|DATABASE)|(?:COMMIT|ROLLBACK) PREPARED) |SELECT pg_\w+\()/y;

/** The end of a command among words: a sentence ends, or another one begins. */
const END = /(?:[.,;]?\s+(?:Then|If|After|Or|or|then|and then)\s|[.;]\s+[A-Z]|[.,;]\s*$|\n)/y;

/** What comes before and after lines of a file. */
const LINES = { before: ":\n", after: "\n\n" };

/**
 * Divides a fix into words and commands. A command begins a line, or follows a colon, or another
 * command, with or without the word `or`. Lines of a file begin after a colon at the end of a line, and
 * end before an empty line. All pieces together are the fix.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { piecesOf } from "./fix_pieces.ts";
 * assertEquals(piecesOf("Ask, then: COMMIT PREPARED 'a';"), [
 *   { kind: "words", text: "Ask, then: " },
 *   { kind: "command", text: "COMMIT PREPARED 'a';" },
 * ]);
 * ```
 */
export function piecesOf(fix: string): FixPiece[] {
  const pieces: FixPiece[] = [];
  let words = 0;
  for (let at = 0; at < fix.length;) {
    const end = startsHere(fix, at, pieces.length > 0 && words)
      ? endOf(fix, at)
      : fix.slice(0, at).endsWith(LINES.before)
      ? endOfLines(fix, at)
      : undefined;
    if (end === undefined) {
      at++;
      continue;
    }
    if (at > words) pieces.push({ kind: "words", text: fix.slice(words, at) });
    pieces.push({ kind: "command", text: fix.slice(at, end) });
    at = words = end;
  }
  if (words < fix.length) pieces.push({ kind: "words", text: fix.slice(words) });
  return pieces;
}

/** @param afterCommand where the last command ended; false before the first command */
function startsHere(fix: string, at: number, afterCommand: number | false): boolean {
  const before = fix.slice(0, at);
  const follows = /(?:^|\n\s*|: )$/.test(before) ||
    afterCommand !== false && /^(?:[;,]? or|) +$/.test(fix.slice(afterCommand, at));
  return follows && (matches(PROGRAM, fix, at) || matches(STATEMENT, fix, at));
}

function endOfLines(fix: string, start: number): number {
  const end = fix.indexOf(LINES.after, start);
  return end === -1 ? fix.length : end;
}

/** The place after a command. A statement ends with its semicolon. */
function endOf(fix: string, start: number): number {
  const isStatement = matches(STATEMENT, fix, start);
  let quote = "";
  for (let at = start; at < fix.length; at++) {
    const character = fix[at]!;
    if (quote !== "") {
      if (character === "\\" && quote === '"') at++;
      else if (character === quote) quote = "";
    } else if (character === "'" || character === '"') quote = character;
    else if (character === "\\" && !isStatement) at++;
    else if (isStatement && character === ";") return at + 1;
    else if (matches(END, fix, at)) return at;
  }
  return fix.length;
}

function matches(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}
