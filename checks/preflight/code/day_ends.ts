import type { Finding } from "../../finding.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { pythonOf } from "../../source_code/python.ts";
import { assignedName, rowFilterOf } from "./row_filters.ts";

// A day ends before 00:00:00 of the next day. A query that ends it at 23:59:59 leaves out the events of
// its last second, because times have microseconds.

/** The finding for each condition of a source that leaves out the last second of a day. */
export function dayEndFindings(source: Code): Finding[] {
  const { text } = source;
  if (!MENTION.test(text)) return [];
  const code = withoutComments(source);
  return earlyEnds(code, rowFilterOf(source)).map((offset): Finding => ({
    severity: "warn",
    ...placeIn(source, offset),
    problem: "the condition ends a day at its last second, and leaves out the events within it",
    why: "times have microseconds: an event at 23:59:59.5 is in no day, and its row is lost",
    fix:
      "Compare with the start of the next day: occurred_at < '2025-12-29' for the day 2025-12-28.",
  }));
}

/** A source without any of these words has no such condition, and is not parsed. */
const MENTION = /23:59:59|59\s*,\s*59|seconds?\s*=|\b1\s+second|86399/i;

/** The text of a source with blanks in place of comments and docstrings. */
function withoutComments(source: Code): string {
  const { language, text } = source;
  if (language === "shell") return text.replace(/(?<=^|\s)#[^\n]*/g, blanks);
  if (language !== "python") return text.replace(/--[^\n]*|\/\*[^]*?\*\//g, blanks);
  const { code, strings } = pythonOf(source);
  let found = "";
  for (const { start, end } of strings) {
    found += code.slice(found.length, start) + text.slice(start, end);
  }
  return found + code.slice(found.length);
}

const blanks = (text: string) => " ".repeat(text.length);

/**
 * The offsets of the ends of days that are too early, and that a condition uses as the upper bound.
 *
 * @param filtersRows returns whether the expression at an offset filters rows
 */
function earlyEnds(code: string, filtersRows: (offset: number) => boolean): number[] {
  const found = new Set<number>();
  for (const { index, 0: end, groups } of code.matchAll(END)) {
    const before = code.slice(Math.max(0, index - REACH), index);
    const isWhole = /^9{6,}$/.test(groups?.fraction ?? "");
    // A time without a day is no end of a day.
    if (end.startsWith("23") && !/[ T]$/.test(before)) continue;
    // The end of a day, and a second more.
    if (ADDED.test(code.slice(index + end.length))) continue;
    // A span is the end of a day only in a sum.
    const isSpan = /^(?:timedelta|interval)/i.test(end);
    const isSum = !isSpan || SUM.test(before);
    const value = end.startsWith("23") ? before.replace(/[^'"\n]*$/, "") : before;
    if (isSum && isUpperBound(value, isWhole) && filtersRows(index)) found.add(index);
    const name = assignedName(before);
    if (name === undefined) continue;
    for (const use of code.matchAll(new RegExp(`(?<![\\w.])${name}(?!\\w|\\s*=[^=])`, "g"))) {
      const start = code.slice(Math.max(0, use.index - REACH), use.index);
      if (!isSum && !SUM.test(start)) continue;
      const bound = start.replace(/(?:[{$:]|%\()+$/, "");
      if (isUpperBound(bound, isWhole) && filtersRows(use.index)) found.add(index);
      // A parameter of a query with an upper bound.
      const isArgument = /[(,[:=]\s*$/.test(start) && /^\w+\s*[,)\]}]/.test(code.slice(use.index));
      if (isArgument && isInQuery(start)) found.add(index);
    }
  }
  return [...found];
}

/** The text before the second operand of a sum. */
const SUM = /\+\s*(?:\w+\.)*$/;

/** The text after a time to which a span is added. */
const ADDED = /^['"]?\)*(?:::\w+)?\)*\s*\+\s*(?:interval|(?:\w+\.)*timedelta)\b/i;

/** A call of a database. */
const QUERY = /\b(?:execute|text|read_sql\w*|fetch\w*|query)\(/gi;

/** A parameter of a query as its upper bound. */
const PARAMETER = /(?:<=?|\bbetween\s+\S+\s+and)\s*(?:%s|\?|:\w+|%\(\w+\)s|\$\d)/i;

/** Returns whether a text ends in the arguments of a call whose query has a parameter as upper bound. */
function isInQuery(before: string): boolean {
  return [...before.matchAll(QUERY)].some(({ index, 0: call }) => {
    const given = before.slice(index + call.length);
    if (!PARAMETER.test(given)) return false;
    let depth = 0;
    for (const character of given) {
      depth += Number(character === "(") - Number(character === ")");
      // The call `text("…")` can be the first argument of another call.
      if (depth < (call.startsWith("text") ? -1 : 0)) return false;
    }
    return true;
  });
}

/** How far before an end its condition can begin. In characters. */
const REACH = 300;

const SECOND = String
  .raw`\s*-\s*(?:\w+\.)?(?:timedelta\(\s*seconds\s*=\s*1\s*\)|interval\s+'1\s+second')`;

/** The last second of a day, as a literal or in an expression. */
const END = new RegExp(
  [
    String.raw`23:59:59(?:[.,](?<fraction>\d+))?(?!\d)`,
    String.raw`\btime\(\s*23\s*,\s*59\s*,\s*59\s*\)`,
    String.raw`\bdatetime\((?:[^(),]+,){3}\s*23\s*,\s*59\s*,\s*59\s*\)`,
    String.raw`\bhour\s*=\s*23\s*,\s*minute\s*=\s*59\s*,\s*second\s*=\s*59\s*\)`,
    String.raw`\btimedelta\(\s*days\s*=\s*1\s*\)${SECOND}`,
    String.raw`\btimedelta\(\s*(?:days\s*=\s*1\s*,\s*seconds\s*=\s*-1|seconds\s*=\s*86399|` +
    String.raw`hours\s*=\s*23\s*,\s*minutes\s*=\s*59\s*,\s*seconds\s*=\s*59)\s*\)`,
    String.raw`\binterval\s+'1\s+day'${SECOND}`,
  ].join("|"),
  "gi",
);

/** What can stand between an operator and its value: quotes, calls, casts, and the start of a sum. */
const BEFORE_VALUE =
  /(?:[frbFRB]{0,2}\\?["']+|(?<![.\w])[\w.]+\(|'[^'\n]*'\s*\+|(?<=["'])\s*(?:\+|\|\|)|\b(?:timestamp|timestamptz|date|cast)\s+|[\w.[\]{}$]+(?:\([^()]*\))?\s*(?:\+|\|\||::\w+\s*\+|,)|\()\s*$/i;

/** The operands of such a condition, if the condition compares with whole seconds or days. */
const IS_WHOLE =
  /(?:trunc|to_char|date_format|to_date|unix_timestamp|\bdate\s*\(|::\s*date|timestamp\(0\))[^<>;]*$/i;

/**
 * Returns whether a text ends where the upper bound of a condition begins.
 *
 * @param isWhole true for the last microsecond, which only `<` leaves out
 */
function isUpperBound(before: string, isWhole: boolean): boolean {
  let rest = before;
  for (let i = 0; i < 8; i++) {
    const operator = /(?:(?<![<>=!-])(<=?)|\.(lt|le)\s*\()\s*$/.exec(rest);
    if (operator !== null) {
      const isStrict = operator[1] === "<" || operator[2] === "lt";
      return (isStrict || !isWhole) && !IS_WHOLE.test(rest.slice(-120, operator.index));
    }
    const range = /\bbetween\b(?:(?!\band\b)[^;])*\band\s*$/i.exec(rest) ??
      betweenCall(rest);
    if (range !== null) {
      return !isWhole && !IS_WHOLE.test(rest.slice(Math.max(0, range.index - 120), range.index));
    }
    const next = rest.replace(BEFORE_VALUE, "");
    if (next === rest) return false;
    rest = next;
  }
  return false;
}

/** The call of `between` whose first argument ends with the text; null without one. */
function betweenCall(before: string): { readonly index: number } | null {
  const index = before.lastIndexOf(".between(");
  if (index < 0 || !/,\s*$/.test(before)) return null;
  const given = before.slice(index + ".between(".length);
  const depth = [...given].reduce((sum, c) => sum + Number(c === "(") - Number(c === ")"), 0);
  return depth === 0 ? { index } : null;
}
