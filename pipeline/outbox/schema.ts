import type { EventColumn } from "../contract/column.ts";
import { EVENT_COLUMNS, UNEXPORTED_COLUMNS } from "../contract/tables.ts";
import { readTableName } from "../contract/table_name.ts";
import { Failure } from "../errors.ts";
import { rowsHidden, TABLE_REMEDY } from "./postgres_errors.ts";
import type { TextRow } from "./client.ts";
import type { Connection } from "./connection.ts";
import { descendants, identifier, literal, oidOf } from "./sql.ts";

/** The schema of an outbox that matches the contract. */
export interface OutboxSchema {
  /** Columns whose Postgres type can hold values that the Parquet type cannot hold. */
  readonly wider: ReadonlySet<string>;
  /** Columns that the contract does not know. They are not exported. */
  readonly unknown: readonly string[];
  /** Every column of the table, in the order of the table. */
  readonly columns: readonly string[];
  /** Columns with a unique constraint in Postgres. */
  readonly unique: ReadonlySet<string>;
  /** True if the table is partitioned. */
  readonly partitioned: boolean;
}

/** A column as the database declares it. */
export interface OutboxColumn {
  /** The name. */
  readonly name: string;
  /** The type without precision or length, as `format_type` writes it. */
  readonly type: string;
  /** The type with precision or length. */
  readonly declared: string;
}

/** The table under the outbox's name, whether it fits the contract or not. */
export interface OutboxTable {
  /** The name, with the schema if the user's search_path requires it. */
  readonly name: string;
  /** True if the user may select from it. */
  readonly readable: boolean;
  /** The user of the connection. */
  readonly user: string;
  /** The database that it is in. */
  readonly database: string;
  /** The encoding of the database, such as `UTF8`. */
  readonly encoding: string;
  /** The kind in the words of Postgres, such as `a table` or `a materialized view`. */
  readonly kind: string;
  /**
   * True if the table is temporary. A temporary table hides the permanent table with the same name.
   */
  readonly temporary: boolean;
  /** Partitions and inheriting tables that are foreign tables. */
  readonly foreign: readonly string[];
  /** True if row-level security would hide rows from this user. */
  readonly rowsHidden: boolean;
  /** The columns, in the order of the table. */
  readonly columns: readonly OutboxColumn[];
}

/** A difference between a table and the contract. */
export interface Departure {
  /** The contract's column. */
  readonly column: EventColumn;
  /** The type of the column in the table; undefined if the table has no such column. */
  readonly actual?: string;
}

const tableQuery = (oid: string) => `
  SELECT c.oid::regclass AS table, has_table_privilege(c.oid, 'SELECT') AS readable,
         current_user AS user, current_database() AS database,
         current_setting('server_encoding') AS encoding,
         c.relkind AS kind, c.relpersistence = 't' AS temporary,
         row_security_active(c.oid) AS rows_hidden
  FROM pg_class c WHERE c.oid = ${oid}`;

/** Names for kinds of relations, by the letter in pg_class. */
const KINDS: Readonly<Record<string, string>> = {
  r: "a table",
  p: "a partitioned table",
  v: "a view",
  m: "a materialized view",
  f: "a foreign table",
  S: "a sequence",
  i: "an index",
  I: "a partitioned index",
  c: "a composite type",
};

const foreignQuery = (table: string) => `
  SELECT oid::regclass::text AS name FROM (${
  descendants(table)
}) AS family JOIN pg_class USING (oid)
  WHERE relkind = 'f' AND oid <> ${oidOf(table)} ORDER BY name`;

const columnsQuery = (oid: string) => `
  SELECT attname AS name, format_type(atttypid, NULL) AS type,
         format_type(atttypid, atttypmod) AS declared
  FROM pg_attribute
  WHERE attrelid = ${oid} AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum`;

// An index of a table does not cover the tables that inherit from it.
const uniqueColumnsQuery = (oid: string) => `
  SELECT attname AS name
  FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
  WHERE indrelid = ${oid} AND indisunique AND indisvalid AND indnkeyatts = 1
    AND indpred IS NULL AND indexprs IS NULL
    AND NOT EXISTS (SELECT FROM pg_inherits JOIN pg_class c ON c.oid = inhparent
                    WHERE inhparent = indrelid AND c.relkind <> 'p')`;

