import type { Window } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import { NAMED, plural } from "../progress.ts";
import type { TextRow } from "./client.ts";
import type { Connection } from "./connection.ts";
import { explainMisfit, misfits, unfit } from "./column_limits.ts";
import { identifier, onNoDay, within } from "./sql.ts";
import type { OutboxSchema } from "./schema.ts";

/** A summary of a window, before its rows are read. */
export interface Survey {
  /** Events of the window that fit the contract. */
  readonly rows: number;
  /** The smallest event_seq; null if no event has an event_seq. */
  readonly minSeq: bigint | null;
  /** The largest event_seq; null if no event has an event_seq. */
  readonly maxSeq: bigint | null;
  /** The events of the window that do not fit, by event_id, nulls last. */
  readonly unfit: readonly UnfitEvent[];
  /** The event_ids of a few events of the table that fall on no day at all. */
  readonly strays: readonly string[];
  /** The number of such events. */
  readonly strayCount: number;
}

/** An event with a value that its column in Parquet cannot hold. */
export interface UnfitEvent {
  /** The event_id; null if the event has none. */
  readonly event_id: string | null;
  /** The columns that do not fit, in the contract's order. */
  readonly problems: readonly Misfit[];
  /** Every column of the table, in the order of the table, as text of Postgres. */
  readonly row: Readonly<Record<string, string | null>>;
}

/** The reason why an event does not fit. */
export interface Misfit {
  /** The contract's column. */
  readonly column: string;
  /** The problem of the value, such as `is NaN`. */
  readonly problem: string;
}

/**
 * The largest accepted number of unfit events per day. With more, the table or the contract is
 * wrong.
 */
const MOST_UNFIT = 10_000;
/**
 * The largest accepted size of the unfit events per day, in bytes. They are kept in memory and in
 * one object of the lake.
 */
const MOST_UNFIT_BYTES = 64 << 20;

/**
 * Counts the events of a window, as if all of them fit the contract. This is much faster than
 * {@linkcode survey}, and enough if the reader of the events refuses those that do not fit.
 */
export async function countEvents(connection: Connection, window: Window): Promise<Survey> {
  const counts = `
    SELECT count(*) AS rows, min(event_seq) AS min_seq, max(event_seq) AS max_seq
    FROM ${connection.table} WHERE ${within(window)}`;
  const [[all], strays] = await connection.queries([counts, straysIn(connection)]) as [
    TextRow[],
    TextRow[],
  ];
  return {
    rows: Number(all!.rows),
    minSeq: integer(all!.min_seq),
    maxSeq: integer(all!.max_seq),
    unfit: [],
    ...straysOf(strays),
  };
}

/**
 * Counts the events of a window that fit the contract, and reads those that do not.
 *
 * @throws {Failure} data: an event_id or event_seq is there twice, or too many events do not fit
 */
export async function survey(
  connection: Connection,
  window: Window,
  schema: OutboxSchema,
): Promise<Survey> {
  const groups = await connection.query(`
    SELECT ${unfit(schema)} AS unfit, count(*) AS rows,
           min(event_seq) AS min_seq, max(event_seq) AS max_seq
    FROM ${connection.table} WHERE ${within(window)} GROUP BY 1`);
  for (const column of ["event_id", "event_seq"]) {
    if (!schema.unique.has(column)) await refuseDuplicates(connection, window, column, schema);
  }
  const fit = groups.find((group) => group.unfit === "f");
  const unfitRows = Number(groups.find((group) => group.unfit === "t")?.rows ?? 0);
  return {
    rows: Number(fit?.rows ?? 0),
    minSeq: integer(fit?.min_seq),
    maxSeq: integer(fit?.max_seq),
    unfit: unfitRows === 0 ? [] : await readUnfit(connection, window, schema),
    ...await readStrays(connection),
  };
}

/** Reads the events of the table that fall on no day at all. */
export async function readStrays(
  connection: Connection,
): Promise<Pick<Survey, "strays" | "strayCount">> {
  return straysOf(await connection.query(straysIn(connection)));
}

