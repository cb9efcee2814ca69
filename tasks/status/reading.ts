import type { DatabaseConfig } from "../../pipeline/config.ts";
import {
  formatSource,
  isSameDatabase,
  isSameTable,
  type Source,
} from "../../pipeline/contract/source.ts";
import {
  type Day,
  dayOf,
  type DayRange,
  daysBetween,
  windowOf,
} from "../../pipeline/contract/window.ts";
import { absentDay, type LakeDay, readDays } from "../../pipeline/days.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { shell } from "../../pipeline/shell.ts";
import { readSources, type StoredSources } from "../../pipeline/lake/source_record.ts";
import { connect, type Connection } from "../../pipeline/outbox/connection.ts";
import { readSchema } from "../../pipeline/outbox/schema.ts";
import { countByDay, type DayCounts } from "../../pipeline/outbox/day_counts.ts";
import { readSource } from "../../pipeline/outbox/source.ts";
import { databaseClock, type Fence, readFence } from "../../pipeline/outbox/fence.ts";
import { type DayStatus, judgeDay } from "./judge.ts";

/** Why the outbox is not read without its login, and what to do. */
export const NO_LOGIN = "DJANGO_DB_PASSWORD is not set. " +
  "Set it to the password of DJANGO_DB_USER: deno task explain log-in";

/** The input of {@linkcode readStatus}. */
export interface StatusSources {
  readonly lake: Lake;
  /** Undefined without the credentials of a database. */
  readonly database: DatabaseConfig | undefined;
  /** The days to show. Without bounds: from the first day in the lake or the outbox until today. */
  readonly range: DayRange;
  /** The grace period for slow writers after the end of a day, in microseconds. */
  readonly grace: bigint;
  /** Receives the number of days that were read from the lake, and the number of all days. */
  readonly onDay?: (read: number, of: number) => void;
}

/** The state of days. */
export interface Status {
  readonly days: readonly DayStatus[];
  /** The days that the lake has, with their markers. */
  readonly lakeDays: readonly LakeDay[];
  /** Why the record of the lake cannot be used; undefined if it can, or if the lake has no record. */
  readonly recordFailure: Failure | undefined;
  /** The result of reading the database. */
  readonly outbox:
    | { readonly state: "absent" }
    | {
      readonly state: "asked";
      readonly name: string;
      readonly strays: number;
    }
    | { readonly state: "failed"; readonly failure: Failure };
}

/**
 * Reads how days stand: the lake first and the outbox after it, so that a run in between cannot look
 * like events that were lost.
 *
 * @throws {Failure} the lake cannot be listed, or is out of reach; the days have not begun
 */
export async function readStatus(
  { lake, database, range, grace, onDay }: StatusSources,
): Promise<Status> {
  const lakeDays = await readDays(lake, range, onDay);
  const record = await readRecord(lake);
  const recordFailure = record instanceof Failure ? record : undefined;
  const sources = record === undefined || record instanceof Failure
    ? newestSource(lakeDays)
    : record.sources;
  const last = sources.at(-1);
  const asked = database && await askDatabase(database, { lakeDays, range, grace, last });
  const source = asked instanceof Failure ? undefined : asked;
  const now = source?.now ?? BigInt(Date.now()) * 1000n;
  const byDay = new Map(lakeDays.map((day) => [day.day, day]));
  const known = [...byDay.keys(), ...source?.counts.days.keys() ?? []];
  const today = dayOf(now);
  if (known.length === 0 && range.from !== undefined && range.from > today) {
    throw notBegun(range.from, today);
  }
  const days = listDays(known, range, today);
  return {
    days: days.map((day) =>
      judgeDay({
        lake: byDay.get(day) ?? absentDay(day),
        ...(source && { events: source.counts.days.get(day) ?? 0 }),
        held: source?.holders.get(day),
        sources,
        now,
        grace,
      })
    ),
    lakeDays,
    recordFailure,
    outbox: outboxState(asked),
  };
}

function notBegun(day: Day, today: Day): Failure {
  return new Failure({
    kind: "configuration",
    task: `show the state of ${day}`,
    problem: `the day has not begun: it is ${today} in UTC`,
    remedy: "Give an earlier day.",
  });
}

