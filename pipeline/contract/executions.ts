import { type Column, type ColumnType, fingerprint } from "./column.ts";

function column(name: string, type: ColumnType, nullable?: "null"): Column {
  return { name, type, nullable: nullable === "null" };
}

/** Silver: the columns of one stop execution, in the order of the Parquet files. */
export const EXECUTION_COLUMNS: readonly Column[] = [
  column("execution_id", "STRING"),
  column("operation_id", "INT64"),
  column("client_id", "INT64"),
  column("symbol", "STRING"),
  column("stop_price", "DECIMAL(20,8)", "null"),
  column("trigger_price", "DECIMAL(20,8)", "null"),
  column("quantity", "DECIMAL(20,8)", "null"),
  column("side", "STRING", "null"),
  column("status", "STRING"),
  column("triggered_at", "TIMESTAMP(MICROS,UTC)", "null"),
  column("submitted_at", "TIMESTAMP(MICROS,UTC)", "null"),
  column("executed_at", "TIMESTAMP(MICROS,UTC)", "null"),
  column("exchange_order_id", "STRING", "null"),
  column("fill_price", "DECIMAL(20,8)", "null"),
  column("slippage_pct", "DECIMAL(10,4)", "null"),
  column("source", "STRING"),
];

/** The fingerprint that silver's commit markers carry. */
export const EXECUTION_CONTRACT: string = fingerprint(EXECUTION_COLUMNS);

/** The folder of all of silver. */
export const SILVER_PREFIX = "silver/stop_executions/";

/** The folder of one client's executions on one day. */
export function silverPrefix(client: bigint, day: string): string {
  return `${SILVER_PREFIX}client_id=${client}/date=${day}/`;
}

/** The folder of silver's commit markers. */
export const SILVER_MARKERS_PREFIX = `${SILVER_PREFIX}_commits/`;

/** The commit marker of a day's silver, all clients together. */
export function silverMarkerKey(day: string): string {
  return `${SILVER_MARKERS_PREFIX}date=${day}.json`;
}
