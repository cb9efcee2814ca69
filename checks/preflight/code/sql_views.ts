import { type SelectList, selectLists, statementsOfSql } from "../../source_code/sql.ts";
import { type Columns, merge, nameOf, type NullColumn, TYPED } from "./frame_columns.ts";
import { isNullSql } from "./null_value.ts";

/** What a statement of SQL does with the rows of its query. */
export type SqlTarget =
  /** The rows are the result. */
  | { readonly kind: "result" }
  /** The rows go into files of a format that refuses a column without a type. */
  | { readonly kind: "files" }
  /** The rows become a view. */
  | { readonly kind: "view"; readonly name: string; readonly isTemporary: boolean }
  /** The columns get types, or need none. */
  | { readonly kind: "typed" };

/** Formats in which Spark writes a column without a type: it leaves nulls out, or types them. */
const TAKING = /\b(?:USING|STORED\s+(?:AS|BY))\s+[`'"]?(?:json|delta|iceberg|avro|hudi|jdbc)\b/i;

/**
 * What a statement does with the rows of its query.
 *
 * @param code the statement without comments and without the content of strings
 */
export function targetOfSql(code: string): SqlTarget {
  const view =
    /^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(GLOBAL\s+)?(TEMP(?:ORARY)?\s+)?VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.`]+)/i
      .exec(code);
  if (view !== null) {
    return { kind: "view", name: lastName(view[3]!), isTemporary: view[2] !== undefined };
  }
  const cached = /^\s*CACHE\s+(?:LAZY\s+)?TABLE\s+([\w.`]+)/i.exec(code);
  if (cached !== null) return { kind: "view", name: lastName(cached[1]!), isTemporary: true };
  const isDirectory = /\bINSERT\s+OVERWRITE\s+(?:LOCAL\s+)?DIRECTORY\b/i.test(code);
  if (isDirectory || /^\s*(?:CREATE|REPLACE)\b/i.test(code)) {
    return TAKING.test(code) ? { kind: "typed" } : { kind: "files" };
  }
  return /^\s*(?:MERGE|UPDATE|DELETE)\b|\bINSERT\s+(?:INTO|OVERWRITE)\b/i.test(code)
    ? { kind: "typed" }
    : { kind: "result" };
}

function lastName(written: string): string {
  return nameOf(written.slice(written.lastIndexOf(".") + 1));
}

/** The views that code makes, with their columns without a type. */
export class SqlViews {
  readonly #views = new Map<string, { readonly columns: Columns; isRead: boolean }>();

  /** Makes or replaces a view. */
  set(name: string, columns: Columns): void {
    this.#views.set(lastName(name), { columns, isRead: false });
  }

  /** The columns of a view. */
  get(name: string): Columns | undefined {
    const view = this.#views.get(lastName(name));
    if (view !== undefined) view.isRead = true;
    return view?.columns;
  }

  /** The columns of the views that no code here reads. */
  unread(): Columns {
    return merge(...[...this.#views.values()].map((view) => view.isRead ? TYPED : view.columns));
  }

  /**
   * The columns without a type in the rows of a query that come from views.
   *
   * @param code the statement without comments and without the content of strings
   * @param forget receives the columns that the query leaves out, or gives a type
   */
  columnsOf(code: string, forget: (columns: Columns) => void): Columns {
    const read = [...code.matchAll(/\b(?:FROM|JOIN|TABLE)\s+(?:\w+\s*\.\s*)?(\w+)|,\s*(\w+)/gi)]
      .map(({ 0: { length }, 1: first, 2: other, index }) => ({
        columns: this.get(first ?? other!) ?? TYPED,
        depth: depthAt(code, index + length),
      })).filter(({ columns }) => columns.size > 0);
    if (read.length === 0) return TYPED;
    const all = merge(...read.map(({ columns }) => columns));
    const kept = keptBy(selectLists(code), read, this.#othersIn(code));
    forget(new Map([...all].filter(([name]) => !kept.has(name))));
    return kept;
  }

  /** The names of the tables of a query that are no views of the code. */
  #othersIn(code: string): ReadonlySet<string> {
    const sources =
      /\b(?:FROM|JOIN)\s+(?:\w+\s*\.\s*)*(\w+)(?:\s+(?:AS\s+)?(?!ON\b|USING\b|WHERE\b|JOIN\b|LEFT\b|RIGHT\b|INNER\b|FULL\b|CROSS\b|GROUP\b|ORDER\b)(\w+))?/gi;
    return new Set(
      [...code.matchAll(sources)].filter(({ 1: name }) => !this.#views.has(nameOf(name)))
        .flatMap(({ 1: name, 2: alias }) => [nameOf(name), nameOf(alias)])
        .filter((each) => each !== ""),
    );
  }
}

/** The number of brackets around an offset. */
function depthAt(code: string, offset: number): number {
  const before = code.slice(0, offset);
  return (before.match(/\(/g)?.length ?? 0) - (before.match(/\)/g)?.length ?? 0);
}

/** The columns of views that reach the outermost lists of a query. */
function keptBy(
  lists: readonly SelectList[],
  read: readonly { readonly columns: Columns; readonly depth: number }[],
  others: ReadonlySet<string>,
): Columns {
  const depths = [...new Set([...lists, ...read].map(({ depth }) => depth))].sort((a, b) => b - a);
  let kept = TYPED;
  for (const depth of depths) {
    const here = read.filter((each) => each.depth === depth).map(({ columns }) => columns);
    const all = merge(kept, ...here);
    const level = lists.filter((list) => list.depth === depth);
    kept = level.length === 0
      ? all
      : merge(...level.map((list) => selectedBy(list.items, all, others)));
  }
  return kept;
}

/**
 * The columns without a type that the items of a list make.
 *
 * @param others the tables that have no such columns
 */
export function selectedBy(
  items: SelectList["items"],
  columns: Columns,
  others: ReadonlySet<string> = new Set(),
): Columns {
  const found = items.map(({ expression, name }): Columns => {
    const [, table] = /^`?(\w+)`?\s*\./.exec(expression) ?? [];
    if (table !== undefined && others.has(nameOf(table))) return TYPED;
    if (/^(?:\w+\s*\.\s*)?\*/.test(expression)) return columns;
    const plain = /^(?:[\w`]+\s*\.\s*)?`?(\w+)`?$/.exec(expression)?.[1];
    if (plain !== undefined) {
      const column = columns.get(nameOf(plain));
      return column === undefined ? TYPED : new Map([[nameOf(name ?? plain), column]]);
    }
    const used = usedIn(expression, columns);
    return used === undefined ? TYPED : new Map([[nameOf(name), used]]);
  });
  return merge(...found);
}

/** The column that an expression makes only from columns without a type. */
function usedIn(expression: string, columns: Columns): NullColumn | undefined {
  const used: Columns[] = [];
  const code = expression.replace(/(?:\b\w+\s*\.\s*)?`?\b(\w+)\b`?(?!\s*\()/g, (whole, name) => {
    const column = columns.get(nameOf(name));
    if (column !== undefined) used.push(new Map([["", column]]));
    return column === undefined ? whole : "NULL";
  });
  return used.length > 0 && isNullSql(code) === true ? merge(...used).get("") : undefined;
}

/** The statements of SQL, with what each does with its rows. */
export function targetsOfSql(
  text: string,
): { readonly code: string; readonly target: SqlTarget }[] {
  return statementsOfSql(text).map(({ code }) => ({ code, target: targetOfSql(code) }));
}