/**
 * Selects tables whose names have the words of the outbox's name, in the same order. Postgres leaves
 * out a schema of the search_path that the role may not use.
 */
const nearMissesQuery = (pattern: string) => `
  SELECT oid::regclass::text || CASE WHEN has_schema_privilege(relnamespace, 'USAGE') THEN ''
      ELSE ' (which needs: GRANT USAGE ON SCHEMA ' || relnamespace::regnamespace || ' TO ' ||
        quote_ident(current_user) || ';)' END AS name
  FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relname ~* ${literal(pattern)}
    AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  ORDER BY name LIMIT 10`;

/** Finds the outbox in the search_path of this user. */
export async function findTable(connection: Connection): Promise<OutboxTable | undefined> {
  return tableOf(await connection.queries(tableQueries(connection)));
}

function tableQueries({ table }: Connection): string[] {
  const oid = oidOf(table);
  return [tableQuery(oid), columnsQuery(oid), foreignQuery(table)];
}

/** @param rows the rows of {@linkcode tableQueries} */
function tableOf(rows: readonly TextRow[][]): OutboxTable | undefined {
  const [[table], columns, foreign] = rows as [TextRow[], TextRow[], TextRow[]];
  if (table === undefined) return undefined;
  return {
    name: table.table!,
    readable: table.readable === "t",
    user: table.user!,
    database: table.database!,
    encoding: table.encoding!,
    kind: KINDS[table.kind!] ?? `a relation of kind ${table.kind}`,
    temporary: table.temporary === "t",
    foreign: foreign.map(({ name }) => name!),
    rowsHidden: table.rows_hidden === "t",
    columns: columns.map(({ name, type, declared }) => ({
      name: name!,
      type: type!,
      declared: declared!,
    })),
  };
}

/**
 * The reason why a run cannot know all rows or all writers of a relation.
 *
 * @returns undefined for a table of this database
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { notATable } from "./schema.ts";
 * const table = {
 *   name: "stop_events",
 *   readable: true,
 *   user: "robson",
 *   database: "rbsdb",
 *   encoding: "UTF8",
 *   kind: "a view",
 *   temporary: false,
 *   foreign: [],
 *   rowsHidden: false,
 *   columns: [],
 * };
 * assertEquals(notATable(table), "it is a view");
 * assertEquals(notATable({ ...table, kind: "a table" }), undefined);
 * ```
 */
export function notATable({ kind, temporary, foreign }: OutboxTable): string | undefined {
  if (kind !== "a table" && kind !== "a partitioned table") return `it is ${kind}`;
  if (temporary) return "it is a temporary table, which hides the table that other sessions see";
  if (foreign.length > 0) return `part of it is a foreign table: ${foreign.join(", ")}`;
  return undefined;
}

/**
 * Returns tables and views with a name similar to the outbox, for the message that the outbox is
 * missing.
 */
export async function nearMisses(connection: Connection): Promise<string[]> {
  const name = readTableName(connection.table);
  const words = "table" in name ? name.table.match(/\p{Lu}?\p{Ll}+|\p{Lu}+|\p{N}+/gu) ?? [] : [];
  if (words.length === 0) return [];
  const pattern = words.join(".*").replace(/(?<=..)s$/i, "");
  return (await connection.query(nearMissesQuery(pattern))).map(({ name }) => name!);
}

/**
 * The columns of the contract that a table does not have, or has in another type.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { departures } from "./schema.ts";
 * assertEquals(departures([]).length > 0, true); // every column of the contract is missing
 * ```
 */
export function departures(columns: readonly OutboxColumn[]): Departure[] {
  return EVENT_COLUMNS.flatMap((column): Departure[] => {
    const actual = columns.find(({ name }) => name === column.name)?.type;
    if (actual === undefined) return [{ column }];
    return holdsSame(column.postgres, actual) ? [] : [{ column, actual }];
  });
}

/**
 * The columns that the contract does not know. They are not exported.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { unknownColumns } from "./schema.ts";
 * const venue = { name: "venue", type: "text", declared: "text" };
 * assertEquals(unknownColumns([venue]), ["venue"]);
 * ```
 */
