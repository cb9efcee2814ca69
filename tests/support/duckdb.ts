import { DuckDBInstance } from "@duckdb/node-api";

/** A row as DuckDB reads it: every value as text, or null. */
export type DuckRow = readonly (string | null)[];

/**
 * Runs a query with DuckDB, a Parquet reader that shares no code with ours.
 *
 * @param sql a SELECT with columns of any type; the columns are cast to VARCHAR
 */
export async function duckdb(sql: string): Promise<DuckRow[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    // DuckDB's JavaScript client strips a leading byte order mark, so another character goes first.
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

/** Writes the result of a SELECT to a Parquet file with DuckDB instead of our writer. */
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

/** Returns a SQL expression that reads the files as one table in row order. */
export function parquet(files: readonly string[]): string {
  const list = files.map((file) => `'${file.replaceAll("'", "''")}'`).join(", ");
  return `read_parquet([${list}], hive_partitioning = false)`;
}
