import type { Code } from "../../source_code/code.ts";
import { callsOf, type Python, pythonOf } from "../../source_code/python.ts";
import { tablesOf } from "../../source_code/sql.ts";
import { defaultsIn, namesInQueries, namesInVariable, type TableName } from "./table_variables.ts";

export type { TableName } from "./table_variables.ts";

/** Finds the names of tables in code: in SQL, JDBC options, calls of Spark's catalog and constants. */
export function tableNamesIn(code: Code): TableName[] {
  const { language, text } = code;
  if (language === "sql") return inSql(text, 0);
  if (language === "python") return withoutDuplicates(inPython(pythonOf(code)));
  return language === "shell" ? inShell(text) : [];
}

function inSql(text: string, base: number): TableName[] {
  return tablesOf(text).map(({ text: name, offset }) => ({ name, offset: base + offset }));
}

function inPython(python: Python): TableName[] {
  const views = new Set(
    callsOf(python, ["createOrReplaceTempView", "createTempView", "registerTempTable"])
      .map(({ args }) => args[0]?.string),
  );
  const queries = python.strings.flatMap(({ start, text }) =>
    isQuery(text) ? inSql(withoutEscapes(text), start) : []
  );
  const all = [
    ...queries,
    ...namesInQueries(python),
    ...arguments_(python),
    ...defaultsIn(python),
    ...constants(python),
  ];
  return all.map((each) => ({ ...each, name: each.name.trim().replace(/\\(?=["'])/g, "") }))
    .filter(({ name }) => isName(name) && !views.has(name));
}

/** A text with a blank in place of each backslash before a quote. The length stays the same. */
function withoutEscapes(text: string): string {
  return text.replace(/\\"(?=[\w$])/g, ' "').replaceAll('\\"', '" ');
}

/** Returns whether a text is SQL and not prose, which can contain `from` too. */
function isQuery(text: string): boolean {
  return /\b(select|insert|delete|update|truncate|with|copy)\b/i.test(text) ||
    /\b(FROM|JOIN)\b/.test(text) || /^\s*(from|join)\b/.test(text);
}

const KEYWORDS = ["dbtable", "table", "table_name", "tableName", "db_table"];

function arguments_(python: Python): TableName[] {
  const named = callsOf(python, ["option"]).flatMap(({ args }) => {
    const [key, value] = args;
    return key?.string?.toLowerCase() === "dbtable" && value !== undefined ? [value] : [];
  });
  const positional = [
    ...callsOf(python, ["table", "read_sql_table", "Table"]).map(({ args }) => args[0]),
    ...callsOf(python, ["jdbc"]).map(({ args }) => args[1]),
  ];
  const keywords = python.calls.flatMap(({ args }) =>
    args.filter(({ keyword }) => keyword !== undefined && KEYWORDS.includes(keyword))
  );
  return [...named, ...positional, ...keywords].flatMap((arg): TableName[] => {
    if (arg === undefined) return [];
    return arg.string === undefined
      ? namesInVariable(python, arg.code.trim())
      : [{ name: arg.string, offset: arg.start }];
  });
}

/** Texts as in `OUTBOX_TABLE = "…"` and `{"dbtable": "…"}`. */
function constants({ strings }: Python): TableName[] {
  return strings.filter(({ assignedTo = "", dictionaryKey = "" }) => {
    const isTable = /table/i.test(assignedTo) && !/prefix|suffix|format|location/i.test(assignedTo);
    return isTable || KEYWORDS.includes(dictionaryKey);
  }).map(({ start, text, assignedTo }) => ({
    name: text,
    offset: start,
    ...(assignedTo === undefined ? {} : { assignedTo }),
  }));
}

function isName(text: string): boolean {
  // Only a quoted name can have hyphens.
  return /^(?:[\w."$`]|(?<=["`][\w$-]*)-(?=[\w$-]*["`]))+$/.test(text);
}

function inShell(text: string): TableName[] {
  const plain = text.replace(/(^|\s)#[^\n]*/g, (found) => found.replace(/[^\n]/g, " "));
  const queries = /\b(select|insert|delete|copy|update|truncate)\b/i.test(plain)
    // Quotes mean other things to a shell than to SQL.
    ? inSql(withoutEscapes(plain.replaceAll("'", " ")), 0)
    : [];
  const assigned = [...plain.matchAll(/\b\w*TABLE\w*=["']?([\w.]+)/g)].map(
    ({ 0: whole, 1: name, index }) => (
      { name: name!, offset: index + whole.length - name!.length }
    ),
  );
  // As in `pg_dump -t name` and `pg_restore --table=name`.
  const dumped = [...plain.matchAll(/\bpg_(?:dump|restore)\b([^\n;|&]*)/g)].flatMap(
    ({ 1: options, index, 0: whole }) =>
      [...options!.matchAll(/(?:^|\s)(?:-t\s*|--table[=\s]\s*)["']?([\w.]+)(?![\w.*?])/g)].map((
        option,
      ) => ({
        name: option[1]!,
        offset: index + whole.length - options!.length + option.index + option[0].length -
          option[1]!.length,
      })),
  );
  return [...queries, ...assigned, ...dumped];
}

function withoutDuplicates(names: readonly TableName[]): TableName[] {
  const seen = new Set<string>();
  return [...names].sort((a, b) => a.offset - b.offset).filter(({ name, offset }) => {
    const key = `${name} ${offset}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
