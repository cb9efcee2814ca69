import { type Argument, type Call, callsOf, type Python } from "../../source_code/python.ts";
import { elementsOf, endOfBrackets, type Piece } from "../../source_code/python_brackets.ts";
import { pandasColumns } from "./pandas_nulls.ts";

/** A column that has only None in all rows. */
export interface NullRows {
  /** The position of the call. */
  readonly offset: number;
  /** The call, as in `createDataFrame(…)`. */
  readonly written: string;
  /** The name of the column, if the code contains one. */
  readonly column: string | undefined;
  /** The reason why it is not known whether other code gives the column a value. */
  readonly unknown?: string;
}

/**
 * Finds columns of `createDataFrame(rows)` that have only None in rows that the code writes out. Spark
 * then finds no type for the column, and stops. An empty list has no type either.
 */
export function nullRows(python: Python): NullRows[] {
  return framesOf(python).flatMap(({ call, rows, schema }): NullRows[] => {
    if (hasTypes(schema)) return [];
    const base = { offset: call.start, written: `${call.name}(…)` };
    const pandas = pandasColumns(rows, python);
    if (pandas !== undefined) {
      return pandas.columns.map((column) => ({
        ...base,
        column,
        ...pandas.unknown === undefined ? {} : { unknown: pandas.unknown },
      }));
    }
    const columns = emptyColumns(rowsOf(rows, python), constructorsOf(python));
    const names = namesOf(schema, python);
    return columns.map((column) => ({
      ...base,
      column: typeof column === "string" ? column : names[column],
    }));
  });
}

/** A call that makes a frame from rows. */
interface FrameCall {
  readonly call: Call;
  readonly rows: Argument;
  readonly schema: Argument | undefined;
}

/** The calls of `createDataFrame`, and of `toDF` on `parallelize`. */
function framesOf(python: Python): FrameCall[] {
  const created = callsOf(python, ["createDataFrame"]).flatMap((call): FrameCall[] => {
    const [rows] = call.args;
    return rows === undefined ? [] : [{ call, rows, schema: schemaOf(call.args, 1) }];
  });
  const parallel = callsOf(python, ["parallelize"]).flatMap(({ chain, args: [rows] }) => {
    const [call] = chain;
    if (call?.name !== "toDF" || rows === undefined) return [];
    return [{ call, rows, schema: schemaOf(call.args, 0) }];
  });
  return [...created, ...parallel];
}

/** The argument with the schema: a list of names has no types. */
function schemaOf(args: readonly Argument[], position: number): Argument | undefined {
  return args.find(({ keyword }) => keyword === "schema") ??
    args.filter(({ keyword }) => keyword === undefined)[position];
}

function hasTypes(schema: Argument | undefined): boolean {
  return schema !== undefined && schema.code !== "None" && !NAMES.test(schema.code);
}

/** A list of texts. */
const NAMES = /^[[(](?:\s*["'][^"'\n]*["']\s*,?)*\s*[\])]$/;

function namesOf(schema: Argument | undefined, { strings }: Python): string[] {
  if (schema === undefined) return [];
  const end = schema.start + schema.code.length;
  return strings.filter((each) => schema.start <= each.start && each.end <= end)
    .map(({ text }) => text.trim());
}

