import { formatTableName } from "./table_name.ts";

/** The table that events are copied from, and its database. */
export interface Source {
  /** The name of the database, as Postgres stores it. */
  readonly database: string;
  /**
   * The identifier that Postgres gave to the server's data directory: a 64-bit integer. Absent if
   * the role may not read it.
   */
  readonly system?: string;
  /** The schema that Postgres found the table in. */
  readonly schema: string;
  /** The name of the table, as Postgres stores it. */
  readonly table: string;
}

/**
 * Writes the table of a source for SQL, always with its schema.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tableOf } from "./source.ts";
 *
 * const source = { database: "rbsdb", schema: "public", table: "Stop Events" };
 * assertEquals(tableOf(source), 'public."Stop Events"');
 * ```
 */
export function tableOf({ schema, table }: Source): string {
  return formatTableName({ schema, table });
}

/**
 * Writes a source as one text: `database@system/schema.table`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatSource } from "./source.ts";
 *
 * const source = { database: "rbsdb", system: "7301", schema: "public", table: "stop_events" };
 * assertEquals(formatSource(source), "rbsdb@7301/public.stop_events");
 * ```
 */
export function formatSource(source: Source): string {
  return `${databaseOf(source)}/${tableOf(source)}`;
}

/**
 * Writes the database of a source: `database@system`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { databaseOf } from "./source.ts";
 *
 * assertEquals(databaseOf({ database: "RBS", schema: "public", table: "stop_events" }), '"RBS"');
 * ```
 */
export function databaseOf({ database, system }: Source): string {
  return formatTableName({ table: database }) + (system === undefined ? "" : `@${system}`);
}

/**
 * Returns whether two sources have the same table, in any database.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isSameTable } from "./source.ts";
 *
 * const source = { database: "rbsdb", schema: "public", table: "stop_events" };
 * assertEquals(isSameTable(source, { ...source, database: "copy" }), true);
 * assertEquals(isSameTable(source, { ...source, schema: "archive" }), false);
 * ```
 */
export function isSameTable(a: Source, b: Source): boolean {
  return a.schema === b.schema && a.table === b.table;
}

/**
 * Returns whether two sources may have the same database: the names are equal, and so are the
 * identifiers of the server, if both are known.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isSameDatabase } from "./source.ts";
 *
 * const source = { database: "rbsdb", system: "7301", schema: "public", table: "stop_events" };
 * assertEquals(isSameDatabase(source, { ...source, system: "7302" }), false);
 * assertEquals(isSameDatabase(source, { ...source, database: "copy" }), false);
 * ```
 */
export function isSameDatabase(a: Source, b: Source): boolean {
  const known = a.system !== undefined && b.system !== undefined;
  return a.database === b.database && (!known || a.system === b.system);
}

/**
 * Returns whether two sources have the same table, and may have the same database.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isSameSource } from "./source.ts";
 *
 * const source = { database: "rbsdb", system: "7301", schema: "public", table: "stop_events" };
 * assertEquals(isSameSource(source, { ...source, system: "7302" }), false);
 * assertEquals(isSameSource(source, { ...source, table: "other_events" }), false);
 * ```
 */
export function isSameSource(a: Source, b: Source): boolean {
  return isSameTable(a, b) && isSameDatabase(a, b);
}
