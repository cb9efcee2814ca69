import { type Argument, type Call, callsOf, type Python } from "../../source_code/python.ts";

/** A column that has only None in all rows. */
export interface NullRows {
  /** The position of the call. */
  readonly offset: number;
  /** The call, as in `createDataFrame(…)`. */
  readonly written: string;
  /** The name of the column, if the code contains one. */
  readonly column: string | undefined;
}

/**
 * Finds columns of `createDataFrame(rows)` that have only None in rows that the code writes out. Spark
 * then finds no type for the column, and stops.
 */
export function nullRows(python: Python): NullRows[] {
  return callsOf(python, ["createDataFrame"]).flatMap((call): NullRows[] => {
    const [rows] = call.args;
    if (rows === undefined || hasTypes(call)) return [];
    const columns = columnsOf(rowsOf(rows, python));
    const names = namesOf(call, python);
    return columns.map((column) => ({
      offset: call.start,
      written: "createDataFrame(…)",
      column: typeof column === "string" ? column : names[column],
    }));
  });
}

/** The argument with the schema: a list of names has no types. */
function schemaOf({ args }: Call): Argument | undefined {
  return args.find(({ keyword }) => keyword === "schema") ??
    args.filter(({ keyword }) => keyword === undefined)[1];
}

function hasTypes(call: Call): boolean {
  const schema = schemaOf(call);
  return schema !== undefined && schema.code !== "None" && !NAMES.test(schema.code);
}

/** A list of texts. */
const NAMES = /^[[(](?:\s*["'][^"'\n]*["']\s*,?)*\s*[\])]$/;

function namesOf(call: Call, { strings }: Python): string[] {
  const schema = schemaOf(call);
  if (schema === undefined) return [];
  const end = schema.start + schema.code.length;
  return strings.filter((each) => schema.start <= each.start && each.end <= end)
    .map(({ text }) => text.trim());
}

/** The source of each row of a list. */
function rowsOf({ code, start }: Argument, python: Python): { code: string; start: number }[] {
  const [head] = /^(?:\w+\s*\.\s*)+parallelize\s*\(\s*(?=\[)/.exec(code) ?? [];
  if (head !== undefined) {
    const end = endOfBrackets(code, head.length);
    return end === undefined
      ? []
      : elementsOf(code.slice(head.length, end), start + head.length) ?? [];
  }
  const name = /^[A-Za-z_]\w*$/.test(code) ? code : undefined;
  if (name === undefined) return elementsOf(code, start) ?? [];
  const word = new RegExp(`(?<![\\w.])${name}\\b`, "g");
  const uses = [...python.code.matchAll(word)];
  const definition = new RegExp(`^[ \\t]*${name}[ \\t]*(?::[^=\\n]+)?=[ \\t]*(?=\\[)`, "m")
    .exec(python.code);
  // Another use of the name can change the list.
  if (definition === null || uses.length !== 2) return [];
  const from = definition.index + definition[0].length;
  const end = endOfBrackets(python.code, from);
  return end === undefined ? [] : elementsOf(python.code.slice(from, end), from) ?? [];
}

function endOfBrackets(code: string, start: number): number | undefined {
  let depth = 0;
  for (let i = start; i < code.length; i++) {
    if ("([{".includes(code[i]!)) depth++;
    else if (")]}".includes(code[i]!) && --depth === 0) return i + 1;
  }
  return undefined;
}

/** The parts between the commas of brackets; undefined for other code, or a comprehension. */
function elementsOf(code: string, start: number): { code: string; start: number }[] | undefined {
  const [open, close] = [code.indexOf(code.match(/[([{]/)?.[0] ?? "\0"), code.length - 1];
  if (open < 0 || endOfBrackets(code, open) !== code.length) return undefined;
  const elements: { code: string; start: number }[] = [];
  let [from, depth] = [open + 1, 0];
  for (let i = from; i <= close; i++) {
    const char = code[i]!;
    if (i < close && "([{".includes(char)) depth++;
    else if (i < close && ")]}".includes(char)) depth--;
    if (i < close && (char !== "," || depth > 0)) continue;
    const text = code.slice(from, i);
    if (depth === 0 && /\bfor\b|^\s*\*/.test(text.replaceAll(/[([{][^]*[)\]}]/g, ""))) {
      return undefined;
    }
    if (text.trim() !== "") {
      elements.push({ code: text.trim(), start: start + from + text.search(/\S/) });
    }
    from = i + 1;
  }
  return elements;
}

/** The columns, by name or by place, that have only None in all rows. */
function columnsOf(rows: readonly { code: string; start: number }[]): (string | number)[] {
  if (rows.length === 0) return [];
  const all = rows.map(({ code, start }) =>
    /^(?:Row\s*)?\(|^\[|^\{/.test(code) ? elementsOf(code, start) : undefined
  );
  if (all.includes(undefined)) return [];
  const keyed = all.map((elements) =>
    elements!.map(({ code }, i): [string | number, string] => {
      const [, keyword, value] = /^(\w+)\s*=\s*([^=][^]*)$/.exec(code) ?? [];
      if (keyword !== undefined) return [keyword, value!];
      return [i, /^["'][^"']*["']\s*:\s*([^]*)$/.exec(code)?.[1] ?? code];
    })
  );
  const width = keyed[0]!.length;
  if (width === 0 || keyed.some((row) => row.length !== width)) return [];
  return keyed[0]!.filter((_, i) => keyed.every((row) => row[i]![1] === "None"))
    .map(([name]) => name);
}
