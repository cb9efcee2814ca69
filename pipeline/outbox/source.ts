import { type Source, tableOf } from "../contract/source.ts";
import { Failure } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { oidOf } from "./sql.ts";

// Postgres resolves the name of the table: the search_path, the quotes and the case do not matter.
// A server without pg_control_system has no identifier.
const sourceQuery = (oid: string) => `
  SELECT current_database() AS database, nspname AS schema, relname AS table,
         has_function_privilege(to_regprocedure('pg_control_system()'), 'EXECUTE') AS identified
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = ${oid}`;

const SYSTEM = "SELECT system_identifier::text AS system FROM pg_control_system()";

/**
 * Reads the source of a session: its database and its table, as Postgres stores the names.
 *
 * @throws {Failure} the server returned an error
 * @throws {Error} there is no such table. {@linkcode readSchema} refuses that before
 */
export async function readSource(connection: Connection): Promise<Source> {
  const [row] = await connection.query(sourceQuery(oidOf(connection.table)));
  if (row === undefined) throw new Error(`There is no table ${connection.table}.`);
  const system = row.identified === "t" ? await readSystem(connection) : undefined;
  return {
    database: row.database!,
    ...(system === undefined ? {} : { system }),
    schema: row.schema!,
    table: row.table!,
  };
}

/** Reads the identifier of the server. A managed server can refuse it although the role has the right. */
async function readSystem(connection: Connection): Promise<string | undefined> {
  try {
    const [row] = await connection.query(SYSTEM);
    return row?.system ?? undefined;
  } catch (error) {
    if (error instanceof Failure && error.kind !== "unreachable") return undefined;
    throw error;
  }
}

/** Returns whether the database of a session has the table of a source. A view is no table. */
export async function tableExists(connection: Connection, source: Source): Promise<boolean> {
  const found = await connection.query(
    `SELECT FROM pg_class WHERE oid = ${oidOf(tableOf(source))} AND relkind IN ('r', 'p')`,
  );
  return found.length > 0;
}
