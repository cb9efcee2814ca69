import type { Python, PythonString } from "./python.ts";

/** An argument of a call. */
export interface Argument {
  /** The keyword that it is given by, if any. */
  readonly keyword?: string;
  /** Where its value begins in the source. */
  readonly start: number;
  /** Its code, with what strings say blanked. */
  readonly code: string;
  /** What it says, where it is nothing but a string. */
  readonly string?: string;
}

/** A call, as in `F.lit(None)`. */
export interface Call {
  /** The last name before the bracket, as in `lit`. */
  readonly name: string;
  /** Where the whole callee begins in the source, as in that of `F`. */
  readonly start: number;
  /** Where the closing bracket ends. */
  readonly end: number;
  /** What it is called with. */
  readonly args: readonly Argument[];
}

/** Nobody writes a call or a callee that is longer, and looking into it would take for ever. */
const LONGEST = 10_000;
const LONGEST_CALLEE = 200;

/** Finds the calls of the given names, whatever they are members of. */
export function callsOf(python: Python, names: readonly string[]): Call[] {
  const pattern = new RegExp(`(?<!\\w)(${names.join("|")})\\s*\\(`, "g");
  return [...python.code.matchAll(pattern)].flatMap(({ 0: whole, 1: name, index }) => {
    const open = index + whole.length - 1;
    const close = matching(python, open);
    const before = python.code.slice(Math.max(0, index - LONGEST_CALLEE), index);
    if (close < 0 || /\bdef\s+$/.test(before)) return [];
    const [owner] = /(?:\w+\s*\.\s*)*$/.exec(before)!;
    return [{
      ...{ name: name!, start: index - owner.length, end: close + 1 },
      args: split(python, open + 1, close),
    }];
  });
}

/** What follows an expression: the methods called on it, one after the other. */
export function chainAfter(python: Python, end: number): Call[] {
  const chain: Call[] = [];
  for (let at = end;;) {
    const found = /^(?:\s|\\\r?\n)*\.\s*(\w+)\s*\(/.exec(python.code.slice(at, at + 2000));
    if (found === null) return chain;
    const open = at + found[0].length - 1;
    const close = matching(python, open);
    if (close < 0) return chain;
    chain.push({
      name: found[1]!,
      start: at,
      end: close + 1,
      args: split(python, open + 1, close),
    });
    at = close + 1;
  }
}

/** Where the bracket around a place opens; -1 where there is none, or far away. */
export function opening({ code }: Python, from: number): number {
  for (let at = from - 1, depth = 0; at >= Math.max(0, from - LONGEST); at--) {
    if (")]}".includes(code[at]!)) depth++;
    else if ("([{".includes(code[at]!) && depth-- === 0) return at;
  }
  return -1;
}

/** Where the bracket that opens at a place closes; -1 where it does not, or far away. */
export function matching({ brackets }: Python, open: number): number {
  const close = brackets.get(open) ?? -1;
  return close - open > LONGEST ? -1 : close;
}

function split({ code, strings }: Python, from: number, to: number): Argument[] {
  const args: Argument[] = [];
  let start = from;
  for (let at = from, depth = 0; at <= to; at++) {
    if (at < to && "([{".includes(code[at]!)) depth++;
    else if (at < to && ")]}".includes(code[at]!)) depth--;
    if (at < to && (code[at] !== "," || depth > 0)) continue;
    const [, space = "", keyword] = /^(\s*)(?:(\w+)\s*=(?!=)\s*)?/.exec(code.slice(start, at))!;
    const [whole] = /^\s*(?:\w+\s*=(?!=)\s*)?/.exec(code.slice(start, at))!;
    const begin = start + (keyword === undefined ? space.length : whole.length);
    const text = code.slice(begin, at).trimEnd();
    const string = text === "" ? undefined : stringAt(strings, begin, begin + text.length);
    if (text !== "") {
      args.push({
        ...{ start: begin, code: text },
        ...(keyword === undefined ? {} : { keyword }),
        ...(string === undefined ? {} : { string }),
      });
    }
    start = at + 1;
  }
  return args;
}

function stringAt(strings: readonly PythonString[], start: number, end: number) {
  return strings.find((each) => each.start === start && each.end === end)?.text.trim();
}
