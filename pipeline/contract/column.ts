/**
 * The Parquet types that the contract uses, and the form in which the pipeline carries their values,
 * which is the form in which Parquet stores them:
 *
 * - `STRING`: UTF-8 bytes (or a JavaScript string)
 * - `INT32`: a number
 * - `INT64`: a bigint
 * - `TIMESTAMP(MICROS,UTC)`: a bigint, microseconds since 1970-01-01T00:00:00Z
 * - `DECIMAL(20,8)`: nine bytes, the unscaled integer in big-endian two's complement
 * - `DECIMAL(10,4)`: a bigint, the unscaled integer
 *
 * No value is ever rounded: a number holds only integers below 2^53.
 */
export type ColumnType =
  | "STRING"
  | "INT32"
  | "INT64"
  | "TIMESTAMP(MICROS,UTC)"
  | "DECIMAL(20,8)"
  | "DECIMAL(10,4)";

/** A column of bronze or silver. */
export interface Column {
  /** The same in Postgres and in Parquet. */
  readonly name: string;
  /** The type in Parquet. */
  readonly type: ColumnType;
  /** True if a value may be absent. */
  readonly nullable: boolean;
}

/** The Postgres types of the outbox's columns, as `format_type` writes them. */
export type PostgresType =
  | "uuid"
  | "bigint"
  | "integer"
  | "timestamp with time zone"
  | "character varying"
  | "text"
  | "numeric"
  | "jsonb";

/** A column of bronze and its source. */
export interface EventColumn extends Column {
  /** The type in the outbox. */
  readonly postgres: PostgresType;
}

/** A value as {@linkcode ColumnType} describes it; null if the column allows nulls. */
export type Value = Uint8Array | string | bigint | number | null;

const SPARK_TYPES: Readonly<Record<ColumnType, string>> = {
  "STRING": "string",
  "INT32": "int",
  "INT64": "bigint",
  "TIMESTAMP(MICROS,UTC)": "timestamp",
  "DECIMAL(20,8)": "decimal(20,8)",
  "DECIMAL(10,4)": "decimal(10,4)",
};

/**
 * The type of a column in Spark SQL, such as `decimal(20,8)`; `string` if no column has that name.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sparkType } from "./column.ts";
 * import { EVENT_COLUMNS } from "./tables.ts";
 * assertEquals(sparkType("occurred_at", EVENT_COLUMNS), "timestamp");
 * ```
 */
export function sparkType(name: string, columns: readonly Column[]): string {
  const column = columns.find((each) => each.name === name);
  return SPARK_TYPES[column?.type ?? "STRING"];
}
