import { blank } from "./code.ts";

/** Blanks comments and the content of strings in SQL. The length stays the same. */
export function readSql(text: string): string {
  return text.replace(
    /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^'\\]|''|\\.)*'/g,
    (found) => found.startsWith("'") ? `'${blank(found.slice(1, -1))}'` : blank(found),
  );
}

/** A statement of SQL. */
export interface SqlStatement {
  /** The statement as written, with the semicolon at its end. */
  readonly statement: string;
  /** The statement without comments and without the content of strings and quoted names. */
  readonly code: string;
}

/** The statements of a text, one after the other. Together they are the whole text. */
export function statementsOfSql(text: string): SqlStatement[] {
  const quoted = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*"|`[^`]*`/g;
  const code = text.replace(quoted, blank);
  const statements: SqlStatement[] = [];
  for (let start = 0; start < text.length;) {
    const semicolon = code.indexOf(";", start);
    const end = semicolon < 0 ? text.length : semicolon + 1;
    statements.push({ statement: text.slice(start, end), code: code.slice(start, end) });
    start = end;
  }
  return statements;
}

/** The name of a table after a keyword such as FROM. */
export interface TableMention {
  /** The start of the name in the text. */
  readonly offset: number;
  /** The name as written, with quotes and schema. */
  readonly text: string;
}

/** The name of a table, or a part of it. Only a quoted one can have hyphens. */
const PART = '(?:["`][\\w$]+(?:-[\\w$]+)+["`]|["`]?[\\w$]+["`]?)';
const NAME = `(?:${PART}\\s*\\.\\s*)*${PART}`;

const TABLE = new RegExp(
  `\\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\\s+(?:ONLY\\s+)?(${NAME})`,
  "gi",
);

/** Statements whose first word prose has too, so that it counts only in capitals or after `\\`. */
const STATEMENT = new RegExp(
  `(?:\\\\copy\\s+|\\bCOPY\\s+|\\bTRUNCATE\\s+(?:ONLY\\s+)?)(${NAME})` +
    "(?=\\s*(?:\\([^)]{0,1000}\\)\\s*)?(?:TO\\b|FROM\\b|to\\b|from\\b|;|,|$|RESTART\\b|CASCADE\\b))",
  "gm",
);

