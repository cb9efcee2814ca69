import type { RowGroup } from "../contract/column.ts";
import { EVENT_COLUMNS, OUTBOX_TABLE } from "../contract/events.ts";
import type { Window } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import { type Connection, sqlInstant } from "./connection.ts";
import { decodeCopy } from "./copy_binary.ts";
import type { OutboxSchema } from "./schema.ts";

/** What a window holds, before its rows are read. */
export interface Survey {
  /** Events of the window. */
  readonly rows: number;
  /** Smallest event_seq; null where no event has one. */
  readonly minSeq: bigint | null;
  /** Largest event_seq; null where no event has one. */
  readonly maxSeq: bigint | null;
}

/** How many events a message names before it only counts them. */
const NAMED = 5;

/** Begins a transaction in which every read sees the same state. Ends with {@linkcode endSnapshot}. */
export async function beginSnapshot(connection: Connection): Promise<void> {
  await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

/** Ends the transaction. */
export async function endSnapshot(connection: Connection): Promise<void> {
  await connection.query("COMMIT");
}

/** Counts a window's rows. */
export async function countRows(connection: Connection, window: Window): Promise<number> {
  const [row] = await connection.query(
    `SELECT count(*) AS rows FROM ${OUTBOX_TABLE} WHERE ${within(window)}`,
  );
  return Number(row!.rows);
}

/**
 * Counts a window's rows, and looks for what Parquet could not hold.
 *
 * @throws {Failure} data: events whose values do not fit, or that fall on no day, by their ids
 */
export async function survey(
  connection: Connection,
  window: Window,
  schema: OutboxSchema,
): Promise<Survey> {
  const unfit = unfitColumns(schema);
  const [counts] = await connection.query(`
    SELECT count(*) AS rows, min(event_seq) AS min_seq, max(event_seq) AS max_seq,
           count(*) FILTER (WHERE ${unfit.map(({ test }) => test).join(" OR ")}) AS unfit
    FROM ${OUTBOX_TABLE} WHERE ${within(window)}`);
  const { rows, min_seq, max_seq, unfit: count } = counts!;
  if (count !== "0") {
    const tests = unfit.map(({ test }) => test).join(" OR ");
    const values = unfit.map(({ name, test }) =>
      `CASE WHEN ${test} THEN '${name} ' || coalesce(${name}::text, 'null') END`
    );
    const where = `${within(window)} AND (${tests})`;
    throw await unfitEvents(connection, where, values, "do not fit the contract");
  }
  const nowhere = "occurred_at IN ('-infinity', 'infinity')";
  const strays = await connection.query(`SELECT FROM ${OUTBOX_TABLE} WHERE ${nowhere} LIMIT 1`);
  if (strays.length > 0) {
    const values = ["'occurred_at ' || occurred_at"];
    throw await unfitEvents(
      connection,
      nowhere,
      values,
      "fall on no day, so none would export them",
    );
  }
  return { rows: Number(rows), minSeq: integer(min_seq), maxSeq: integer(max_seq) };
}

/** The days with events nearest to a window, for the message that it is empty. */
export async function neighbours(connection: Connection, window: Window): Promise<string[]> {
  const [row] = await connection.query(`
    SELECT (SELECT to_char(max(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            FROM ${OUTBOX_TABLE} WHERE occurred_at < ${sqlInstant(window.start)}) AS before,
           (SELECT to_char(min(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            FROM ${OUTBOX_TABLE} WHERE occurred_at >= ${sqlInstant(window.end)}) AS after`);
  return [row!.before, row!.after].filter((day) => day != null);
}

/** A window's events in bronze's order, in row groups. */
export function readEvents(connection: Connection, window: Window): AsyncIterable<RowGroup> {
  const names = EVENT_COLUMNS.map(({ name }) => name).join(", ");
  const select = `SELECT ${names} FROM ${OUTBOX_TABLE} WHERE ${within(window)}` +
    " ORDER BY event_seq NULLS LAST, event_id";
  return decodeCopy(connection.copy(select), EVENT_COLUMNS);
}

/** For every column, the test that finds what Parquet's column could not hold. */
function unfitColumns({ wider }: OutboxSchema): { name: string; test: string }[] {
  return EVENT_COLUMNS.flatMap(({ name, type, nullable }) => {
    const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
    if (decimal === null) return nullable ? [] : [{ name, test: `${name} IS NULL` }];
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    // NaN sorts above every number, so it is too large as well.
    const test = wider.has(name)
      ? `abs(${name}) >= 1e${precision - scale} OR ${name} <> trunc(${name}, ${scale})`
      : `${name} = 'NaN'`;
    return [{ name, test: `(${test})` }];
  });
}

async function unfitEvents(
  connection: Connection,
  where: string,
  values: readonly string[],
  problem: string,
): Promise<Failure> {
  const events = await connection.query(`
    SELECT event_id, concat_ws(', ', ${values.join(", ")}) AS values, count(*) OVER () AS total
    FROM ${OUTBOX_TABLE} WHERE ${where} ORDER BY event_id LIMIT ${NAMED}`);
  const list = events.map(({ event_id, values }) => `${event_id} (${values})`);
  const more = Number(events[0]?.total ?? 0) - events.length;
  if (more > 0) list.push(`and ${more} more`);
  return new Failure(
    "data",
    `Cannot export ${OUTBOX_TABLE}: these events ${problem}: ${list.join("; ")}. ` +
      "Nothing was published. Correct them in the outbox, then run again.",
  );
}

function within({ start, end }: Window): string {
  return `occurred_at >= ${sqlInstant(start)} AND occurred_at < ${sqlInstant(end)}`;
}

function integer(text: string | null | undefined): bigint | null {
  return text == null ? null : BigInt(text);
}
