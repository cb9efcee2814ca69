import type { Column, EventColumn } from "./column.ts";
import { CONTRACT, type TimeColumn } from "./contract_file.ts";

const { bronze, silver } = CONTRACT;

/** The table of the outbox, unless OUTBOX_TABLE or the project file names another one. */
export const OUTBOX_TABLE = "stop_events";

/** Columns of the outbox that are in the contract and are not exported. */
export const UNEXPORTED_COLUMNS: readonly string[] = CONTRACT.columnsNotExported;

/** Bronze: the columns of one stop event, in the order of the Parquet files. */
export const EVENT_COLUMNS: readonly EventColumn[] = bronze.columns;

/** Silver: the columns of one stop execution, in the order of the Parquet files. */
export const EXECUTION_COLUMNS: readonly Column[] = silver.columns;

/** The event types that make up an execution, and the status that each leaves an operation in. */
export const EXECUTION_STATUS: ReadonlyMap<string, string> = new Map(
  Object.entries(silver.statuses),
);

/** The event types whose time is stored in a column of silver. */
export const EVENT_TIMES: ReadonlyMap<string, TimeColumn> = new Map(
  Object.entries(silver.times).map(([column, type]) => [type, column as TimeColumn]),
);

/** The columns that a replay sorts events by. Events without a value come first. */
export const REPLAY_ORDER: readonly string[] = silver.replayOrder;

/** All event types of Robson in the contract. A run copies other types and warns. */
export const KNOWN_EVENT_TYPES: ReadonlySet<string> = new Set([
  ...EXECUTION_STATUS.keys(),
  ...CONTRACT.otherEventTypes,
]);
