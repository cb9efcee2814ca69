import { blank, type Code } from "./code.ts";

/** A string of Python, or several that stand side by side and so are one. */
export interface PythonString {
  /** Where it begins in the source. */
  readonly start: number;
  /** Where it ends, exclusively. */
  readonly end: number;
  /** What it says, with prefixes, quotes and gaps as spaces: as long as the source it stands for. */
  readonly text: string;
}

/** A source of Python, taken apart so that searches are not misled by what only looks like code. */
export interface Python {
  /** The source without comments and without what strings say, each as long as before. */
  readonly code: string;
  /** The strings, docstrings left out: they are comments. */
  readonly strings: readonly PythonString[];
  /** Where each bracket that opens is closed. */
  readonly brackets: ReadonlyMap<number, number>;
}

const TOKEN =
  /#[^\n]*|([bBrRfFuU]{0,2})("""|'''|"|')|[([{]|[)\]}]|\\\r?\n|\n|[^\s#"'()[\]{}\\]|\\/gs;

/** Several checks look at the same sources. */
const known = new WeakMap<Code, Python>();

/** A text of Python, taken apart once. */
export function pythonOf(code: Code): Python {
  const python = known.get(code) ?? readPython(code.text);
  known.set(code, python);
  return python;
}

/** Takes a source apart. Broken source gives what can be told; it never throws. */
export function readPython(source: string): Python {
  const pieces: string[] = [];
  const strings: PythonString[] = [];
  let copied = 0;
  let depth = 0;
  let begins = true;
  const replace = (start: number, end: number, by: string) => {
    pieces.push(source.slice(copied, start), by);
    copied = end;
  };
  const token = new RegExp(TOKEN);
  for (let found = token.exec(source); found !== null; found = token.exec(source)) {
    const { 0: text, 1: prefix = "", 2: quote, index } = found;
    if (text.startsWith("#")) replace(index, index + text.length, blank(text));
    else if (quote !== undefined) {
      const start = index + prefix.length + quote.length;
      const close = closing(source, start, quote);
      const end = Math.min(close + quote.length, source.length);
      const said = source.slice(start, close);
      replace(start, close, blank(said));
      token.lastIndex = end;
      const docstring = depth === 0 && begins && /^[ \t\r]*(;|#|\n|$)/.test(source.slice(end));
      if (!docstring) {
        strings.push({
          start: index,
          end,
          text: spaced(source.slice(index, end), start - index, said),
        });
      }
      begins = false;
    } else if (text === "\n") begins = depth === 0 || begins;
    else if (/^[([{]$/.test(text)) [depth, begins] = [depth + 1, false];
    else if (/^[)\]}]$/.test(text)) [depth, begins] = [Math.max(0, depth - 1), false];
    else if (!text.startsWith("\\")) begins = false;
  }
  pieces.push(source.slice(copied));
  const code = pieces.join("");
  return { code, strings: joined(strings, source), brackets: pairs(code) };
}

function pairs(code: string): Map<number, number> {
  const brackets = new Map<number, number>();
  const open: number[] = [];
  for (const { 0: bracket, index } of code.matchAll(/[()[\]{}]/g)) {
    if ("([{".includes(bracket)) open.push(index);
    else {
      const start = open.pop();
      if (start !== undefined) brackets.set(start, index);
    }
  }
  return brackets;
}

function closing(source: string, from: number, quote: string): number {
  for (let at = from; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (source.startsWith(quote, at)) return at;
    // A string of one line that is not closed ends with it.
    else if (source[at] === "\n" && quote.length === 1) return at;
  }
  return source.length;
}

function spaced(whole: string, before: number, said: string): string {
  const unescaped = said.replace(/\\n/g, "  ");
  return " ".repeat(before) + unescaped + " ".repeat(whole.length - before - said.length);
}

function joined(strings: readonly PythonString[], source: string): PythonString[] {
  const all: PythonString[] = [];
  for (const each of strings) {
    const last = all.at(-1);
    const gap = last === undefined ? "," : source.slice(last.end, each.start);
    if (last === undefined || !/^(\s|\\\r?\n|#[^\n]*\n)*$/.test(gap)) all.push(each);
    else {
      const text = last.text + blank(gap) + each.text;
      all[all.length - 1] = { start: last.start, end: each.end, text };
    }
  }
  return all;
}
