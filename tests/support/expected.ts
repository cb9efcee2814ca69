import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";

// The expected content of bronze and silver, computed by Postgres itself. Times are microseconds
// since 1970; other values are Postgres's own text.

const WINDOW = (day: string) =>
  `occurred_at >= '${day}T00:00:00Z' AND occurred_at < '${day}T00:00:00Z'::timestamptz + '24 hours'`;

/** Returns the query for the expected rows of bronze. */
export function expectedEvents(day: string): string {
  const columns = EVENT_COLUMNS.map(({ name, type }) =>
    type.startsWith("TIMESTAMP") ? `${micros(name)} AS ${name}` : `${name}::text`
  );
  return `SELECT ${columns.join(", ")} FROM stop_events WHERE ${WINDOW(day)}
          ORDER BY stop_events.event_seq NULLS LAST, stop_events.event_id`;
}

/** Returns the query for the expected rows of silver: a replay in SQL. */
export function expectedExecutions(day: string): string {
  const last = (value: string, where = `${value} IS NOT NULL`) =>
    `(array_agg(${value} ORDER BY place DESC) FILTER (WHERE ${where}))[1]`;
  const time = (type: string) => micros(last("occurred_at", `event_type = '${type}'`));
  const special: Record<string, string> = {
    execution_id: last("event_id"),
    operation_id: "operation_id",
    status: `replace(replace(${last("event_type")}, 'STOP_TRIGGERED', 'PENDING'),
             'EXECUTION_SUBMITTED', 'SUBMITTED')`,
    triggered_at: time("STOP_TRIGGERED"),
    submitted_at: time("EXECUTION_SUBMITTED"),
    executed_at: time("EXECUTED"),
  };
  const columns = EXECUTION_COLUMNS.map(({ name }) =>
    `(${special[name] ?? last(name)})::text AS ${name}`
  );
  return `
    WITH events AS (
      SELECT *, row_number() OVER (ORDER BY event_seq NULLS FIRST, occurred_at, event_id) AS place
      FROM stop_events
      WHERE ${WINDOW(day)} AND event_type IN
        ('STOP_TRIGGERED', 'EXECUTION_SUBMITTED', 'EXECUTED', 'FAILED', 'BLOCKED'))
    SELECT ${columns.join(", ")} FROM events GROUP BY operation_id
    ORDER BY ${last("client_id")}, events.operation_id`;
}

/** Returns the SELECT list that reads the same columns from Parquet with DuckDB. */
export function readBack(columns: readonly { name: string; type: string }[]): string {
  return columns.map(({ name, type }) =>
    type.startsWith("TIMESTAMP") ? `epoch_us(${name}) AS ${name}` : name
  ).join(", ");
}

function micros(instant: string): string {
  return `(extract(epoch FROM ${instant}) * 1000000)::bigint::text`;
}