/** Reads the record of the lake. A record that cannot be used is reported beside the days. */
async function readRecord(lake: Lake): Promise<StoredSources | Failure | undefined> {
  try {
    return await readSources(lake);
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return error;
    throw error;
  }
}

/** The source of the newest day that names one. Without a record, it is the only known source. */
function newestSource(days: readonly LakeDay[]): readonly Source[] {
  const named = days.flatMap(({ bronze }) =>
    bronze.state === "published" ? bronze.commit.source ?? [] : []
  );
  return named.slice(-1);
}

function outboxState(asked: OutboxCounts | Failure | undefined): Status["outbox"] {
  if (asked === undefined) return { state: "absent" };
  if (asked instanceof Failure) return { state: "failed", failure: asked };
  const { name, counts } = asked;
  return { state: "asked", name, strays: counts.strays };
}

/** Lists all days from `from` or the first known day to `to` or today, and known days after that. */
function listDays(known: readonly Day[], { from, to }: DayRange, today: Day): Day[] {
  const found = new Set(known);
  const first = from ?? [...found].sort()[0];
  if (first !== undefined) { for (const day of daysBetween(first, to ?? today)) found.add(day); }
  return [...found].sort();
}

/** The events of the outbox by day. */
interface OutboxCounts {
  readonly name: string;
  /** Its clock, in microseconds since 1970. */
  readonly now: bigint;
  readonly counts: DayCounts;
  /** Why a day that is over and still open cannot be sealed. */
  readonly holders: ReadonlyMap<Day, Pick<Fence, "reasons" | "grant">>;
}

interface Asking {
  readonly lakeDays: readonly LakeDay[];
  readonly range: DayRange;
  readonly grace: bigint;
  /** The table that the lake was copied from, if it is known. */
  readonly last: Source | undefined;
}

/** Reads the database. A failure is reported beside the state of the lake. */
async function askDatabase(
  config: DatabaseConfig,
  asking: Asking,
): Promise<OutboxCounts | Failure> {
  try {
    const connection = await connect(config);
    try {
      return await ask(connection, asking);
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

async function ask(
  connection: Connection,
  { lakeDays, range, grace, last }: Asking,
): Promise<OutboxCounts> {
  // The counts are only meaningful for a table that does not hide rows.
  await readSchema(connection);
  const source = await readSource(connection);
  if (last !== undefined) {
    if (!isSameTable(last, source)) {
      throw otherSource(last, source, {
        remedy: "Set OUTBOX_TABLE, or database.table in the project file, to the table that the " +
          "lake was copied from",
        condition: "this is the same table under another name",
      });
    }
    if (!isSameDatabase(last, source)) {
      throw otherSource(last, source, {
        remedy: "Check DJANGO_DB_HOST and DJANGO_DB_NAME",
        condition: "the database was moved",
      });
    }
  }
  const now = await databaseClock(connection);
  const holders = new Map<Day, Fence>();
  const open = lakeDays.filter(({ day, bronze }) =>
    bronze.state === "published" && bronze.commit.state === "open" &&
    windowOf(day).end + grace <= now
  );
  // A transaction that keeps a day open also keeps later days open, so stop at the first sealable day.
  for (const { day } of open.toReversed()) {
    const fence = await readFence(connection, windowOf(day), grace);
    if (fence.sealable) break;
    holders.set(day, fence);
  }
  const counts = await countByDay(connection, range);
  return { name: connection.name, now, counts, holders };
}

/** The events of another table or database prove nothing about the days of the lake. */
function otherSource(
  last: Source,
  source: Source,
  { remedy, condition }: { readonly remedy: string; readonly condition: string },
): Failure {
  return new Failure({
    kind: "configuration",
    task: "compare the lake with the outbox",
    problem: `the lake was copied from ${formatSource(last)}, and status would read ` +
      formatSource(source),
    remedy: `${remedy}. If ${condition}, run bronze once with ` +
      shell`--earlier-source ${formatSource(last)}` + ": deno task explain lake-source",
  });
}
