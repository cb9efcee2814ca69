import { type Column, type ColumnType, fingerprint } from "./column.ts";

/** The types that the outbox's columns have in Postgres, as `format_type` names them. */
export type PostgresType =
  | "uuid"
  | "bigint"
  | "integer"
  | "timestamp with time zone"
  | "character varying"
  | "text"
  | "numeric"
  | "jsonb";

/** A column of bronze, and where it comes from. */
export interface EventColumn extends Column {
  /** Its type in the outbox. */
  readonly postgres: PostgresType;
}

function column(
  name: string,
  postgres: PostgresType,
  type: ColumnType,
  nullable?: "null",
): EventColumn {
  return { name, postgres, type, nullable: nullable === "null" };
}

/** The table that Robson writes its stop-loss events into. */
export const OUTBOX_TABLE = "stop_events";

/** Columns of the outbox that the contract knows and does not export. */
export const UNEXPORTED_COLUMNS: readonly string[] = ["request_payload_hash"];

/** Bronze: the columns of one stop event, in the order of the Parquet files. */
export const EVENT_COLUMNS: readonly EventColumn[] = [
  column("event_id", "uuid", "STRING"),
  column("event_seq", "bigint", "INT64", "null"),
  column("occurred_at", "timestamp with time zone", "TIMESTAMP(MICROS,UTC)"),
  column("operation_id", "bigint", "INT64"),
  column("client_id", "bigint", "INT64"),
  column("symbol", "character varying", "STRING"),
  column("event_type", "character varying", "STRING"),
  column("trigger_price", "numeric", "DECIMAL(20,8)", "null"),
  column("stop_price", "numeric", "DECIMAL(20,8)", "null"),
  column("quantity", "numeric", "DECIMAL(20,8)", "null"),
  column("side", "character varying", "STRING", "null"),
  column("execution_token", "character varying", "STRING", "null"),
  column("payload_json", "jsonb", "STRING", "null"),
  column("exchange_order_id", "character varying", "STRING", "null"),
  column("fill_price", "numeric", "DECIMAL(20,8)", "null"),
  column("slippage_pct", "numeric", "DECIMAL(10,4)", "null"),
  column("source", "character varying", "STRING"),
  column("error_message", "text", "STRING", "null"),
  column("retry_count", "integer", "INT32", "null"),
];

/** The fingerprint that bronze's commit markers carry. */
export const EVENT_CONTRACT: string = fingerprint(EVENT_COLUMNS);

/** The events that make up an execution, and the status that each one leaves an operation in. */
export const EXECUTION_STATUS: ReadonlyMap<string, string> = new Map([
  ["STOP_TRIGGERED", "PENDING"],
  ["EXECUTION_SUBMITTED", "SUBMITTED"],
  ["EXECUTED", "EXECUTED"],
  ["FAILED", "FAILED"],
  ["BLOCKED", "BLOCKED"],
]);

/** Every event type that Robson is known to write. Others are copied, and warned of. */
export const KNOWN_EVENT_TYPES: ReadonlySet<string> = new Set([
  ...EXECUTION_STATUS.keys(),
  "STALE_PRICE",
  "KILL_SWITCH",
  "SLIPPAGE_BREACH",
  "CIRCUIT_BREAKER",
]);

/** The folder of all of bronze. */
export const BRONZE_PREFIX = "bronze/events/";

/** The folder of a day's bronze files. Its commit marker is `_commit.json` in there. */
export function bronzePrefix(day: string): string {
  return `${BRONZE_PREFIX}date=${day}/`;
}

/** The commit marker of a day's bronze. */
export function bronzeMarkerKey(day: string): string {
  return `${bronzePrefix(day)}_commit.json`;
}

/** The folder of the bronze markers that amendments replaced. */
export function bronzeHistoryPrefix(day: string): string {
  return `${bronzePrefix(day)}_history/`;
}

/** The copy of a bronze marker that an amendment replaced. */
export function historyKey(day: string, version: number, sha256: string): string {
  const number = String(version).padStart(5, "0");
  return `${bronzeHistoryPrefix(day)}${number}-${sha256.slice(0, 32)}.json`;
}

/** The document with the events of a day that the contract cannot hold. */
export function quarantineKey(day: string, sha256: string): string {
  return `${bronzePrefix(day)}_quarantine/${sha256.slice(0, 32)}.json`;
}
