import { type Call, callsOf, type Python } from "../../source_code/python.ts";

/** A logical line of Python: brackets continue a line. */
export interface Statement {
  /** The start of the statement in the source. */
  readonly start: number;
  /** The end of the statement in the source, exclusive. */
  readonly end: number;
  /** The text, with the content of strings blanked. */
  readonly text: string;
  /** The variable that the statement assigns. */
  readonly target: string | undefined;
  /** The variables that the statement reads. */
  readonly names: ReadonlySet<string>;
  /**
   * Whether Spark refuses a column without a type in the format in which the statement writes a
   * frame: `refusing` for Parquet, CSV, ORC and text; undefined without a write.
   */
  readonly sink: "refusing" | "other" | undefined;
}

/** Where the frames of a source go, and which columns get a type. Read once for a source. */
export interface NullFlow {
  /** The statements, in the order of the source. */
  readonly statements: readonly Statement[];
  /** The last place that gives a column a type, by its name; the empty name is every column. */
  readonly typed: ReadonlyMap<string, number>;
}

/** Methods that end a chain of frames without a file that needs types. JSON leaves nulls out. */
const ACTIONS =
  /\.\s*(?:show|count|collect|take|first|head|isEmpty|toPandas|toLocalIterator|printSchema|explain|foreach|foreachPartition|json|jdbc|insertInto|writeTo)\s*\(/;

/** Methods whose result has the types of another frame. */
const RETYPING =
  /\.\s*(?:union|unionAll|unionByName|to)\s*\(|\bcreateDataFrame\s*\(\s*\w+\s*\.\s*(?:rdd|collect\s*\(\s*\))\s*,/;

/** A new schema before the write of the same statement. */
const NEW_SCHEMA =
  /(?:\.\s*to\s*\(|\bcreateDataFrame\s*\(\s*\w+\s*\.\s*(?:rdd|collect\s*\(\s*\))\s*,)(?=[^]*\.\s*write\b)/;

/**
 * Reads where the frames of a source go.
 *
 * @param isNull whether the code of a value is a null without a type
 */
export function readFlow(python: Python, isNull: (code: string) => boolean): NullFlow {
  const typed = new Map<string, number>();
  const note = (column: string | undefined, offset: number) => {
    if (column !== undefined) typed.set(column, Math.max(offset, typed.get(column) ?? 0));
  };
  for (const call of callsOf(python, ["withColumn", "drop", "col", "column"])) {
    const { name, start, args: [first, second] } = call;
    const gives = name === "withColumn"
      ? !isNull(second?.code ?? "None")
      : name === "drop" || call.chain.some((each) => /^(cast|astype)$/.test(each.name));
    if (gives) note(first?.string, start);
  }
  for (const { text, start } of python.strings) {
    for (const [, column] of text.matchAll(/\bcast\s*\(\s*["`]?(\w+)["`]?\s+as\b/gi)) {
      note(column, start);
    }
  }
  // As in `[col(name).cast(type) for name, type in types]`.
  const all = /\bcol\s*\(\s*\w+(?:\s*\.\s*\w+)?\s*\)\s*\.\s*(?:cast|astype)\s*\(/g;
  for (const { index } of python.code.matchAll(all)) note("", index);
  return { statements: statementsOf(python), typed };
}

/**
 * Returns whether later code gives a column a type: a cast, another value of the same name, or casts of
 * all columns in a loop. The column may also be dropped.
 */
export function isTypedLater(
  { typed }: NullFlow,
  { end }: Pick<Call, "end">,
  column: string | undefined,
): boolean {
  return ["", ...column === undefined ? [] : [column]].some((name) => (typed.get(name) ?? 0) > end);
}

/**
 * Returns whether a column that a call creates can reach a file in a format that refuses columns
 * without a type: by a write in the same source, or outside of the source. A frame that is only shown,
 * counted or written in another format cannot.
 */
export function canReachRefusingFormat(
  { statements }: NullFlow,
  { start }: Pick<Call, "start">,
): boolean {
  const first = statements.findIndex((each) => each.start <= start && start < each.end);
  if (first < 0) return true;
  const frames = new Set<string>();
  let isContained = false;
  let escapes = false;
  for (let i = first; i < Math.min(statements.length, first + MAX_STATEMENTS); i++) {
    const { text, target, names, sink, start: own } = statements[i]!;
    if (i > first && !frames.values().some((name) => names.has(name))) {
      if (target !== undefined) frames.delete(target);
      continue;
    }
    const after = i === first ? text.slice(start - own) : text;
    if (sink === "refusing" && !NEW_SCHEMA.test(after)) return true;
    if (sink === "other" || ACTIONS.test(after) || RETYPING.test(after)) isContained = true;
    else if (target !== undefined) frames.add(target);
    else escapes = true;
  }
  return escapes || !isContained;
}

/** The most statements between a null and the end of its frame. */
const MAX_STATEMENTS = 2000;

function statementsOf(python: Python): Statement[] {
  const { code } = python;
  const writers = callsOf(python, ["format", "save", "saveAsTable"]);
  const statements: Statement[] = [];
  let start = 0;
  let depth = 0;
  for (let i = 0; i <= code.length; i++) {
    const char = code[i];
    if (char !== undefined && "([{".includes(char)) depth++;
    else if (char !== undefined && ")]}".includes(char)) depth = Math.max(0, depth - 1);
    const isEnd = char === undefined ||
      (char === "\n" || char === ";") && depth === 0 && code[i - 1] !== "\\";
    if (!isEnd) continue;
    const text = code.slice(start, i);
    if (text.trim() !== "") {
      const [, target] = /^\s*(\w+)\s*(?::[^=]+)?=(?!=)/.exec(text) ?? [];
      const value = target === undefined ? text : text.slice(text.indexOf("=") + 1);
      const names = new Set(value.match(/(?<![\w.])[A-Za-z_]\w*/g));
      const [from, end] = [start, i + 1];
      const sink = sinkOf(text, (ends) => writers.filter((call) => ends.has(call.end - from)));
      statements.push({ start, end, text, target, names, sink });
    }
    start = i + 1;
  }
  return statements;
}

/**
 * Where a statement writes a frame. The format of a read in the same statement does not count.
 *
 * @param writersAt the calls that end at offsets of the statement
 */
function sinkOf(
  text: string,
  writersAt: (ends: ReadonlySet<number>) => readonly Call[],
): Statement["sink"] {
  const writes = [...text.matchAll(/\.\s*write(?:Stream)?\b/g)];
  if (writes.length === 0) return undefined;
  const isRefusing = writes.some(({ index }) => {
    const { methods, ends } = chainFrom(text, index);
    const method = /\.\s*(parquet|csv|orc|text|json|jdbc|insertInto|delta)\s*\(/.exec(methods);
    const format = method?.[1] ?? formatIn(writersAt(ends));
    return format === undefined || /^(?:parquet|csv|orc|text)$/i.test(format);
  });
  return isRefusing ? "refusing" : "other";
}

/** The methods from an offset on, without their arguments, and where each of these calls ends. */
function chainFrom(text: string, start: number) {
  const ends = new Set<number>();
  let methods = "";
  for (let [i, depth] = [start, 0]; i < text.length; i++) {
    const char = text[i]!;
    const isClosing = ")]}".includes(char);
    if (isClosing && --depth < 0 || char === "," && depth === 0) break;
    if (depth === 0) methods += char;
    if (isClosing && depth === 0) ends.add(i + 1);
    if ("([{".includes(char)) depth++;
  }
  return { methods, ends };
}

/** The format that `format("…")` or `save(…, format="…")` of a writer names. */
function formatIn(writers: readonly Call[]): string | undefined {
  return writers.find(({ name }) => name === "format")?.args[0]?.string ??
    writers.flatMap(({ args }) => args).find(({ keyword }) => keyword === "format")?.string;
}
