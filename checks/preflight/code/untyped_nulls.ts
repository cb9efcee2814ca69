import { type Call, callsOf, chainAfter, matching, opening } from "../../source_code/calls.ts";
import type { Code } from "../../source_code/code.ts";
import { type Python, pythonOf } from "../../source_code/python.ts";
import { untypedNulls } from "../../source_code/sql.ts";

/** A null without a type that becomes a column. */
export interface UntypedNull {
  /** Where it is in the text. */
  readonly offset: number;
  /** What is written there, as in `lit(None)`. */
  readonly written: string;
  /** The column's name, where it can be told. */
  readonly column: string | undefined;
}

/** Finds the nulls without a type in job code. */
export function untypedNullsIn(code: Code): UntypedNull[] {
  const { language, text } = code;
  if (language === "sql") return untypedNulls(text).map((each) => inSql(each, 0));
  if (language !== "python") return [];
  const python = pythonOf(code);
  return [...literals(python), ...queries(python)].sort((a, b) => a.offset - b.offset);
}

function inSql({ offset, name }: { offset: number; name: string | undefined }, base: number) {
  const written = name === undefined ? "CAST(NULL AS void)" : `NULL AS ${name}`;
  return { offset: base + offset, written, column: name };
}

function queries({ strings }: Python): UntypedNull[] {
  return strings.flatMap(({ start, text }) => {
    const lead = text.length - text.trimStart().length;
    return untypedNulls(text.slice(lead)).map((each) => inSql(each, start + lead));
  });
}

function literals(python: Python): UntypedNull[] {
  const renamed = [...python.code.matchAll(/\blit\s+as\s+(\w+)/g)].map(([, name]) => name!);
  return callsOf(python, ["lit", "expr", ...renamed])
    .filter((call) => isNull(call) && !isTyped(python, call))
    .map((call) => ({
      offset: call.start,
      written: call.name === "expr" ? 'expr("NULL")' : `${call.name}(None)`,
      column: columnOf(python, call),
    }));
}

function isNull({ name, args }: Call): boolean {
  const [arg] = args;
  if (args.length !== 1 || arg === undefined) return false;
  return name === "expr" ? arg.string?.toUpperCase() === "NULL" : arg.code === "None";
}

const NAMING = ["alias", "name"];

/** Whether the null gets a type: by a cast, or from the values that it stands beside. */
function isTyped(python: Python, call: { readonly start: number; readonly end: number }): boolean {
  const chain = chainAfter(python, call.end);
  if (chain.some(casts)) return true;
  if (chain.some(({ name }) => !NAMING.includes(name) && !isCast(name))) return true;
  return chain.length === 0 && (byNeighbours(python, call) || laterCast(python, call.start));
}

function isCast(name: string): boolean {
  return name === "cast" || name === "astype";
}

function casts({ name, args }: Call): boolean {
  const [to] = args;
  if (!isCast(name) || to === undefined) return false;
  return !/^(void|null)$/i.test(to.string ?? "") && !/\bNullType\b/.test(to.code);
}

/** Functions whose result has the type of those arguments that have one. */
const MIXING = ["coalesce", "otherwise", "ifnull", "nvl", "greatest", "least", "eqNullSafe"];

function byNeighbours(python: Python, { start }: { readonly start: number }): boolean {
  const open = opening(python, start);
  if (open < 0 || python.code[open] !== "(") return false;
  const close = matching(python, open);
  if (close < 0) return false;
  const name = /(\w*)\s*$/.exec(python.code.slice(Math.max(0, open - 100), open))![1]!;
  // Brackets around it, and a condition with it, are as good or bad as what follows them.
  if (name === "") return chainAfter(python, close + 1).some(casts);
  if (name === "when") {
    const chain = chainAfter(python, close + 1);
    return chain.some(casts) ||
      chain.some(({ name, args }) =>
        /^(when|otherwise)$/.test(name) && !onlyNull(args.at(-1)?.code)
      );
  }
  if (!MIXING.includes(name)) return false;
  const inner = python.code.slice(open + 1, close).split(",");
  if (name !== "otherwise") {
    return inner.some((each) => each.trim() !== "" && !onlyNull(each.trim()));
  }
  const before = python.code.slice(Math.max(0, open - 2000), open);
  const value = /\bwhen\s*\(([\s\S]*)\)\s*\.\s*otherwise\s*$/.exec(before)?.[1];
  const typed = value === undefined || !onlyNull(value.slice(value.lastIndexOf(",") + 1).trim());
  return typed || chainAfter(python, close + 1).some(casts);
}

function onlyNull(code: string | undefined): boolean {
  return code === undefined || /^(?:\w+\s*\.\s*)*lit\s*\(\s*None\s*\)$/.test(code);
}

/** A name for the null, which gets its cast wherever it is used. */
function laterCast({ code }: Python, start: number): boolean {
  const name = /(?:^|\n)[ \t]*(\w+)[ \t]*=[ \t]*$/
    .exec(code.slice(code.lastIndexOf("\n", start) + 1, start))?.[1];
  if (name === undefined) return false;
  const uses = [
    ...code.slice(start).matchAll(new RegExp(`(?<![\\w.])${name}\\b(?!\\s*=[^=])`, "g")),
  ];
  return uses.length > 0 && uses.every(({ index }) => {
    const rest = code.slice(start + index + name.length);
    return /^\s*\.\s*(cast|astype)\s*\(/.test(rest);
  });
}

function columnOf(python: Python, call: Call): string | undefined {
  const alias = chainAfter(python, call.end).find(({ name }) => NAMING.includes(name));
  if (alias !== undefined) return alias.args[0]?.string;
  return callsOf(python, ["withColumn"])
    .find(({ start, end, args }) => start < call.start && call.end < end && args.length === 2)
    ?.args[0]?.string;
}