/** The tables that a statement reads or writes, except the tables of its WITH clause. */
export function tablesOf(text: string): TableMention[] {
  const sql = readSql(text);
  const own = new Set(
    [...sql.matchAll(/(?:\bWITH(?:\s+RECURSIVE)?|,)\s*(\w+)\s+AS\s*\(/gi)].map(([, name]) => name),
  );
  return [...sql.matchAll(TABLE), ...sql.matchAll(STATEMENT)]
    .sort((a, b) => a.index - b.index)
    .map(({ 0: whole, 1: name, index }) => (
      { offset: index + whole.length - name!.length, text: name! }
    ))
    .filter(({ text }) => !own.has(text));
}

/** An item of the list of SELECT. */
export interface SelectItem {
  /** The start of the item in the text. */
  readonly offset: number;
  /** The expression, without the name of the column. */
  readonly expression: string;
  /** The item, with the name of the column. */
  readonly written: string;
  /** The name of the column, if it has one. */
  readonly name: string | undefined;
}

/** The list of a SELECT. */
export interface SelectList {
  /** The items of the list. */
  readonly items: readonly SelectItem[];
  /** The number of brackets around the SELECT. */
  readonly depth: number;
}

/** The lists of the SELECTs of a query. */
export function selectLists(text: string): SelectList[] {
  const sql = readSql(text);
  return [...sql.matchAll(/\bSELECT\s+(?:DISTINCT\s+|ALL\s+)?/gi)].slice(0, 100).map((head) => {
    const start = head.index + head[0].length;
    const before = sql.slice(0, head.index);
    const depth = (before.match(/\(/g)?.length ?? 0) - (before.match(/\)/g)?.length ?? 0);
    return { items: itemsFrom(sql, start), depth };
  });
}

const MAX_LIST = 20_000;

function itemsFrom(sql: string, start: number): SelectItem[] {
  const items: SelectItem[] = [];
  const ends = /[(),;]|\b(?:FROM|WHERE|UNION|EXCEPT|INTERSECT|GROUP|ORDER|LIMIT|HAVING)\b|$/gi;
  let [from, depth] = [start, 0];
  for (const { 0: found, index } of sql.slice(start, start + MAX_LIST).matchAll(ends)) {
    if (found === "(") depth++;
    else if (found === ")" && depth > 0) depth--;
    else if (depth === 0) {
      items.push(itemOf(sql.slice(from, start + index), from));
      from = start + index + 1;
      if (found !== ",") break;
    }
  }
  return items;
}

function itemOf(text: string, from: number): SelectItem {
  const [, expression = text, name] =
    /^(.*?[\w)'"\]])\s+(?:AS\s+)?["`]?(\w+)["`]?\s*$/is.exec(text) ?? [];
  const isNamed = name !== undefined && !NO_NAME.has(name.toLowerCase()) && !/^null$/i.test(name);
  return {
    offset: from + text.length - text.trimStart().length,
    expression: (isNamed ? expression : text).trim(),
    written: text.trim(),
    name: isNamed ? name : undefined,
  };
}

/** The keywords that can follow NULL. Any other word is the name of a column. */
const NO_NAME = new Set(
  (
    "and or from end then when else is in union limit order where group having not on using " +
    "nulls except intersect for default primary unique references check comment like between"
  ).split(" "),
);

/** The places where SQL creates a column from a NULL without a type. */
export function untypedNulls(text: string): { offset: number; name: string | undefined }[] {
  const sql = readSql(text);
  const named =
    /(?:(\bSELECT|\bDISTINCT|\bALL|,|^)\s*)(?:\(\s*NULL\s*\)|NULL\b)\s*(?:(AS)\s+)?["`]?(\w+)["`]?/gi;
  const columns = [...sql.matchAll(named)].flatMap(
    ({ 0: whole, 1: before, 2: as, 3: name, index }) => {
      if (as === undefined && (NO_NAME.has(name!.toLowerCase()) || before === "")) return [];
      if (before === "" && index !== 0) return [];
      if (as !== undefined && !selects(sql, before!)) return [];
      // As in `VALUES (1), (NULL) AS t(a)`.
      if (/\bVALUES\b(?:(?!\bSELECT\b)[\s\S])*$/i.test(sql.slice(0, index + 1))) return [];
      return [{ offset: index + whole.search(/\bNULL\b/i), name }];
    },
  );
  const voids = /\b(?:TRY_)?CAST\s*\(\s*NULL\s+AS\s+(?:void|null)\s*\)(?:\s+AS\s+["`]?(\w+))?/gi;
  return [
    ...columns,
    ...nullCases(sql),
    ...[...sql.matchAll(voids)].map(({ 1: name, index }) => ({ offset: index, name })),
  ].sort((a, b) => a.offset - b.offset);
}

/** The columns that are a CASE without any value but NULL. */
function nullCases(sql: string): { offset: number; name: string }[] {
  const cases =
    /(?:\bSELECT|\bDISTINCT|\bALL|,)\s*(CASE\b(?:(?!\b(?:CASE|END)\b)[\s\S])*)\bEND\s+(?:AS\s+)?["`]?(\w+)/gi;
  return [...sql.matchAll(cases)].flatMap(({ 1: branches, 2: name, index }) => {
    const values = branches!.match(/\b(?:THEN|ELSE)\b(?:(?!\b(?:WHEN|ELSE)\b)[\s\S])*/gi) ?? [];
    const isNull = values.length > 0 && values.every((each) => /^\w+\s+NULL\s*$/i.test(each));
    return isNull && !NO_NAME.has(name!.toLowerCase()) ? [{ offset: index, name: name! }] : [];
  });
}

/**
 * Returns whether SQL in Python code may create a column from a NULL without a type, found without
 * parsing the code. A NULL after another word on its line is an operand, as in `IS NULL`. A NULL
 * before a comma or a bracket is an argument.
 */
export function mayHaveUntypedNulls(python: string): boolean {
  return [
    /NULL\b(?<!\w[ \t]*NULL)(?![ \t]*[,;)])/i,
    /\b(?:SELECT|DISTINCT|ALL)[ \t]+NULL\b(?![ \t]*[,;)])/i,
    /\([\s"']*NULL[\s"']*\)/i,
    /\bTHEN\s+NULL\b/i,
  ].some((pattern) => pattern.test(python));
}

/** Returns whether a text is a query. Prose can contain `, null as …` too. */
function selects(sql: string, before: string): boolean {
  return before === "" || /\bSELECT\b/i.test(sql) || /^\s*NULL\b/i.test(sql);
}

/**
 * The rows of `VALUES` as lists: an item is `NULL` if all rows have NULL there. `INSERT` is not
 * looked at.
 */
export function valuesLists(text: string): SelectList[] {
  const sql = readSql(text);
  return [...sql.matchAll(/\bVALUES\s*(?=[(\w'-])/gi)].slice(0, 100).flatMap(
    (head): SelectList[] => {
      const start = head.index + head[0].length;
      const { rows, end } = rowsAt(sql, start);
      const [first] = rows;
      if (first === undefined) return [];
      const [, list = ""] = /^\s*\)?\s*(?:AS\s+)?`?\w+`?\s*\(([\w\s,`]*)\)/i.exec(sql.slice(end)) ??
        [];
      const names = list.split(",").map((each) => each.trim().replaceAll("`", ""));
      const before = sql.slice(0, head.index);
      const depth = (before.match(/\(/g)?.length ?? 0) - (before.match(/\)/g)?.length ?? 0);
      const isNull = (i: number) =>
        rows.every((row) => /^\(?\s*NULL\s*\)?$/i.test(row[i]?.text ?? ""));
      const items = first.map(({ offset }, i): SelectItem => ({
        offset,
        expression: isNull(i) ? "NULL" : "1",
        written: isNull(i) ? "NULL" : "1",
        name: names[i] || `col${i + 1}`,
      }));
      return [{ items, depth }];
    },
  );
}

/** A value of a row. */
interface Value {
  readonly offset: number;
  readonly text: string;
}

function rowsAt(sql: string, start: number): { readonly rows: Value[][]; readonly end: number } {
  const rows: Value[][] = [];
  let at = start;
  for (;;) {
    at += sql.slice(at).search(/\S|$/);
    const isRow = sql[at] === "(";
    const row: Value[] = [];
    let [from, depth, i] = [isRow ? at + 1 : at, 0, isRow ? at + 1 : at];
    for (; i <= sql.length && i < start + MAX_LIST; i++) {
      const char = sql[i] ?? "\0";
      if (char === "(") depth++;
      const isEnd = depth === 0 && (char === ")" || char === "\0" || char === ";");
      const isComma = depth === 0 && char === ",";
      const isWord = !isRow && depth === 0 && /\s/.test(char) && /\S/.test(sql.slice(from, i));
      if (isEnd || isWord || isComma) {
        const text = sql.slice(from, i);
        row.push({ offset: from + text.search(/\S|$/), text: text.trim() });
        from = i + 1;
        if (isEnd || isWord || !isRow) break;
      }
      if (char === ")") depth--;
    }
    rows.push(row);
    at = isRow ? i + 1 : i;
    const comma = /^\s*,\s*/.exec(sql.slice(at, at + 1_000));
    if (comma === null || rows.length > MAX_ROWS) return { rows, end: at };
    at += comma[0].length;
  }
}

/** The most rows of `VALUES` to read. */
const MAX_ROWS = 10_000;
