// The columns of a frame that have no type, while its code is followed.

/** A null without a type in code. */
export interface NullSite {
  /** The start of the null in the source. */
  readonly start: number;
  /** The column that it becomes, if the code names it. */
  readonly column: string | undefined;
  /** The end of the call that reads the SQL with the null. */
  readonly reader?: number;
  /** The statement with the null, counted from 0 in its text of SQL. */
  readonly statement?: number;
}

/** A column without a type. */
export interface NullColumn {
  /** The nulls that it is made from. */
  readonly sites: ReadonlySet<NullSite>;
  /** The reason why it may have a type after all. */
  readonly unsure?: string;
}

/** The columns without a type, by their names in lower case. The empty name is an unknown one. */
export type Columns = ReadonlyMap<string, NullColumn>;

/** A frame whose columns all have a type. */
export const TYPED: Columns = new Map<string, NullColumn>([]);

/** The column of a null, under its name. */
export function columnsOf(site: NullSite): Columns {
  return new Map([[nameOf(site.column), { sites: new Set([site]) }]]);
}

/** The name of a column for a lookup: Spark ignores the case and the quotes. */
export function nameOf(written: string | undefined): string {
  return (written ?? "").replaceAll("`", "").toLowerCase();
}

/** The columns of several frames in one. */
export function merge(...all: readonly Columns[]): Columns {
  const merged = new Map<string, NullColumn>();
  for (const [name, column] of all.flatMap((each) => [...each])) {
    const other = merged.get(name);
    merged.set(name, other === undefined ? column : both(other, column));
  }
  return merged;
}

/** One column that is made from two. It is in doubt only if both are. */
function both(a: NullColumn, b: NullColumn): NullColumn {
  const sites = new Set([...a.sites, ...b.sites]);
  const isUnsure = a.unsure !== undefined && b.unsure !== undefined;
  return isUnsure ? { sites, unsure: a.unsure } : { sites };
}

/** All columns under one name. */
export function renamed(columns: Columns, name: string): Columns {
  return merge(...[...columns.values()].map((each): Columns => new Map([[name, each]])));
}

/** The columns, of which each may have a type after all. */
export function inDoubt(columns: Columns, unsure: string): Columns {
  return new Map([...columns].map(([name, column]) => [name, { unsure, ...column }]));
}

/**
 * The columns of a variable after branches of a condition. A column that lost its null in some
 * branches only is in doubt.
 */
export function join(before: Columns, branches: readonly Columns[]): Columns {
  const all = merge(...branches);
  return new Map([...all].map(([name, column]) => {
    const isSure = !before.has(name) || branches.every((branch) => branch.has(name));
    return [name, isSure ? column : { unsure: SOME_PATHS, ...column }];
  }));
}

/** The reason why a column may have a type after branches. */
export const SOME_PATHS = "only some paths give the column a type";

/** Returns whether none of the nulls of a column is in other columns. */
export function isLost(column: { readonly sites: ReadonlySet<NullSite> }, after: Columns): boolean {
  const kept = new Set([...after.values()].flatMap(({ sites }) => [...sites]));
  return [...column.sites].every((site) => !kept.has(site));
}
