import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { Column } from "../../pipeline/contract/column.ts";
import {
  EVENT_COLUMNS,
  EVENT_TIMES,
  EXECUTION_COLUMNS,
  EXECUTION_STATUS,
  OUTBOX_TABLE,
  REPLAY_ORDER,
} from "../../pipeline/contract/tables.ts";

/** The day that is measured, in UTC. */
export const DAY = "2025-12-28";
const NEXT_DAY = "2025-12-29";

/** The columns that bronze has as text, because Parquet readers disagree on UUIDs and JSON. */
const TEXT_COLUMNS = EVENT_COLUMNS.filter(({ postgres }) => /^(uuid|jsonb)$/.test(postgres))
  .map(({ name }) => name);

/** The order of bronze's rows. Rows without the first column are last. */
const BRONZE_ORDER = ["event_seq", "event_id"] as const;

const WINDOW = `occurred_at >= timestamptz '${DAY}T00:00:00Z'
  AND occurred_at < timestamptz '${NEXT_DAY}T00:00:00Z'`;

/** One export of the day, as the peers receive it. See `peers/peer.py`. */
export interface PeerJob {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly query: string;
  readonly columns: readonly string[];
  readonly text_columns: readonly string[];
  readonly since: string;
  readonly until: string;
  readonly order: readonly string[];
  readonly decimals: Readonly<Record<string, readonly [number, number]>>;
  readonly file: string;
  readonly folder: string;
}

/** Describes an export into a folder. */
export function peerJob(database: DatabaseConfig, folder: string): PeerJob {
  const { host, port, name, user, password } = database;
  return {
    host,
    port,
    database: name,
    user,
    password,
    folder,
    query: `SELECT ${selected(TEXT_COLUMNS)} FROM ${OUTBOX_TABLE} WHERE ${WINDOW} ORDER BY ${
      BRONZE_ORDER.join(" NULLS LAST, ")
    }`,
    columns: EVENT_COLUMNS.map(({ name }) => name),
    text_columns: TEXT_COLUMNS,
    since: `${DAY} 00:00:00+00`,
    until: `${NEXT_DAY} 00:00:00+00`,
    order: BRONZE_ORDER,
    decimals: decimalSizes(),
    file: `${folder}/day.parquet`,
  };
}

/** Precision and scale of each decimal column. */
function decimalSizes(): Record<string, readonly [number, number]> {
  const sizes: Record<string, readonly [number, number]> = {};
  for (const { name, type } of EVENT_COLUMNS) {
    const size = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
    if (size !== null) sizes[name] = [Number(size[1]), Number(size[2])];
  }
  return sizes;
}

/** SQL of the floor: the bytes of the day's rows, in any order. */
export function floorQuery(): string {
  return `SELECT ${EVENT_COLUMNS.map(({ name }) => name).join(", ")}
    FROM ${OUTBOX_TABLE} WHERE ${WINDOW}`;
}

/** SQL for Postgres, which writes the day's rows as texts into a CSV file. */
export function referenceCopy(file: string): string {
  const names = EVENT_COLUMNS.map(({ name }) => name);
  return `COPY (SELECT ${selected(names)} FROM ${OUTBOX_TABLE} WHERE ${WINDOW})
    TO '${file}' (FORMAT csv, NULL '', FORCE_QUOTE *)`;
}

/** SQL for DuckDB, which reads that file. A quoted text is never null. */
export function referenceRows(file: string): string {
  const columns = EVENT_COLUMNS.map(({ name }) => `'${name}': 'VARCHAR'`).join(", ");
  return `read_csv('${file}', columns = {${columns}}, auto_detect = false, header = false,
    delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false,
    parallel = false, max_line_size = 16777216)`;
}

function selected(asText: readonly string[]): string {
  return EVENT_COLUMNS.map(({ name }) => asText.includes(name) ? `${name}::text AS ${name}` : name)
    .join(", ");
}

/** SQL for DuckDB: the same replay as silver's, on files of bronze. */
export function replayQuery(bronze: string): string {
  const last = (value: string, condition = "") => `arg_max(${value}, place)${condition}`;
  const statuses = [...EXECUTION_STATUS].map(([type, status]) => `WHEN '${type}' THEN '${status}'`);
  const types = [...EXECUTION_STATUS.keys()].map((type) => `'${type}'`).join(", ");
  const special = new Map([
    ["execution_id", last("event_id")],
    ["operation_id", "operation_id"],
    ["status", `CASE ${last("event_type")} ${statuses.join(" ")} END`],
    ...[...EVENT_TIMES].map(([type, column]): [string, string] => [
      column,
      last("occurred_at", ` FILTER (event_type = '${type}')`),
    ]),
  ]);
  // arg_max skips nulls, so each column has its last value that is not null, as in silver.
  const columns = EXECUTION_COLUMNS.map(({ name }: Column) =>
    `${special.get(name) ?? last(name)} AS ${name}`
  );
  return `SELECT ${columns.join(", ")} FROM (
      SELECT *, row_number() OVER (ORDER BY ${
    REPLAY_ORDER.map((name) => `${name} NULLS FIRST`).join(", ")
  }) AS place
      FROM read_parquet('${bronze}', hive_partitioning = false)
      WHERE event_type IN (${types})
    ) GROUP BY operation_id ORDER BY client_id, operation_id`;
}
