import type { Python } from "./python.ts";
import { endOfBrackets, type Piece } from "./python_brackets.ts";

// Copies of the environment with defaults, as in `settings = {**DEFAULTS, **os.environ}`.

/** A copy of the environment with other values. */
export interface EnvironCopy {
  /** The variable with the copy. */
  readonly name: string;
  /** The start of the statement. */
  readonly start: number;
  /** The keys that have a value without the environment. */
  readonly keys: readonly string[];
  /** True if the copy can have keys that the source does not show. */
  readonly isOpen: boolean;
}

/** The most code in the brackets of a copy or of defaults. */
const MAX_TEXT = 20_000;

/** The deepest chain of defaults that are made from other defaults. */
const MAX_DEPTH = 5;

const ASSIGNMENT = /^[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?=[^\n]*(?:\benviron\b|[({|][ \t]*$))/gm;

/** The copies of the environment with other values. */
export function copiesIn(python: Python): EnvironCopy[] {
  if (!/\benviron\b/.test(python.code)) return [];
  return [...python.code.matchAll(ASSIGNMENT)].flatMap(({ 0: head, 1: name, index }) => {
    const start = index + head.length;
    const value = valueAt(python.code, start);
    const isCopy = MAPPING.test(value) &&
      /\*\*\s*(?:\w+\.)*environ\b|\benviron(?:\.copy\(\)|\))?\s*\|(?!=)|\|\s*(?:dict\()?(?:\w+\.)*environ\b|^(?:\w+\.)*ChainMap\([^]*\benviron\b/
        .test(value) &&
      !/[)}]\s*[.[]/.test(value);
    return isCopy ? [{ name: name!, start: index, ...keysOf(value, start, python, 0) }] : [];
  });
}

/** The begin of a dictionary, of `dict(…)`, of `ChainMap(…)` or of `a | b`. */
const MAPPING = /^(?:[{(]|dict\s*\(|(?:\w+\.)*ChainMap\s*\(|(?:\w+\.)*\w+(?:\.copy\(\))?\s*\|)/;

/** The value of a statement, whose brackets can have several lines. */
function valueAt(code: string, start: number): string {
  let end = start;
  while (end < code.length && end - start < MAX_TEXT && code[end] !== "\n") {
    const close = "([{".includes(code[end]!)
      ? endOfBrackets(code.slice(end, end + MAX_TEXT), 0)
      : undefined;
    end += close ?? 1;
  }
  return code.slice(start, end).trimEnd();
}

/** The keys of a mapping that have a value, and whether there can be more. */
export type Keys = Pick<EnvironCopy, "keys" | "isOpen">;

const OPEN: Keys = { keys: [], isOpen: true };

/** The keys of a value: a dictionary, `dict(…)`, `ChainMap(…)`, `a | b`, or a variable. */
function keysOf(written: string, at: number, python: Python, depth: number): Keys {
  const start = at + written.length - written.trimStart().length;
  const value = written.trim();
  if (/^(?:\w+\.)*environ(?:\.copy\(\))?$/.test(value)) return { keys: [], isOpen: false };
  if (depth > MAX_DEPTH) return OPEN;
  const sides = partsOf(value, start, "|");
  if (sides.length > 1) {
    return joined(sides.map((each) => keysOf(each.code, each.start, python, depth + 1)));
  }
  if (/^(?:\w+\.)*\w+$/.test(value)) return keysOfVariable(value, python, depth);
  const isDictionary = value.startsWith("{");
  const isMap = /^(?:\w+\.)*ChainMap\s*\(/.test(value);
  if (!isDictionary && !isMap && !/^dict\s*\(/.test(value)) return OPEN;
  const open = value.search(/[({]/);
  if (endOfBrackets(value, open) !== value.length) return OPEN;
  const elements = partsOf(value.slice(open + 1, -1), start + open + 1, ",");
  return joined(
    elements.filter(({ code }) => code !== "").map(({ code, start }): Keys => {
      if (/\bfor\b/.test(code)) return OPEN;
      const [spread] = /^\*\*\s*/.exec(code) ?? [];
      if (spread !== undefined) {
        return keysOf(code.slice(spread.length), start + spread.length, python, depth + 1);
      }
      const [, keyword, given] = /^(\w+)\s*=(?!=)\s*([^]*)$/.exec(code) ?? [];
      if (!isDictionary && keyword === undefined) return keysOf(code, start, python, depth + 1);
      if (keyword !== undefined) return keyOf(keyword, given!);
      const string = python.strings.find((each) => each.start === start);
      if (string !== undefined) {
        const rest = code.slice(string.end - string.start);
        return keyOf(string.text.trim(), rest.replace(/^\s*:\s*/, ""));
      }
      const [head, constant] = /^(\w+)\s*:\s*/.exec(code) ?? [];
      const text = python.constants.get(constant ?? "");
      return text === undefined ? OPEN : keyOf(text, code.slice(head!.length));
    }),
  );
}

/** A key with its value; None is no value. */
function keyOf(key: string, value: string): Keys {
  return value.trim() === "None" ? OPEN : { keys: [key], isOpen: false };
}

function joined(all: readonly Keys[]): Keys {
  return { keys: all.flatMap(({ keys }) => keys), isOpen: all.some(({ isOpen }) => isOpen) };
}

/** The parts of code between separators that are not in brackets. */
function partsOf(value: string, start: number, separator: string): Piece[] {
  const parts: Piece[] = [];
  let [from, depth] = [0, 0];
  for (let i = 0; i <= value.length; i++) {
    const char = value[i] ?? separator;
    if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    if (char !== separator || depth > 0) continue;
    const code = value.slice(from, i);
    parts.push({ code: code.trim(), start: start + from + code.length - code.trimStart().length });
    from = i + 1;
  }
  return parts;
}

/** The keys of a variable that gets one dictionary, which the code does not change later. */
export function keysOfVariable(path: string, python: Python, depth = 0): Keys {
  const { code, subscripts } = python;
  if (!/^(?:\w+\.)*[A-Za-z_]\w*$/.test(path)) return OPEN;
  const name = path.slice(path.lastIndexOf(".") + 1);
  const definition = new RegExp(`^[ \\t]*${name}[ \\t]*(?::[^=\\n]+)?=(?!=)[ \\t]*`, "gm");
  const [found, ...others] = [...code.matchAll(definition)];
  const change = new RegExp(
    `\\b${name}\\s*\\.\\s*(?:pop|popitem|clear|update|setdefault)\\(|\\b${name}\\s*\\|=|\\bdel\\s+${name}\\b`,
  );
  if (found === undefined || others.length > 0) return OPEN;
  const start = found.index + found[0].length;
  const own = keysOf(valueAt(code, start), start, python, depth + 1);
  const assigned = subscripts.filter(({ owner, assigned }) => assigned && owner === path)
    .map(({ key }) => key);
  return change.test(code) ? OPEN : { keys: [...own.keys, ...assigned], isOpen: own.isOpen };
}