async function readUnfit(
  connection: Connection,
  window: Window,
  schema: OutboxSchema,
): Promise<UnfitEvent[]> {
  const where = `${within(window)} AND ${unfit(schema)}`;
  const [size] = await connection.query(`
    SELECT count(*) AS rows, sum(octet_length(stored::text)) AS bytes
    FROM ${connection.table} AS stored WHERE ${where}`);
  const [rows, bytes] = [Number(size!.rows), Number(size!.bytes)];
  if (rows > MOST_UNFIT || bytes > MOST_UNFIT_BYTES) throw tooManyUnfit(window, rows, bytes);
  // Uses numbers instead of names, because a column can have any name.
  const values = schema.columns.map((name, i) => `${identifier(name)}::text AS "${i}"`);
  const tests = misfits(schema);
  const flags = tests.map(({ test }, i) => `(${test}) IS TRUE AS "misfit ${i}"`);
  const events = await connection.query(`
    SELECT ${[...values, ...flags].join(", ")} FROM ${connection.table}
    WHERE ${where} ORDER BY event_id`);
  return events.map((answer) => {
    const row = Object.fromEntries(schema.columns.map((name, i) => [name, answer[i] ?? null]));
    const problems = tests.filter((_, i) => answer[`misfit ${i}`] === "t").map(({ column }) => ({
      column: column.name,
      problem: explainMisfit(column, row[column.name] ?? null),
    }));
    return { event_id: row.event_id ?? null, problems, row };
  });
}

function straysIn({ table }: Connection): string {
  return `
  SELECT coalesce(event_id::text, 'without an id') AS id, count(*) OVER () AS total
  FROM ${table} WHERE ${onNoDay} ORDER BY event_id LIMIT ${NAMED}`;
}

function straysOf(strays: readonly TextRow[]): Pick<Survey, "strays" | "strayCount"> {
  return { strays: strays.map(({ id }) => id!), strayCount: Number(strays[0]?.total ?? 0) };
}

async function refuseDuplicates(
  connection: Connection,
  window: Window,
  column: string,
  schema: OutboxSchema,
): Promise<void> {
  const values = await connection.query(`
    SELECT ${column} AS value, count(*) AS rows,
           array_to_string((array_agg(event_id ORDER BY event_id))[1:${NAMED}], ', ') AS events,
           count(*) OVER () AS total
    FROM ${connection.table} WHERE ${within(window)} AND ${column} IS NOT NULL
    GROUP BY ${column} HAVING count(*) > 1 ORDER BY ${column} LIMIT ${NAMED}`);
  if (values.length > 0) throw duplicates(connection, window, column, values, schema);
}

function duplicates(
  { table }: Connection,
  { day }: Window,
  column: string,
  values: readonly TextRow[],
  { partitioned }: OutboxSchema,
): Failure {
  const list = values.map(({ value, rows, events }) =>
    column === "event_id" ? `${value} (${rows} rows)` : `${value} (events ${events})`
  );
  const more = Number(values[0]!.total) - values.length;
  if (more > 0) list.push(`and ${more} more`);
  const constraint = partitioned
    ? `give each partition a unique index on ${column}.`
    : column === "event_id"
    ? `run: ALTER TABLE ${table} ADD PRIMARY KEY (event_id);`
    : `run: ALTER TABLE ${table} ADD UNIQUE (event_seq);`;
  return new Failure({
    kind: "data",
    task: `export ${day}`,
    problem: `on that day, several rows of ${table} have the same ${column}: ` +
      `${list.join("; ")}. The table has no unique constraint on ${column}, so Postgres ` +
      "accepted them. Nothing was published",
    remedy: `Correct them in the outbox, then ${constraint}`,
  });
}

function tooManyUnfit({ day }: Window, count: number, bytes: number): Failure {
  const size = `${plural(count, "event")} with ${plural(bytes, "byte")}`;
  return new Failure({
    kind: "data",
    task: `export ${day}`,
    problem: `${size} do not fit the contract, and the quarantine holds at most ` +
      `${plural(MOST_UNFIT, "event")} with ${
        plural(MOST_UNFIT_BYTES, "byte")
      }. Nothing was published`,
    remedy: "Find out which change to the backend writes these events, correct them in the " +
      "outbox, then run again.",
  });
}

function integer(text: string | null | undefined): bigint | null {
  return text == null ? null : BigInt(text);
}