/** The source of each row of a list. The element of a comprehension stands for all its rows. */
function rowsOf({ code, start }: Argument, python: Python): Piece[] {
  const [head] = /^(?:\w+\s*\.\s*)+parallelize\s*\(\s*(?=\[)/.exec(code) ?? [];
  if (head !== undefined) return listAt(code, head.length, start);
  const name = /^[A-Za-z_]\w*$/.test(code) ? code : undefined;
  if (name === undefined) return rowsIn(code, start);
  const word = new RegExp(`(?<![\\w.])${name}\\b`, "g");
  const uses = [...python.code.matchAll(word)];
  const definition = new RegExp(`^[ \\t]*${name}[ \\t]*(?::[^=\\n]+)?=[ \\t]*(?=\\[)`, "m")
    .exec(python.code);
  if (definition === null) return [];
  const appended = callsOf(python, ["append"]).filter(({ callee }) => callee === `${name}.append`);
  // Another use of the name can change the list.
  if (uses.length !== 2 + appended.length) return [];
  return [
    ...listAt(python.code, definition.index + definition[0].length, 0),
    ...appended.flatMap(({ args: [row] }) => row ?? []),
  ];
}

/** The elements of a list at a position of code that begins at `start`. */
function listAt(code: string, at: number, start: number): Piece[] {
  const end = endOfBrackets(code, at);
  if (end === undefined) return [];
  const list = code.slice(at, end);
  return rowsIn(list, start + at);
}

function rowsIn(code: string, start: number): Piece[] {
  return elementOfComprehension(code, start) ?? elementsOf(code, start) ?? [];
}

/** The element of a list comprehension, as `(i, None)` of `[(i, None) for i in x]`. */
function elementOfComprehension(code: string, start: number): Piece[] | undefined {
  const [, open, name] = /^(\[\s*)(\w*\s*)[([{]/.exec(code) ?? [];
  if (open === undefined || !code.endsWith("]")) return undefined;
  const end = endOfBrackets(code, open.length + name!.length);
  if (end === undefined || !/^\s*for\b/.test(code.slice(end))) return undefined;
  return [{ code: code.slice(open.length, end), start: start + open.length }];
}

/** The names that make rows: `Row`, and names that are `Row("a", "b")` or a `namedtuple`. */
function constructorsOf({ code }: Python): ReadonlySet<string> {
  const definition = /^[ \t]*(\w+)[ \t]*=[ \t]*(?:\w+\s*\.\s*)*(?:Row|namedtuple)\s*\(/gm;
  return new Set(["", "Row", ...[...code.matchAll(definition)].map(([, name]) => name!)]);
}

/** The columns, by name or by place, that have no value with a type in all rows. */
function emptyColumns(
  rows: readonly Piece[],
  constructors: ReadonlySet<string>,
): (string | number)[] {
  if (rows.length === 0) return [];
  const all = rows.map(({ code, start }) => {
    const [, name] = /^(?:\w+\s*\.\s*)*(\w*)\s*[([{]/.exec(code) ?? [];
    return name !== undefined && constructors.has(name) ? elementsOf(code, start) : undefined;
  });
  if (all.includes(undefined)) return [];
  const keyed = all.map((elements) =>
    elements!.map(({ code }, i): [string | number, string] => {
      const [, keyword, value] = /^(\w+)\s*=\s*([^=][^]*)$/.exec(code) ?? [];
      if (keyword !== undefined) return [keyword, value!];
      return [i, valueOf(code)];
    })
  );
  const width = keyed[0]!.length;
  if (width === 0 || keyed.some((row) => row.length !== width)) return [];
  return keyed[0]!.filter((_, i) => keyed.every((row) => hasNoType(row[i]![1])))
    .map(([name]) => name);
}

/** The value of an entry, as in `"a": None`. */
function valueOf(code: string): string {
  return /^["'][^"']*["']\s*:\s*([^]*)$/.exec(code)?.[1] ?? code;
}

/** Returns whether Spark finds no type for a value: None, an empty list, or a list of only None. */
function hasNoType(code: string, depth = 0): boolean {
  if (code === "None" || /^(?:\[\s*\]|\{\s*\})$/.test(code)) return true;
  if (depth > 5 || !/^[([{]/.test(code)) return false;
  const elements = elementsOf(code, 0)?.map((each) => valueOf(each.code)) ?? [];
  if (elements.length === 0) return false;
  if (code.startsWith("(") && elements.length === 1 && !/,\s*\)$/.test(code)) {
    return hasNoType(elements[0]!, depth + 1);
  }
  if (!code.startsWith("(")) return elements.every((each) => hasNoType(each, depth + 1));
  return elements.some((each) => hasNoType(each, depth + 1));
}
