import {
  EVENT_COLUMNS,
  type EventColumn,
  OUTBOX_TABLE,
  UNEXPORTED_COLUMNS,
} from "../contract/events.ts";
import { Failure } from "../errors.ts";
import type { Connection } from "./connection.ts";

/** The outbox as it is, where it fits the contract. */
export interface OutboxSchema {
  /** Columns whose Postgres type can hold values that Parquet's cannot. */
  readonly wider: ReadonlySet<string>;
  /** Columns that the contract does not know. They are not exported. */
  readonly unknown: readonly string[];
}

const TABLE = `
  SELECT c.oid::regclass AS table, has_table_privilege(c.oid, 'SELECT') AS readable,
         current_user AS user, current_database() AS database,
         current_setting('server_encoding') AS encoding
  FROM pg_class c WHERE c.oid = to_regclass('${OUTBOX_TABLE}')`;

const COLUMNS = `
  SELECT attname AS name, format_type(atttypid, NULL) AS type,
         format_type(atttypid, atttypmod) AS declared
  FROM pg_attribute
  WHERE attrelid = to_regclass('${OUTBOX_TABLE}') AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum`;

const NEAR_MISSES = `
  SELECT string_agg(oid::regclass::text, ', ' ORDER BY oid::regclass::text) AS names
  FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relname ~ 'stop_?(loss_?)?events?'`;

/**
 * Compares the outbox with the contract.
 *
 * @throws {Failure} configuration: no such table, or this user may not read it; data: a column is
 *   missing or of another type, or the database's text is in no known encoding
 */
export async function readSchema(connection: Connection): Promise<OutboxSchema> {
  const [table] = await connection.query(TABLE);
  if (table === undefined) throw await tableMissing(connection);
  if (table.readable !== "t") {
    throw new Failure(
      "configuration",
      `Cannot read ${table.table} as ${table.user}: permission denied. ` +
        `Let a superuser run: GRANT SELECT ON ${table.table} TO "${table.user}";`,
    );
  }
  if (table.encoding === "SQL_ASCII") {
    throw new Failure(
      "data",
      `Cannot export from database ${table.database}: its encoding is SQL_ASCII, so nobody knows ` +
        "which characters its texts hold. Move it to a database with encoding UTF8.",
    );
  }
  const declared = new Map((await connection.query(COLUMNS)).map((row) => [row.name!, row]));
  const wider = new Set<string>();
  for (const column of EVENT_COLUMNS) {
    const actual = declared.get(column.name);
    const type = actual?.type ?? undefined;
    if (type === undefined || !holdsSame(column.postgres, type)) throw otherType(column, type);
    if (type === "numeric" && actual?.declared !== exactType(column)) wider.add(column.name);
  }
  const known = new Set([...EVENT_COLUMNS.map(({ name }) => name), ...UNEXPORTED_COLUMNS]);
  return { wider, unknown: [...declared.keys()].filter((name) => !known.has(name)) };
}

/** Two types of Postgres whose values travel in the same bytes. */
function holdsSame(expected: string, actual: string): boolean {
  const texts = ["character varying", "text"];
  return expected === actual || texts.includes(expected) && texts.includes(actual);
}

function exactType(column: EventColumn): string {
  return column.type.replace("DECIMAL", "numeric");
}

function otherType({ name, postgres }: EventColumn, actual: string | undefined): Failure {
  const problem = actual === undefined
    ? `has no column ${name}`
    : `has column ${name} of type ${actual}, and the contract says ${postgres}`;
  return new Failure(
    "data",
    `Cannot export ${OUTBOX_TABLE}: it ${problem}. Nothing was published. ` +
      "Undo the migration that changed it, or bring the contract up to date first.",
  );
}

async function tableMissing(connection: Connection): Promise<Failure> {
  const [near] = await connection.query(NEAR_MISSES);
  const hint = near?.names ? ` There is ${near.names}, which is not the outbox's name.` : "";
  return new Failure(
    "configuration",
    `Cannot find table ${OUTBOX_TABLE} in ${connection.name}: no such table in the user's ` +
      `search_path.${hint} Set DJANGO_DB_NAME to the database of Robson's backend, and run its ` +
      "migrations.",
  );
}
