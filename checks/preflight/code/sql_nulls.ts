import {
  readSql,
  type SelectItem,
  type SelectList,
  selectLists,
  statementsOfSql,
  untypedNulls,
  valuesLists,
} from "../../source_code/sql.ts";
import { type Columns, columnsOf, merge, type NullSite } from "./frame_columns.ts";
import { columnsOfGenerator, columnsOfItem } from "../../source_code/sql_expression.ts";
import { hasVoid } from "../../source_code/sql_types.ts";
import { isNullSql } from "./null_value.ts";
import { SqlViews, targetOfSql, targetsOfSql } from "./sql_views.ts";

/** A null without a type in SQL. */
export interface SqlNull {
  /** The position of the null in the text. */
  readonly offset: number;
  /** The name of its column. */
  readonly name: string | undefined;
  /** The statement, counted from 0. */
  readonly statement: number;
  /** True for a column that is only `NULL`, without a name, or a value of `VALUES`. */
  readonly isBare?: true;
  /** True for a column that is made from a null by functions. */
  readonly isNested?: true;
  /** The reason why it is not known whether the column has a type. */
  readonly unknown?: string;
}

type Found = Omit<SqlNull, "statement">;

/** The nulls without a type in the columns of queries, except where the table gives them types. */
export function nullsOfSql(text: string): SqlNull[] {
  let start = 0;
  return statementsOfSql(text).flatMap(({ statement, code }, i) => {
    const base = start;
    start += statement.length;
    if (targetOfSql(code).kind === "typed") return [];
    return nullsOfStatement(statement).map((each) => (
      { ...each, offset: base + each.offset, statement: i }
    ));
  });
}

