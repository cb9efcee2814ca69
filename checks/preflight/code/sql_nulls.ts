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
  const lists = selectLists(text);
  const values = valuesLists(text);
  const nested = lists.flatMap(({ items }) =>
    items.filter((item) => /\(/.test(item.expression) && isNullItem(item))
      .map(({ offset, name }) => ({ offset, name }))
  );
  const found: Found[] = [...untypedNulls(text), ...bareNulls(text, lists)];
  const offsets = new Set(found.map(({ offset }) => offset));
  const more = nested.filter(({ offset }) =>
    !offsets.has(offset) && !/^CASE\b|^\(\s*NULL/i.test(text.slice(offset))
  );
  const ofValues = values.flatMap((list) =>
    list.items.filter(isNullItem).map(({ offset, name }): Found => ({ offset, name, isBare: true }))
  );
  const sql = readSql(text);
  return [...found, ...more, ...ofValues].filter(({ offset, name }) => {
    const all = [...lists, ...values];
    const own = values.find(({ items }) => items.some((item) => item.offset === offset)) ??
      lists.findLast(({ items }) => items.some((item) => item.offset <= offset));
    if (own === undefined) return true;
    const at = own.items.findLastIndex((item) => item.offset <= offset);
    // Another part of a union gives the column its type.
    if (partsWith(sql, own, all).some(({ items }) => !isNullItem(items[at]!))) return false;
    const isSource = values.includes(own) && isAfterFrom(sql, own);
    const outer = lists.filter((each) =>
      each.depth < own.depth ||
      isSource && each.depth === own.depth && each.items[0]!.offset < own.items[0]!.offset
    ).at(-1);
    return outer === undefined || name === undefined ||
      outer.items.some((item) => keeps(item, name));
  });
}

function isNullItem({ expression }: SelectItem): boolean {
  return isNullSql(expression);
}

/** Returns whether the rows of `VALUES` are the source of a query, as in `SELECT a FROM VALUES …`. */
function isAfterFrom(sql: string, { items }: SelectList): boolean {
  return /\b(?:FROM|JOIN)\s+VALUES\s*\(?\s*$|,\s*VALUES\s*\(?\s*$/i
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

/** The columns `NULL` without a name in the result of a query. */
function bareNulls(text: string, lists: readonly SelectList[]): Found[] {
  if (!/^\s*\(*\s*(?:SELECT|WITH|CREATE|INSERT)\b/i.test(text) || /\bEXISTS\s*\(/i.test(text)) {
    return [];
  }
  return lists.filter(({ depth }) => depth === 0).flatMap(({ items }) => items)
    .filter(({ expression, name }) => name === undefined && /^\(?\s*NULL\s*\)?$/i.test(expression))
    .map(({ offset }) => ({ offset, name: undefined, isBare: true }));
}

/** Returns whether an item of an outer SELECT has a column of an inner one, without a type. */
function keeps({ expression }: SelectItem, column: string): boolean {
  if (/^(?:\w+\s*\.\s*)?\*/.test(expression)) return true;
  const name = new RegExp(`(?:\\b\\w+\\s*\\.\\s*)?\`?\\b${column}\\b\`?`, "gi");
  return name.test(expression) && isNullSql(expression.replace(name, "NULL"));
}

/** What becomes of the nulls of a file of SQL. */
export function fatesOfSql(
  text: string,
  nulls: readonly SqlNull[],
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
  targetsOfSql(text).forEach(({ code, target }, i) => {
    const own = sites.filter(({ statement }) => statement === i);
    const columns = merge(...own.map(columnsOf), views.columnsOf(code, () => {}));
    if (target.kind === "result" || target.kind === "files") reach(columns);
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
