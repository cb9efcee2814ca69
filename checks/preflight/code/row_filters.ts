import type { Code } from "../../source_code/code.ts";
import { type Call, type Python, pythonOf } from "../../source_code/python.ts";
import { lineAround } from "../../source_code/python_blocks.ts";

// A comparison in a message, or of a clock, looks like a condition on rows, and loses none.

/** The calls whose arguments are conditions on rows. */
const FILTERS = /^(?:filter|where|when|having|query|expr|sql|selectExpr|and_|or_|lt|le|between)$/;

/** The calls whose arguments are read by people. */
const MESSAGES =
  /^(?:print|log|debug|info|warn|warning|error|critical|exception|echo|secho|write)$|(?:Error|Exception|Warning)$/;

/** The words of a statement or a condition of SQL, or a comparison with a quoted value or a parameter. */
const SQL =
  /\b(?:select|where|having)\b|\b(?:AND|BETWEEN)\b|<=?\s*(?:timestamp\s*|date\s*)?(?:'|%s|%\(|\?|:\w)/i;

/** A column of Spark, or a comparison of an attribute or an item, as in `row.t <=` and `df["t"] <=`. */
const COLUMN =
  /\bcol(?:umn)?\(|[\w)\]](?:\.(?!(?:now|today)\b)\w+|\[[^\]\n]*\])\s*<=?(?!=)[^<>=]*$/;

/** A statement that tests values of the program. A condition on a column of Spark has no truth. */
const TEST = /^\s*(?:if|elif|while|assert)\b/;

/** The name before an attribute or an item that is compared, as `row` in `row.t <=`. */
const OWNER = /([A-Za-z_]\w*)(?:\.\w+|\[[^\]\n]*\])+\s*<=?(?!=)[^<>=]*$/;

/** The commands of a line of a shell script before the last one, and the words before that one. */
const SHELL_BEFORE = /^.*(?:;|&&|\|\|)\s*(?:(?:then|do|else)\s+)?(?=\w)/;

/** The beginning of a command of a shell script that prints a text or tests a value. */
const SHELL_OTHER = /^\s*(?:(?:echo|printf)\b[^|>]*$|(?:(?:el)?if|while|until)?\s*[[(]{1,2}\s)/;

/** Returns a function that returns whether the expression at an offset of a source filters rows. */
export function rowFilterOf(source: Code): (offset: number) => boolean {
  const { language, text } = source;
  if (language === "python") {
    const python = pythonOf(source);
    return (offset) => filtersInPython(python, offset);
  }
  if (language !== "shell") return () => true;
  return (offset) => {
    const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
    const [after] = text.slice(offset).split("\n", 1);
    const command = before.replace(SHELL_BEFORE, "") + after;
    return !SHELL_OTHER.test(command) && SQL.test(text.slice(0, offset));
  };
}

/** The name that the statement before an offset assigns; undefined for another statement. */
export function assignedName(before: string): string | undefined {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*(?::\s*\w+\s*)?=(?!=)/.exec(line)?.[1];
}

function filtersInPython(python: Python, offset: number, isUse = false): boolean {
  const { code, calls, strings } = python;
  const around = calls.filter((call) => isArgumentOf(call, offset)).map(({ name }) => name);
  const innermost = around.findLast((name) => FILTERS.test(name) || MESSAGES.test(name));
  if (innermost !== undefined) return FILTERS.test(innermost);
  if (isInBrackets(code, offset)) return true;
  const line = lineAround(code, offset);
  const compared = code.slice(line.start, offset);
  const [, owner] = TEST.test(compared) ? OWNER.exec(compared) ?? [] : [];
  if (owner !== undefined) return isRow(owner, code);
  if (COLUMN.test(compared)) return true;
  const before = strings.filter(({ start, end }) => start < offset && end > line.start);
  if (before.some(({ text }) => SQL.test(text))) return true;
  if (isUse) return false;
  // A condition with a name of its own: `is_day = df.t <= end`.
  const name = assignedName(code.slice(line.start, offset));
  if (name === undefined) return false;
  const uses = code.matchAll(new RegExp(`(?<![\\w.])${name}(?!\\w|\\s*=[^=])`, "g"));
  return [...uses].some(({ index }) => filtersInPython(python, index, true));
}

/** Returns whether a name can be that of a row: a loop, a parameter or a cursor gives it its value. */
function isRow(name: string, code: string): boolean {
  if (name === "self" || name === "cls") return false;
  const sources = [
    `\\bfor\\b[^\\n:]*\\b${name}\\b[^\\n:]*\\bin\\b`,
    `\\bdef\\s+\\w+\\s*\\([^)]*\\b${name}\\b`,
    `\\blambda\\b[^:\\n]*\\b${name}\\b`,
    `\\b${name}\\s*:?=[^=\\n]*\\b(?:next|fetch\\w*|first|head|pop|popleft)\\s*\\(`,
  ];
  return new RegExp(sources.join("|")).test(code);
}

function isArgumentOf({ args: [first], end }: Call, offset: number): boolean {
  return first !== undefined && first.start <= offset && offset < end;
}

/** Returns whether an offset is in an index, as in `df[df.t <= end]`, or in the condition of a list. */
function isInBrackets(code: string, offset: number): boolean {
  let depth = 0;
  for (let at = offset - 1; at >= 0 && offset - at < REACH; at--) {
    const character = code[at]!;
    if (")]}".includes(character)) depth++;
    if (!"([{".includes(character) || depth-- > 0) continue;
    depth = 0;
    if (character === "[" && /[\w\])]$/.test(code.slice(0, at))) return true;
    if (/\bfor\b[^]*\bin\b[^]*\bif\b/.test(code.slice(at, offset))) return true;
  }
  return false;
}

/** How far before an expression its bracket can open. In characters. */
const REACH = 2000;
