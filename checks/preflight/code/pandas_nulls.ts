import { type Argument, type Call, callsOf, type Python } from "../../source_code/python.ts";
import { elementsOf } from "../../source_code/python_brackets.ts";

/** The columns of a frame of pandas that have only None. */
export interface PandasColumns {
  /** The names. */
  readonly columns: readonly string[];
  /** The reason why it is not known whether other code gives the columns a value. */
  readonly unknown?: string;
}

/**
 * The columns with only None of a frame of pandas that the code writes out, as in
 * `pd.DataFrame({"a": [None]})` and `frame["a"] = None`.
 *
 * @returns undefined for another value
 */
export function pandasColumns(value: Argument, python: Python): PandasColumns | undefined {
  const name = /^[A-Za-z_]\w*$/.test(value.code) ? value.code : undefined;
  const made = callsOf(python, ["DataFrame"]).findLast((call) =>
    name === undefined ? call.start === value.start : assigns(python.code, name, call)
  );
  if (made === undefined) return undefined;
  if (made.args.some(({ keyword }) => keyword === "dtype")) return { columns: [] };
  const assigned = name === undefined ? [] : assignedNone(name, python);
  const chained = made.chain.filter(({ name }) => name === "assign").flatMap(({ args }) =>
    args.filter(({ code }) => code === "None").flatMap(({ keyword }) => keyword ?? [])
  );
  const columns = [...new Set([...ofData(made, python), ...chained, ...assigned])];
  const isChanged = made.chain.some((each) => each.name !== "assign") ||
    name !== undefined && isUsedElsewhere(name, python);
  return { columns, ...isChanged ? { unknown: "other code can change the frame of pandas" } : {} };
}

/** Returns whether a call is the value that a name gets. */
function assigns(code: string, name: string, { start }: Call): boolean {
  return new RegExp(`^[ \\t]*${name}[ \\t]*(?::[^=\\n]+)?=[ \\t]*$`, "m")
    .test(code.slice(code.lastIndexOf("\n", start - 1) + 1, start));
}

/** The columns of rows, or the keys of a dictionary, that have only None. */
function ofData({ args }: Call, { strings }: Python): string[] {
  const [data] = args;
  if (data === undefined) return [];
  if (data.code.startsWith("[")) {
    const names = args.find(({ keyword }) => keyword === "columns");
    const texts = names === undefined
      ? []
      : strings.filter(({ start, end }) =>
        names.start <= start && end <= names.start + names.code.length
      );
    const rows = elementsOf(data.code, data.start)?.map(({ code, start }) =>
      /^[([]/.test(code) ? elementsOf(code, start) ?? [] : []
    ) ?? [];
    return texts.flatMap(({ text }, i) =>
      rows.length > 0 && rows.every((row) =>
          row[i]?.code === "None"
        )
        ? [text.trim()]
        : []
    );
  }
  return (elementsOf(data.code, data.start) ?? []).flatMap(({ code, start }) => {
    const list = /^["'][^"']*["']\s*:\s*\[((?:\s*None\s*,?)+)\](?:\s*\*\s*\w+)?$/.test(code);
    const key = strings.find((each) => each.start === start);
    return list && key !== undefined ? [key.text.trim()] : [];
  });
}

/** The columns to which the code assigns None, as in `frame["a"] = None`. */
function assignedNone(name: string, { code, strings }: Python): string[] {
  const assignment = new RegExp(
    `^[ \\t]*${name}[ \\t]*\\[(["'][^"'\\n]*["'])\\][ \\t]*=[ \\t]*None[ \\t]*$`,
    "gm",
  );
  return [...code.matchAll(assignment)].flatMap(({ 0: whole, index }) => {
    const at = index + whole.indexOf("[") + 1;
    return strings.find(({ start }) => start === at)?.text.trim() ?? [];
  });
}

/** Returns whether code uses a frame for more than assigning None and making a frame of Spark. */
function isUsedElsewhere(name: string, { code }: Python): boolean {
  const known = new RegExp(
    `^[ \\t]*${name}[ \\t]*(?:\\[["'][^"'\\n]*["']\\][ \\t]*=[ \\t]*None[ \\t]*$|(?::[^=\\n]+)?=(?!=))|` +
      `createDataFrame\\(\\s*${name}\\b|\\b(?:print|len)\\(\\s*${name}\\s*\\)`,
    "gm",
  );
  const uses = code.match(new RegExp(`(?<![\\w.])${name}\\b`, "g"))?.length ?? 0;
  return uses > (code.match(known)?.length ?? 0);
}
