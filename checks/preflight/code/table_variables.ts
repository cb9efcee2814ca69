import type { Python } from "../../source_code/python.ts";

// Names of tables that Python keeps in a variable before it uses them, as in `T = "stop_events"` and
// `f"SELECT * FROM {T}"`, and defaults of environment variables with the name of a table.

/** A table name in code. */
export interface TableName {
  /** The name as written, with quotes and schema. */
  readonly name: string;
  /** The position of the name in the text. */
  readonly offset: number;
  /** The variable of the code that has the name, as in `OUTBOX_TABLE`; absent for another use. */
  readonly assignedTo?: string;
  /** The environment variable that counts more than the name; absent for another use. */
  readonly defaultOf?: string;
}

/** The end of SQL before the name of a table, and the place of the name in a text. */
const PLACE =
  /\b(?:from|join|into|update|table|copy)\s+(?:only\s+)?["'`(]*(?:[\w"]+\.)?["'`]*(?:\{(\w*)\}|%s|$)/gi;

/** A word of SQL. Without it, a text with `from` is prose. */
const QUERY = /\b(?:select|insert|delete|update|truncate|copy)\b/i;

/** What fills in the name after such a text: `.format(T)`, `% T` or `+ T`. */
const FILLED = /^["'\s]*(?:\.format\(\s*|%\s*\(?\s*|\+\s*)([A-Za-z_]\w*)\b(?!\s*[(.[])/;

/** The names of tables in variables that a source uses in its queries. */
export function namesInQueries(python: Python): TableName[] {
  const { strings, code, constants } = python;
  return strings.flatMap(({ text, end }) =>
    !QUERY.test(text) ? [] : [...text.matchAll(PLACE)].flatMap(([, braced]) => {
      const variable = braced || FILLED.exec(code.slice(end, end + MAX_REST))?.[1];
      return variable !== undefined && constants.has(variable)
        ? namesInVariable(python, variable)
        : [];
    })
  );
}

/** The most characters after a query in which the variable is looked for. */
const MAX_REST = 200;

/** The defaults of environment variables with the name of a table, as in `getenv("TABLE", "events")`. */
export function defaultsIn({ calls }: Python): TableName[] {
  return calls.flatMap(({ name, callee, args }) => {
    const isRead = name === "getenv" || name === "get" && /\benviron\.get$/.test(callee);
    const [key, value] = args;
    if (!isRead || key?.string === undefined || value?.string === undefined) return [];
    const variable = key.string.trim();
    return /table/i.test(variable)
      ? [{ name: value.string, offset: value.start, defaultOf: variable }]
      : [];
  });
}

/** The name of a table in a constant, at the place of its text. */
export function namesInVariable({ strings, constants }: Python, variable: string): TableName[] {
  const name = constants.get(variable);
  const found = strings.find(({ assignedTo, text }) =>
    assignedTo === variable && text.trim() === name
  );
  return name === undefined || found === undefined
    ? []
    : [{ name, offset: found.start, assignedTo: variable }];
}
