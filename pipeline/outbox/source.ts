import type { Source } from "../contract/source.ts";
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
  const identified = row.identified === "t" ? await connection.query(SYSTEM) : [];
  const system = identified[0]?.system;
  return {
    database: row.database!,
    ...(system == null ? {} : { system }),
    schema: row.schema!,
    table: row.table!,
  };
}
