import type { Call } from "./python.ts";
import { blockOf, indentAt, leavesIn, lineAround, returnsCode, stopsIn } from "./python_blocks.ts";

// How Python tests a value, and what it does if the value is missing.

/** Returns how code tests the result of a call, as in `if os.environ.get("A"):`, if it does. */
export function conditionAt(
  code: string,
  { start, end }: Call,
): Pick<Test, "isNegative"> | undefined {
  const before = /\b(if|elif|while|not|and|or|match)\s*\(*\s*(?:\w+\s*:=\s*)?$/.exec(
    code.slice(Math.max(0, start - 40), start),
  );
  const after = code.slice(end, end + 40);
  const isCompared = /^[ \t]*\)*[ \t]*(is\b|==|!=|in\b|not\s+in\b|and\b|if\b)/.test(after);
  if ((before === null || before[1] === "or") && !isCompared) return undefined;
  const isNegative =
    /\bnot\s*\(*\s*(?:\w+\s*:=\s*)?$/.test(code.slice(Math.max(0, start - 40), start)) ||
    /^\s*\)*\s*(is\s+None|==\s*(None|["'])|in\s*[([{]\s*None)/.test(after);
  return { isNegative };
}

/** The variable that a longer expression is assigned to, as in `day = args.day or f()`. */
export function targetOf(code: string, offset: number): string | undefined {
  const { text, start } = lineAround(code, offset);
  return /^\s*([\w.]+)\s*(?::[^=]+)?=(?!=)/.exec(text.slice(0, offset - start))?.[1];
}

/** The places where code tests a variable, by its name. */
export type Tests = ReadonlyMap<string, readonly Test[]>;

/** A place where code tests a variable. */
export interface Test {
  /** The place. */
  readonly offset: number;
  /** True if the test also passes for a variable without a value, or with an empty one. */
  readonly isNegative: boolean;
}

/** Finds tests such as `if day is None:`, `if not day:` and `day or today()`. */
export function testsIn(code: string): Tests {
  const tests = new Map<string, Test[]>();
  const test =
    /(?<=\b(?:if|while|and|not|elif|else)\s+\(*)[\w.]+|(?<![\w.])[\w.]+(?=\s+(?:is|or|if|and)\b|\s*(?:==|!=)\s*(?:None|["']))/g;
  for (const { 0: name, index: offset } of code.matchAll(test)) {
    const isNegative = /\bnot\s+\(*$/.test(code.slice(Math.max(0, offset - 20), offset)) ||
      /^\s*(?:is\s+None|==\s*(?:None|["']))/.test(code.slice(offset + name.length, offset + 200));
    const all = tests.get(name) ?? [];
    all.push({ offset, isNegative });
    tests.set(name, all);
  }
  return tests;
}

/**
 * Returns whether the code goes on after a condition if a variable is not set.
 *
 * @param isNegative whether the condition is true if the variable is not set
 */
export function continuesAfter(code: string, offset: number, isNegative: boolean): boolean {
  const { text } = lineAround(code, offset);
  if (/^\s*match\b/.test(text)) {
    const none = /^[ \t]*case[ \t]+None\b/m.exec(code.slice(offset));
    return none === null || !stopsIn(blockOf(code, offset + none.index + none[0].length - 1).body);
  }
  if (!/^\s*(if|elif|while)\b/.test(text)) return !/^\s*assert\b/.test(text);
  const { body, otherwise } = blockOf(code, offset);
  const missing = isNegative ? body : otherwise;
  return !stopsIn(missing) && !(returnsCode(code) && /^\s*return\s+[1-9]/m.test(missing));
}

/**
 * Returns whether code reads a variable only if a test has found the variable. A test that only
 * prints a message protects nothing. A function between the test and the read can be called from
 * anywhere.
 */
export function protects(
  code: string,
  { start, negated }: { readonly start: number; readonly negated: boolean },
  offset: number,
): boolean {
  const { text } = lineAround(code, start);
  if (/^\s*(print|log\w*(\.\w+)?)\s*\(/.test(text)) return start === offset;
  const isStatement = /^\s*(if|elif|while)\b/.test(text);
  const between = code.slice(Math.min(start, offset), Math.max(start, offset));
  if (!isStatement || start === offset || /^\s*(async\s+)?def\b/m.test(between)) return true;
  const { body, otherwise, bodyEnd, end } = blockOf(code, start);
  if (leavesIn(negated ? body : otherwise)) return true;
  return negated ? bodyEnd <= offset && offset < end : start <= offset && offset < bodyEnd;
}

/** Returns whether a test stops the program without the variable. */
export function stopsWithout(code: string, start: number, negated: boolean): boolean {
  const { text, start: lineStart } = lineAround(code, start);
  if (/^\s*assert\b/.test(text)) return !negated;
  const [, list] = /^\s*(\w+)\s*=\s*(?:list|set|tuple|sorted)?\s*[[({]/.exec(text) ?? [];
  if (list !== undefined && negated) {
    const assertion = new RegExp(`^[ \\t]*assert[ \\t]+not[ \\t]+${list}\\b`, "m");
    if (assertion.test(code.slice(start))) return true;
    // As in `missing = [key for key in KEYS if key not in os.environ]`.
    const test = new RegExp(`^[ \\t]*if[ \\t]+(?:len\\()?${list}\\b`, "m").exec(code.slice(start));
    return test !== null && stopsIn(blockOf(code, start + test.index + test[0].length - 1).body);
  }
  if (
    !negated && /^[^=\n]*\benviron\s+or\s+(?:sys\.)?exit\(/.test(code.slice(start, start + 200))
  ) {
    return true;
  }
  if (!/^\s*(if|elif)\b/.test(text)) return false;
  const before = code.slice(lineStart, start);
  const isNegative = negated !== /\bnot\s+(?:all\s*)?\(*\s*$/.test(before);
  const { body, otherwise } = blockOf(code, start);
  return stopsIn(isNegative ? body : otherwise);
}

/** The most lines between `try` and the code that it protects. */
const MAX_LINES = 500;

/**
 * What happens to an error at an offset: it is caught, by `except KeyError` or `suppress(KeyError)`,
 * or it is not; `stops` if the code that catches it stops the program.
 */
export function caughtAt(
  code: string,
  offset: number,
  errors: RegExp,
): "caught" | "stops" | "not caught" {
  const handler = handlerAt(code, offset, errors);
  if (handler === undefined) return "not caught";
  return stopsIn(handler) ? "stops" : "caught";
}

/** Returns whether a missing variable makes a function return None, as in `except KeyError`. */
export function returnsNone(code: string, offset: number): boolean {
  const handler = handlerAt(code, offset, /\b(KeyError|LookupError|Exception|BaseException)\b/);
  return handler !== undefined && /^\s*return(?:\s+None)?\s*$/m.test(handler);
}

/** The statements that handle an error; empty for `suppress`. */
function handlerAt(code: string, offset: number, errors: RegExp): string | undefined {
  let indent = indentAt(code, offset);
  let at = lineAround(code, offset).start;
  for (let lines = 0; indent > 0 && at > 0 && lines < MAX_LINES; lines++) {
    const { text: line, start } = lineAround(code, at - 1);
    at = start;
    const own = line.length - line.trimStart().length;
    if (line.trim() === "" || own >= indent) continue;
    indent = own;
    if (/^\s*(async\s+)?def\b|^\s*class\b/.test(line)) return undefined;
    if (/^\s*with\b.*\bsuppress\(/.test(line) && errors.test(line)) return "";
    if (!/^\s*try\s*:/.test(line)) continue;
    const { handlers } = blockOf(code, at + own);
    const handler = handlers.find(({ head }) => /^except\s*:/.test(head) || errors.test(head));
    if (handler !== undefined) return handler.body;
  }
  return undefined;
}
