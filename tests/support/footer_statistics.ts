import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import type { Column, ColumnType } from "../../pipeline/contract/column.ts";
import { parquet } from "./duckdb.ts";

// A reader skips a row group if the statistics in the footer exclude the rows that it looks for. So
// a minimum that is too large, or a maximum that is too small, hides rows. DuckDB reads the footers
// here, and a table with a copy of all rows gives the values that the footers must agree with.

/** The types in DuckDB. A column without a type here must not have statistics. */
const DUCK_TYPES: Partial<Record<ColumnType, string>> = {
  "STRING": "VARCHAR",
  "INT32": "INTEGER",
  "INT64": "BIGINT",
  "TIMESTAMP(MICROS,UTC)": "TIMESTAMPTZ",
  "DECIMAL(10,4)": "DECIMAL(10,4)",
};
/** A longer minimum or maximum is cut to at most this number of bytes, if that is possible. */
const CUT_BYTES = 16;
/** A minimum or maximum is never longer. */
const MOST_BYTES = 1024;

/** The result of {@linkcode compareStatistics}. */
export interface StatisticsReport {
  /** Each row group whose footer disagrees with its rows, and each filter that loses rows. */
  readonly faults: readonly string[];
  /** The number of row groups that have a minimum and a maximum, by column. */
  readonly bounded: Readonly<Record<string, number>>;
}

/**
 * Compares the statistics in the footers of Parquet files with their rows, for each column and row
 * group. Then compares the results of filters on the files with the results of the same filters on
 * a copy of the rows.
 *
 * @param probes the largest number of values that the filters of a column compare with
 */
export async function compareStatistics(
  files: readonly string[],
  columns: readonly Column[],
  probes = 6,
): Promise<StatisticsReport> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await copyRows(connection, files);
    const faults: string[] = [];
    const bounded: Record<string, number> = {};
    for (const column of columns) {
      const groups = await compareFooters(connection, column);
      bounded[column.name] = groups.filter(({ bounded }) => bounded === "1").length;
      for (const group of groups) {
        if (group.agrees !== "true") faults.push(`${column.name}: ${JSON.stringify(group)}`);
      }
      faults.push(...await compareFilters(connection, files, column, probes));
    }
    return { faults, bounded };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Creates the tables `footer`, and `rows` with the row group of each row. */
async function copyRows(connection: DuckDBConnection, files: readonly string[]): Promise<void> {
  const list = `[${files.map(literal).join(", ")}]`;
  await connection.run(`
    SET TimeZone = 'UTC';
    PRAGMA disable_optimizer;
    CREATE TABLE footer AS SELECT * FROM parquet_metadata(${list});
    CREATE TABLE borders AS
      SELECT file_name, row_group_id, row_group_num_rows AS count,
        coalesce(sum(row_group_num_rows) OVER (PARTITION BY file_name ORDER BY row_group_id
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS first
      FROM footer WHERE column_id = 0;
    CREATE TABLE rows AS
      SELECT stored.*, row_group_id
      FROM read_parquet(${list}, hive_partitioning = false, filename = true,
        file_row_number = true) AS stored
      JOIN borders ON filename = file_name AND file_row_number >= first
        AND file_row_number < first + count;
    PRAGMA enable_optimizer`);
}

/** Compares the statistics of a column with the rows of each row group. */
async function compareFooters(
  connection: DuckDBConnection,
  { name, type }: Column,
): Promise<Record<string, string | null>[]> {
  const duckType = DUCK_TYPES[type];
  const agrees = duckType === undefined
    ? "lo IS NULL AND hi IS NULL"
    : type === "STRING"
    ? `CASE WHEN lo IS NULL OR hi IS NULL THEN lo IS NULL AND hi IS NULL ELSE ${TEXTS_AGREE} END`
    : "lo IS NOT DISTINCT FROM least AND hi IS NOT DISTINCT FROM most AND noted = nulls";
  return await select(
    connection,
    `WITH found AS (
       SELECT filename, row_group_id, count(*) - count("${name}") AS nulls,
         min("${name}") AS least, max("${name}") AS most
       FROM rows GROUP BY ALL),
     noted AS (
       SELECT file_name AS filename, row_group_id, stats_null_count AS noted,
         stats_min_value::${duckType ?? "VARCHAR"} AS lo,
         stats_max_value::${duckType ?? "VARCHAR"} AS hi,
         coalesce(min_is_exact, true) AS lo_exact, coalesce(max_is_exact, true) AS hi_exact
       FROM footer WHERE path_in_schema = '${name}')
     SELECT *, (lo IS NOT NULL AND hi IS NOT NULL)::INTEGER AS bounded,
       (noted IS NULL OR noted = nulls) AND (${agrees}) AS agrees
     FROM found FULL JOIN noted USING (filename, row_group_id)`,
  );
}

