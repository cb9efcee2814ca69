import type { DatabaseConfig } from "./config.ts";
import {
  bronzeMarkerKey,
  bronzePrefix,
  EVENT_COLUMNS,
  EVENT_CONTRACT,
  KNOWN_EVENT_TYPES,
  OUTBOX_TABLE,
} from "./contract/events.ts";
import type { RowGroup } from "./contract/column.ts";
import { type Day, dayOf, formatMicros, type Window, windowOf } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { publishWindow } from "./lake/commit.ts";
import type { Lake } from "./lake/lake.ts";
import { type BronzeCommit, type Part, readMarker } from "./lake/marker.ts";
import { cutParts, storeParts } from "./lake/parts.ts";
import { connect, type Connection } from "./outbox/connection.ts";
import { databaseClock, type Fence, readFence } from "./outbox/fence.ts";
import { type OutboxSchema, readSchema } from "./outbox/schema.ts";
import * as snapshot from "./outbox/snapshot.ts";
import { type Survey, survey as surveyOutbox } from "./outbox/survey.ts";
import { type Observer, plural } from "./progress.ts";
import { type Layer, verifySealed } from "./verify.ts";

/** What a bronze run needs. */
export interface BronzeOptions {
  /** The outbox's database. */
  readonly database: DatabaseConfig;
  /** Where bronze goes. */
  readonly lake: Lake;
  /** Today by the database's clock, in UTC, where it is absent. */
  readonly day?: Day | undefined;
  /** Microseconds that a window waits for slow writers after its end. */
  readonly grace: bigint;
  /** Do everything except storing and removing objects. */
  readonly dryRun?: boolean;
  /** Hears what the run does. */
  readonly observer: Observer;
}

/**
 * Copies one day of the outbox into bronze: fence, snapshot, parts, marker, in that order, so that a
 * reader of the marker sees the old state of the window or the new one and never a mixture, and a run
 * that is killed at any point can simply be run again.
 *
 * A window that was sealed is compared with the outbox instead, and not written to.
 *
 * @returns the day that was copied
 * @throws {Failure} nothing was published
 */
export async function runBronze(options: BronzeOptions): Promise<Day> {
  const connection = await connect(options.database);
  try {
    const day = options.day ?? dayOf(await databaseClock(connection));
    await copyWindow(connection, windowOf(day), options);
    return day;
  } finally {
    await connection.close();
  }
}

async function copyWindow(
  connection: Connection,
  window: Window,
  { lake, grace, dryRun = false, observer }: BronzeOptions,
): Promise<void> {
  const { day } = window;
  const schema = await readSchema(connection);
  tellSchema(connection, schema, observer);

  // The marker is read before the snapshot is taken: whoever publishes a newer state in between
  // changes the marker, and ours is then refused.
  const key = bronzeMarkerKey(day);
  const previous = await readMarker(lake, "bronze", key, day);
  const listed = await lake.list(bronzePrefix(day));
  const publication = { lake, key, previous, listed, dryRun, observer };
  const fence = await readFence(connection, window, grace);
  if (fence.now < window.start) throw notBegun(window, fence.now);
  tellFence(fence, observer);

  await snapshot.beginSnapshot(connection);
  const survey = await surveyOutbox(connection, window, schema);
  refuseUnfit(survey);
  tellSurvey(survey, observer);
  const watched = watch(snapshot.readEvents(connection, window, schema), survey.rows, observer);
  const cut = cutParts(watched.groups, EVENT_COLUMNS, bronzePrefix(day));
  if (previous?.commit.state === "sealed") {
    await verifySealed(previous.commit, cut, BRONZE, publication);
    return;
  }
  if (survey.rows < (previous?.commit.rows ?? 0)) throw shrunk(previous!.commit, survey.rows);
  if (survey.rows === 0) throw empty(window, await snapshot.neighbours(connection, window));

  const parts = await storeParts(lake, cut, !dryRun, watched.part);
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  if (rows !== survey.rows) {
    throw new Error(`the snapshot has ${survey.rows} rows, and ${rows} were copied`);
  }
  await snapshot.endSnapshot(connection);
  warnOfUnknownTypes(watched.eventTypes(), observer);

  const sealable = fence.sealable &&
    await stillComplete(connection, window, grace, rows, observer);
  const commit: BronzeCommit = {
    layer: "bronze",
    day,
    state: sealable ? "sealed" : "open",
    rows,
    minSeq: survey.minSeq,
    maxSeq: survey.maxSeq,
    contract: EVENT_CONTRACT,
    parts,
  };
  await publishWindow(commit, publication);
}

function tellSchema(connection: Connection, { unknown }: OutboxSchema, observer: Observer): void {
  observer.step({
    step: "outbox",
    says: `${OUTBOX_TABLE} in ${connection.name}`,
    data: { database: connection.name },
  });
  if (unknown.length === 0) return;
  observer.step({
    step: "columns",
    says: `not exported, for the contract does not know them: ${unknown.join(", ")}`,
    data: { unknown },
    warning: true,
  });
}

function tellFence({ sealable, reasons }: Fence, observer: Observer): void {
  const sealing = "the day is over, no earlier transaction is open";
  const says = sealable ? sealing : `the day stays open: ${reasons.join("; ")}`;
  observer.step({ step: "fence", says, data: { sealable, reasons } });
}