export function unknownColumns(columns: readonly OutboxColumn[]): string[] {
  const known = new Set([...EVENT_COLUMNS.map(({ name }) => name), ...UNEXPORTED_COLUMNS]);
  return columns.map(({ name }) => name).filter((name) => !known.has(name));
}

/**
 * Compares the outbox with the contract.
 *
 * @throws {Failure} configuration: no such table, or this user may not read it; data: a column is
 *   missing or of another type, or the database's text is in no known encoding
 */
export async function readSchema(connection: Connection): Promise<OutboxSchema> {
  const answers = await connection.queries([
    ...tableQueries(connection),
    uniqueColumnsQuery(oidOf(connection.table)),
  ]);
  const table = tableOf(answers);
  if (table === undefined) throw await tableMissing(connection);
  const otherKind = notATable(table);
  if (otherKind !== undefined) {
    throw new Failure({
      kind: "configuration",
      task: `export ${table.name} in ${connection.name}`,
      problem: `${otherKind}. A run can find all rows and all open writers only in a table`,
      remedy:
        "Set DJANGO_DB_NAME, and OUTBOX_TABLE or the role's search_path, to the table that the " +
        "backend writes.",
    });
  }
  if (!table.readable) {
    throw new Failure({
      kind: "configuration",
      task: `read ${table.name} as ${table.user}`,
      problem: "permission denied",
      remedy: `Let a superuser run: GRANT SELECT ON ${table.name} TO ${identifier(table.user)};`,
    });
  }
  if (table.rowsHidden) throw rowsHidden(`export ${table.name}`, table.name, table.user);
  if (table.encoding === "SQL_ASCII") {
    throw new Failure({
      kind: "data",
      task: `export from database ${table.database}`,
      problem: "its encoding is SQL_ASCII, so the character set of its text is unknown",
      remedy: "Move it to a database with encoding UTF8.",
    });
  }
  const [departure] = departures(table.columns);
  if (departure !== undefined) throw otherType(connection, departure);
  return {
    wider: widerColumns(table.columns),
    unknown: unknownColumns(table.columns),
    columns: table.columns.map(({ name }) => name),
    unique: new Set(answers.at(-1)!.map(({ name }) => name!)),
    partitioned: table.kind === "a partitioned table",
  };
}

function widerColumns(columns: readonly OutboxColumn[]): Set<string> {
  const declared = new Map(columns.map((column) => [column.name, column.declared]));
  const numerics = EVENT_COLUMNS.filter(({ postgres }) => postgres === "numeric");
  const wider = numerics.filter((column) => declared.get(column.name) !== exactType(column));
  return new Set(wider.map(({ name }) => name));
}

/** Returns whether two Postgres types have the same binary format. */
function holdsSame(expected: string, actual: string): boolean {
  const texts = ["character varying", "text"];
  return expected === actual || texts.includes(expected) && texts.includes(actual);
}

function exactType(column: EventColumn): string {
  return column.type.replace("DECIMAL", "numeric");
}

function otherType(
  { table }: Connection,
  { column: { name, postgres }, actual }: Departure,
): Failure {
  const problem = actual === undefined
    ? `has no column ${name}`
    : `has column ${name} of type ${actual}, but the contract says ${postgres}`;
  return new Failure({
    kind: "data",
    task: `export ${table}`,
    problem: `it ${problem}. Nothing was published`,
    remedy: "Revert the migration that changed the column, or update the contract first.",
  });
}

async function tableMissing(connection: Connection): Promise<Failure> {
  const near = (await nearMisses(connection)).join(", ");
  const hint = near ? `. Tables with similar names: ${near}` : "";
  return new Failure({
    kind: "configuration",
    task: `find table ${connection.table} in ${connection.name}`,
    problem: `${
      isInSearchPath(connection.table)
        ? "no such table in the user's search_path"
        : "there is no such table"
    }${hint}`,
    remedy: TABLE_REMEDY,
  });
}

/**
 * Returns whether the search_path of the role decides which table a name stands for.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isInSearchPath } from "./schema.ts";
 * assertEquals([isInSearchPath("events"), isInSearchPath("shop.events")], [true, false]);
 * ```
 */
export function isInSearchPath(table: string): boolean {
  const name = readTableName(table);
  return "table" in name && name.schema === undefined;
}
