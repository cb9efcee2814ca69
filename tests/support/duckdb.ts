import { DuckDBInstance } from "@duckdb/node-api";

/** A row as DuckDB reads it: every value as its own text, null where there is none. */
export type DuckRow = readonly (string | null)[];

/**
 * Asks DuckDB, a Parquet reader that shares no code with ours.
 *
 * @param sql its columns are cast to VARCHAR here, so it may select what it likes
 */
export async function duckdb(sql: string): Promise<DuckRow[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    // Its JavaScript side takes a byte order mark off the front of a text, so none may be in front.
    const reader = await connection.runAndReadAll(
      `SELECT '=' || COLUMNS(*)::VARCHAR FROM (${sql})`,
    );
    const rows = reader.getRows() as unknown as DuckRow[];
    return rows.map((row) => row.map((text) => text === null ? null : text.slice(1)));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Writes what a SELECT gives into a Parquet file, as another writer than ours does. */
export async function writeWithDuckdb(sql: string, file: string, options: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet, ${options})`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The files as one table, in the order of their rows. */
export function parquet(files: readonly string[]): string {
  const list = files.map((file) => `'${file.replaceAll("'", "''")}'`).join(", ");
  return `read_parquet([${list}], hive_partitioning = false)`;
}