// Short texts are exact. A longer minimum is a prefix, and a longer maximum is a text that follows
// all texts with the same beginning; both are marked as inexact.
const TEXTS_AGREE = `
  noted = nulls AND lo <= least AND most <= hi
  AND CASE WHEN strlen(least) <= ${CUT_BYTES} THEN lo = least AND lo_exact
      ELSE starts_with(least, lo) AND strlen(lo) <= ${CUT_BYTES} AND NOT lo_exact END
  AND CASE WHEN strlen(most) <= ${CUT_BYTES} THEN hi = most AND hi_exact
      ELSE strlen(hi) <= ${MOST_BYTES} AND hi_exact = (hi = most) END`;

/** Returns the filters that do not find the same rows in the files and in the copy. */
async function compareFilters(
  connection: DuckDBConnection,
  files: readonly string[],
  column: Column,
  probes: number,
): Promise<string[]> {
  const faults: string[] = [];
  const source = `${parquet(files).slice(0, -1)}, file_row_number = true)`;
  for (const filter of filtersOf(column, await probesOf(connection, column, probes))) {
    const result = `SELECT count(*) AS count, sum(file_row_number) AS places FROM`;
    const [found] = await select(connection, `${result} ${source} WHERE ${filter}`);
    const [expected] = await select(connection, `${result} rows WHERE ${filter}`);
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      faults.push(`${filter}: ${found!.count} rows instead of ${expected!.count}`);
    }
  }
  return faults;
}

/** Values of a column to compare with: the extremes of row groups, some others, and neighbours. */
async function probesOf(
  connection: DuckDBConnection,
  { name, type }: Column,
  most: number,
): Promise<string[]> {
  const value = `"${name}"`;
  const found = await select(
    connection,
    `WITH extremes AS (
       SELECT unnest([min(${value}), max(${value})]) AS value FROM rows
       GROUP BY filename, row_group_id),
     candidates AS (SELECT value FROM extremes UNION ALL SELECT ${value} FROM rows)
     SELECT value FROM (
       SELECT DISTINCT value FROM candidates WHERE value IS NOT NULL AND strlen(value::VARCHAR) < 2000)
     ORDER BY hash(value) LIMIT ${most}`,
  );
  const texts = found.map(({ value }) => value!);
  return type === "STRING" ? texts.flatMap((text) => [text, `${text}\u0001`]) : texts;
}

function filtersOf({ name, type }: Column, probes: readonly string[]): string[] {
  const column = `"${name}"`;
  const duckType = DUCK_TYPES[type] ?? type;
  const values = probes.map((probe) => `${literal(probe)}::${duckType}`);
  return [
    `${column} IS NULL`,
    `${column} IS NOT NULL`,
    ...values.flatMap((value) =>
      ["=", "<", "<=", ">", ">="].map((operator) => `${column} ${operator} ${value}`)
    ),
    ...values.slice(1).map((value, i) => `${column} IN (${value}, ${values[i]})`),
  ];
}

/** Runs a query, and returns each row with its values as text. */
async function select(
  connection: DuckDBConnection,
  sql: string,
): Promise<Record<string, string | null>[]> {
  // DuckDB's JavaScript client strips a leading byte order mark, so another character goes first.
  const reader = await connection.runAndReadAll(
    `SELECT '=' || COLUMNS('(.*)')::VARCHAR AS '\\1' FROM (${sql})`,
  );
  const names = reader.columnNames();
  return reader.getRows().map((row) =>
    Object.fromEntries(
      row.map((text, i) => [names[i]!, text === null ? null : String(text).slice(1)]),
    )
  );
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