function nullsOfStatement(text: string): Found[] {
  const sql = readSql(text);
  const lists = selectLists(text);
  const sources = [...valuesLists(text), ...lateralViews(sql)];
  const found: Found[] = [...untypedNulls(text), ...bareNulls(sql, lists)];
  const nested = lists.flatMap(({ items }) => items).filter(({ offset, expression }) =>
    /[([{]|\bCASE\b|::/i.test(expression) &&
    !found.some((each) => offset <= each.offset && each.offset < offset + expression.length)
  ).flatMap((item) => nullsOfItem(item, text));
  const ofSources = sources.flatMap((list) =>
    list.items.filter(isNullItem).map(({ offset, name }): Found => ({ offset, name, isBare: true }))
  );
  const pivot = pivotOf(sql);
  const all = [...found, ...nested, ...ofSources];
  const open = new Set(all.filter((each) => isOpen(sql, each)));
  return all.filter((each) => open.has(each) || reaches(each))
    .map((each) => open.has(each) ? { ...each, unknown: NOT_EVALUATED } : each);

  function reaches({ offset, name }: Found): boolean {
    const every = [...lists, ...sources];
    const own = sources.find(({ items }) => items.some((item) => item.offset === offset)) ??
      lists.findLast(({ items }) => items.some((item) => item.offset <= offset));
    if (own === undefined) return true;
    const at = own.items.findLastIndex((item) => item.offset <= offset);
    // Another part of a union gives the column its type.
    if (partsWith(sql, own, every).some(({ items }) => !isNullItem(items[at]!))) return false;
    const isSource = sources.includes(own) && isAfterFrom(sql, own);
    const outer = lists.filter((each) =>
      each.depth < own.depth ||
      isSource && each.depth === own.depth && each.items[0]!.offset < own.items[0]!.offset
    ).at(-1);
    return outer === undefined || name === undefined ||
      outer.items.some((item) => keeps(item, name)) && keepsInPivot(pivot, name);
  }
}

/**
 * Returns whether it is not known what a statement makes of a column: it takes a field of it, gives it
 * to a generator, or reads it in another part of WITH.
 */
function isOpen(sql: string, { offset, name, isNested }: Found): boolean {
  const view = `\\bLATERAL\\s+VIEW\\s+(?:OUTER\\s+)?\\w+\\s*\\([^()]*\\b${name}\\b`;
  if (name !== undefined && new RegExp(view, "i").test(sql)) return true;
  // A column that is only NULL has no fields.
  const isField = isNested === true && name !== undefined &&
    new RegExp(`\\b${name}\\s*\\.\\s*[\\w\`]`, "i").test(sql);
  if (isField && !isTable(sql, name, offset)) return true;
  const parts = [...sql.matchAll(/(?:\bWITH|\)\s*,)\s*(\w+)\s*(?:\([^()]*\)\s*)?AS\s*\(/gi)]
    .map(({ 0: head, 1: part, index }) => ({ part, ...bracketsAround(sql, index + head.length) }));
  const own = parts.find(({ from, to }) => from <= offset && offset < to);
  if (own === undefined) return false;
  const others = parts.filter((each) => each !== own).map(({ from, to }) => sql.slice(from, to));
  return others.some((text) => new RegExp(`\\b${own.part}\\b`, "i").test(text));
}

/**
 * Returns whether a name is the name or the alias of a table, so that `name.x` is a column of it. A
 * query that contains the offset does not count: its alias can be the name of its own column.
 */
function isTable(sql: string, name: string, offset: number): boolean {
  const table = "(?:[\\w`]+\\s*\\.\\s*)*";
  const alias = "(?:\\s+(?:AS\\s+)?[\\w`]+)?";
  const from = `\\b(?:FROM|JOIN)\\s+(?:${table}[\\w\`]+${alias}\\s*,\\s*)*${table}`;
  const plain = [
    `${from}[\\w\`]+\\s+(?:AS\\s+)?\`?${name}\\b`,
    `${from}\`?${name}\`?(?=\\s*(?:[),;]|$|\\b(?:${AFTER_TABLE})\\b))`,
  ];
  const part = new RegExp(`\\b${name}\\s*(?:\\([^()]*\\)\\s*)?AS\\s*\\(`, "i").exec(sql);
  const isAround = (from: number) => {
    const query = bracketsAround(sql, from);
    return query.from <= offset && offset < query.to;
  };
  if (part !== null && isAround(part.index + part[0].length)) return false;
  if (plain.some((each) => new RegExp(each, "i").test(sql))) return true;
  const queries = new RegExp(`\\)\\s*(?:AS\\s+)?\`?${name}\\b`, "gi");
  return [...sql.matchAll(queries)].some(({ index }) => {
    const { from } = bracketsAround(sql, index);
    return !isAround(index) && /\b(?:FROM|JOIN)\s*\(\s*$/i.test(sql.slice(0, from)) &&
      /^\s*(?:SELECT|WITH|VALUES|FROM)\b/i.test(sql.slice(from));
  });
}

/** The words that can follow a table without an alias. */
const AFTER_TABLE =
  "ON|USING|WHERE|JOIN|LEFT|RIGHT|INNER|FULL|CROSS|SEMI|ANTI|GROUP|ORDER|HAVING|LIMIT|UNION|EXCEPT|INTERSECT|LATERAL|WINDOW";

/** The columns of an item without a type, and those of which it is not known whether they have one. */
function nullsOfItem({ offset, name, written }: SelectItem, text: string): Found[] {
  const schema = /^from_(?:json|csv|xml)\s*\([^]*'[^']*\bvoid\b[^']*'/i;
  if (schema.test(text.slice(offset, offset + written.length))) {
    return [{ offset, name, isNested: true }];
  }
  // As in `f"SELECT {value or 'null'} AS a"`.
  if (/^\{[^{}]*\bnull\b[^{}]*\}/i.test(text.slice(offset, offset + written.length))) {
    return [{ offset, name, isNested: true, unknown: NOT_EVALUATED }];
  }
  return columnsOfItem(written).flatMap((column): Found[] => {
    const isVoid = hasVoid(column.type);
    if (isVoid === false) return [];
    const found = { offset, name: column.name ?? name, isNested: true } as const;
    return [isVoid === undefined ? { ...found, unknown: NOT_EVALUATED } : found];
  });
}

const NOT_EVALUATED = "the type of the expression is not known";

/** The columns of `LATERAL VIEW` as lists: an item is `NULL` if the column has no type. */
function lateralViews(sql: string): SelectList[] {
  const view = /\bLATERAL\s+VIEW\s+(?:OUTER\s+)?(?=\w+\s*\()/gi;
  return [...sql.matchAll(view)].slice(0, 100).flatMap(({ 0: head, index }): SelectList[] => {
    const start = index + head.length;
    const open = sql.indexOf("(", start);
    const { to } = bracketsAround(sql, open + 1);
    const columns = columnsOfGenerator(sql.slice(start, to + 1));
    const [, , list = ""] =
      /^\s*(?!AS\b)(\w+)?\s*(?:AS\s+((?:`?\w+`?\s*,\s*)*`?\w+`?))?/i.exec(sql.slice(to + 1)) ??
        [];
    const names = list.split(",").map((each) => each.trim().replaceAll("`", ""));
    const before = sql.slice(0, start);
    const depth = (before.match(/\(/g)?.length ?? 0) - (before.match(/\)/g)?.length ?? 0);
    const items = columns.map(({ name, type }, i): SelectItem => {
      const expression = hasVoid(type) === true ? "NULL" : "1";
      return { offset: start + i, expression, written: expression, name: names[i] || name };
    });
    return items.length === 0 ? [] : [{ items, depth }];
  });
}

/** The aggregates of a PIVOT. */
function pivotOf(sql: string): readonly SelectItem[] | undefined {
  const head = /\bPIVOT\s*\(/i.exec(sql);
  if (head === null) return undefined;
  const [body = ""] = /^[^]*?\bFOR\b/i.exec(sql.slice(head.index + head[0].length)) ?? [];
  return selectLists(`SELECT ${body.replace(/FOR$/i, "FROM")}`)[0]?.items;
}

/** Returns whether a column stays without a type in a PIVOT, which also groups by other columns. */
function keepsInPivot(aggregates: readonly SelectItem[] | undefined, name: string): boolean {
  const own = aggregates?.filter(({ expression }) =>
    new RegExp(`\\b${name}\\b`, "i").test(expression)
  );
  return own === undefined || own.length === 0 || own.some((item) => keeps(item, name));
}

function isNullItem({ expression }: SelectItem): boolean {
  return isNullSql(expression) === true;
}

/** Returns whether the rows of `VALUES` are the source of a query, as in `SELECT a FROM VALUES …`. */
function isAfterFrom(sql: string, { items }: SelectList): boolean {
  return /\bLATERAL\s+VIEW\s+(?:OUTER\s+)?(?:\w{0,20})$|\b(?:FROM|JOIN)\s+VALUES\s*\(?\s*$|,\s*VALUES\s*\(?\s*$/i
    .test(sql.slice(0, items[0]!.offset));
}

const SET_OPERATOR = "(?:UNION|EXCEPT|INTERSECT|MINUS)(?:\\s+(?:ALL|DISTINCT))?";
const ENDS_WITH_OPERATOR = new RegExp(`\\b${SET_OPERATOR}\\s*$`, "i");
const BEGINS_WITH_OPERATOR = new RegExp(`^\\s*${SET_OPERATOR}\\b`, "i");
const OPERATOR = new RegExp(`\\b${SET_OPERATOR}\\b`, "i");

/** The other lists of the same union. */
function partsWith(sql: string, own: SelectList, all: readonly SelectList[]): SelectList[] {
  let { from, to } = bracketsAround(sql, own.items[0]!.offset);
  let depth = own.depth;
  while (
    ENDS_WITH_OPERATOR.test(sql.slice(0, from - 1)) || BEGINS_WITH_OPERATOR.test(sql.slice(to + 1))
  ) {
    if (from === 0) break;
    ({ from, to } = bracketsAround(sql, from - 1));
    depth--;
  }
  if (!OPERATOR.test(sql.slice(from, to))) return [];
  return all.filter((each) => {
    const { offset } = each.items[0]!;
    return each !== own && from <= offset && offset < to && depth <= each.depth &&
      each.depth <= own.depth && each.items.length === own.items.length &&
      !isAfterFrom(sql, each);
  });
}

/** The text between the innermost brackets around an offset, or the whole text. */
function bracketsAround(
  sql: string,
  offset: number,
): { readonly from: number; readonly to: number } {
  let depth = 0;
  let from = offset;
  while (from > 0 && !(sql[from - 1] === "(" && depth === 0)) {
    from--;
    if (sql[from] === ")") depth++;
    else if (sql[from] === "(") depth--;
  }
  depth = 0;
  let to = offset;
  while (to < sql.length && !(sql[to] === ")" && depth === 0)) {
    if (sql[to] === "(") depth++;
    else if (sql[to] === ")") depth--;
    to++;
  }
  return { from, to };
}

/** The columns `NULL` without a name in the result of a query, or with a name in `WITH v(a, b) AS`. */
function bareNulls(sql: string, lists: readonly SelectList[]): Found[] {
  if (!/^\s*\(*\s*(?:SELECT|WITH|CREATE|INSERT|FROM)\b/i.test(sql)) return [];
  return lists.flatMap((list) => {
    const names = namesBefore(sql, list);
    if (names === undefined && (list.depth > 0 || /\bEXISTS\s*\(/i.test(sql))) return [];
    return list.items.flatMap(({ offset, expression, name }, i): Found[] =>
      name === undefined && /^\(?\s*NULL\s*\)?$/i.test(expression)
        ? [{ offset, name: names?.[i], isBare: true }]
        : []
    );
  });
}

/** The names of the columns before a query, as in `WITH v(a, b) AS (SELECT …`. */
function namesBefore(sql: string, { items }: SelectList): string[] | undefined {
  const [, names] =
    /(?:\bWITH|,)\s*\w+\s*\(([\w\s,`]*)\)\s*AS\s*\(\s*SELECT\s+(?:DISTINCT\s+)?(?:[^()]*)$/i
      .exec(sql.slice(0, items[0]!.offset)) ?? [];
  return names?.split(",").map((each) => each.trim().replaceAll("`", ""));
}

/** Returns whether an item of an outer SELECT has a column of an inner one, without a type. */
function keeps({ expression }: SelectItem, column: string): boolean {
  if (/^(?:\w+\s*\.\s*)?\*/.test(expression)) return true;
  const name = new RegExp(`(?:\\b\\w+\\s*\\.\\s*)?\`?\\b${column}\\b\`?(?!\\s*\\.)`, "gi");
  return name.test(expression) && isNullSql(expression.replace(name, "NULL")) === true;
}

/**
 * What becomes of the nulls of a text of SQL.
 *
 * @param isQueryFile whether the text is a file, whose only query other code probably writes
 */
export function fatesOfSql(
  text: string,
  nulls: readonly SqlNull[],
  isQueryFile: boolean,
): Map<SqlNull, "reaches" | string> {
  const sites = nulls.map(({ offset, name, statement }): NullSite => (
    { start: offset, column: name, statement }
  ));
  const views = new SqlViews();
  const fates = new Map<NullSite, string>();
  const reach = (columns: Columns) => {
    for (const column of columns.values()) {
      for (const site of column.sites) fates.set(site, "reaches");
    }
  };
  const note = (columns: Columns, reason: string) => {
    for (const column of columns.values()) {
      for (const site of column.sites) if (!fates.has(site)) fates.set(site, reason);
    }
  };
  const targets = targetsOfSql(text);
  const isQuery = isQueryFile && targets.filter(({ code }) => /\w/.test(code)).length === 1;
  targets.forEach(({ code, target }, i) => {
    const own = sites.filter(({ statement }) => statement === i);
    const columns = merge(...own.map(columnsOf), views.columnsOf(code, () => {}));
    if (target.kind === "files" || isQuery && target.kind === "result") reach(columns);
    else if (target.kind === "result") note(columns, RESULT);
    else if (target.kind === "view" && target.isTemporary) views.set(target.name, columns);
    else if (target.kind === "view") note(columns, OTHERS);
  });
  note(views.unread(), OTHERS);
  return new Map(nulls.flatMap((each, i) => {
    const fate = fates.get(sites[i]!);
    return fate === undefined ? [] : [[each, fate]];
  }));
}

const OTHERS = "other code can read the view";
const RESULT = "other code can write the result of the query";