function refuseUnfit({ unfit, strays, strayCount }: Survey): void {
  const refuse = (problem: string, events: readonly string[], total: number) => {
    const list = events.slice(0, 5);
    if (total > list.length) list.push(`and ${total - list.length} more`);
    return new Failure(
      "data",
      `Cannot export ${OUTBOX_TABLE}: these events ${problem}: ${list.join("; ")}. ` +
        "Nothing was published. Correct them in the outbox, then run again.",
    );
  };
  if (unfit.length > 0) {
    const events = unfit.map(({ event_id, problems, row }) => {
      const values = problems.map(({ column }) => `${column} ${row[column] ?? "null"}`);
      return `${event_id} (${values.join(", ")})`;
    });
    throw refuse("do not fit the contract", events, events.length);
  }
  if (strayCount > 0) throw refuse("fall on no day, so none would export them", strays, strayCount);
}

function tellSurvey({ rows, minSeq, maxSeq }: Survey, observer: Observer): void {
  const range = minSeq === null ? "none with an event_seq" : `event_seq ${minSeq} to ${maxSeq}`;
  observer.step({
    step: "snapshot",
    says: `${plural(rows, "event")}, ${range}`,
    data: {
      rows,
      event_seq_min: minSeq === null ? null : String(minSeq),
      event_seq_max: maxSeq === null ? null : String(maxSeq),
    },
  });
}

const [ID, SEQ] = [0, 1];

const BRONZE: Layer = {
  columns: EVENT_COLUMNS,
  contract: EVENT_CONTRACT,
  source: "the outbox",
  describe: (row) => `event ${row[ID]}`,
  compare(a, b) {
    const [seqA, seqB] = [a[SEQ], b[SEQ]] as (bigint | null)[];
    if (seqA !== seqB) {
      if (seqA == null || seqB == null) return seqA == null ? 1 : -1;
      return seqA < seqB ? -1 : 1;
    }
    return a[ID]! < b[ID]! ? -1 : a[ID]! > b[ID]! ? 1 : 0;
  },
};

/** Looks at the fence once more, after everything was read. */
async function stillComplete(
  connection: Connection,
  window: Window,
  grace: bigint,
  copied: number,
  observer: Observer,
): Promise<boolean> {
  const fence = await readFence(connection, window, grace);
  const rows = await snapshot.countRows(connection, window);
  if (fence.sealable && rows === copied) return true;
  const reasons = rows === copied
    ? fence.reasons
    : [`${plural(rows - copied, "event")} came while the run was on`];
  observer.step({
    step: "fence",
    says: `the day stays open: ${reasons.join("; ")}`,
    data: { sealable: false, reasons },
    warning: true,
  });
  return false;
}

/** Counts what goes by: rows for the progress, event types for the warning. */
function watch(source: AsyncIterable<RowGroup>, of: number, observer: Observer) {
  const types = new Map<unknown, number>();
  const typeColumn = EVENT_COLUMNS.findIndex(({ name }) => name === "event_type");
  let rows = 0;
  let parts = 0;
  async function* groups() {
    for await (const group of source) {
      const column = group.columns[typeColumn]!;
      for (let i = 0; i < group.rows; i++) types.set(column[i], (types.get(column[i]) ?? 0) + 1);
      yield group;
      rows += group.rows;
      observer.progress({ rows, of, parts });
    }
  }
  return {
    groups: groups(),
    part(part: Part) {
      parts++;
      observer.step({
        step: "part",
        says: `${part.key}, ${plural(part.rows, "row")}, ${plural(part.bytes, "byte")}`,
        data: { ...part },
      });
    },
    /** Rows per event type. */
    eventTypes(): Map<string, number> {
      const byName = new Map<string, number>();
      for (const [bytes, count] of types) {
        const name = new TextDecoder().decode(bytes as Uint8Array);
        byName.set(name, (byName.get(name) ?? 0) + count);
      }
      return byName;
    },
  };
}

function warnOfUnknownTypes(counts: ReadonlyMap<string, number>, observer: Observer): void {
  const unknown = [...counts.keys()].filter((type) => !KNOWN_EVENT_TYPES.has(type)).sort();
  if (unknown.length === 0) return;
  const list = unknown.map((type) =>
    `${JSON.stringify(type)} (${plural(counts.get(type)!, "event")})`
  );
  observer.step({
    step: "event-types",
    says: `copied, though the contract does not know them: ${list.join(", ")}`,
    data: { unknown },
    warning: true,
  });
}

function notBegun(window: Window, now: bigint): Failure {
  return new Failure(
    "configuration",
    `Cannot export ${window.day}: that day has not begun; the database's clock says ` +
      `${formatMicros(now)}. Give a day that has, or none for today.`,
  );
}

function empty({ day }: Window, neighbours: readonly string[]): Failure {
  const near = neighbours.length === 0
    ? `${OUTBOX_TABLE} has no events at all. Check DJANGO_DB_NAME.`
    : `The nearest days with events are ${neighbours.join(" and ")}. Run one of them with --date.`;
  return new Failure(
    "data",
    `Cannot export ${day}: no event of ${OUTBOX_TABLE} falls on it, so nothing was published. ${near}`,
  );
}

function shrunk(commit: BronzeCommit, rows: number): Failure {
  return new Failure(
    "data",
    `Cannot export ${commit.day}: bronze has ${
      plural(commit.rows, "event")
    } of it, and ${OUTBOX_TABLE} ` +
      `only ${rows} now. Nothing was changed, so bronze keeps what the outbox lost. Find out who ` +
      "removed events from the outbox, or whether this is the wrong database.",
  );
}
