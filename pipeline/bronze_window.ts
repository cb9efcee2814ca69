import type { DatabaseConfig } from "./config.ts";
import { BRONZE, compareGroups, type Differences } from "./compare.ts";
import { bronzeMarkerKey, bronzePrefix } from "./contract/keys.ts";
import { EVENT_COLUMNS, KNOWN_EVENT_TYPES } from "./contract/tables.ts";
import { formatMicros, type Window } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { startRun } from "./lake/lifetimes.ts";
import type { Publication } from "./lake/commit.ts";
import type { Lake } from "./lake/lake.ts";
import { type BronzeCommit, type Part, readMarker, type StoredMarker } from "./lake/marker.ts";
import type { PartBody } from "./lake/parts.ts";
import type { RunSource } from "./lake/source_record.ts";
import type { ConnectOptions } from "./outbox/client.ts";
import type { Connection } from "./outbox/connection.ts";
import { type Fence, readFence } from "./outbox/fence.ts";
import { type OutboxSchema, readSchema } from "./outbox/schema.ts";
import * as snapshot from "./outbox/window_rows.ts";
import type { SharedSnapshot } from "./outbox/window_rows.ts";
import { countEvents, type Survey, survey, type UnfitEvent } from "./outbox/survey.ts";
import { workersFor } from "./parallel.ts";
import {
  createEventParts,
  type EventGroup,
  RANGE_ROWS,
  RefusedEvent,
} from "./pages/event_parts.ts";
import { NAMED, type Observer, plural, type Work } from "./progress.ts";
import { groupOfPages, type RowGroup } from "./row_groups.ts";
import { confirmSource } from "./source.ts";
import { contractText, describeUnfit, quarantinedIds, readQuarantine } from "./quarantine.ts";

/** The options of a run for one window. */
export interface WindowOptions {
  /** The outbox's database. */
  readonly database: DatabaseConfig;
  /** Time limits and messages for waiting for the database. */
  readonly patience?: Pick<ConnectOptions, "silence" | "onWait">;
  /** The lake that contains bronze. */
  readonly lake: Lake;
  /** Grace period for slow writers after the end of a window, in microseconds. */
  readonly grace: bigint;
  /**
   * A source of the lake that is the outbox under an earlier name, or before a move, as
   * `formatSource` writes it. The run records the new name.
   */
  readonly earlierSource?: string | undefined;
  /** True to skip storing and removing objects. */
  readonly dryRun?: boolean;
  /** Receives the steps and the progress of the run. */
  readonly observer: Observer;
  /** The most workers that copy a large day. The default depends on the number of cores. */
  readonly workers?: number | undefined;
  /** The number of rows that a worker copies at a time. The default is {@linkcode RANGE_ROWS}. */
  readonly rangeRows?: number | undefined;
}

/** How a large window is divided among workers. */
export interface RangeOptions {
  /** The most workers. With less than two, the run uses no worker. */
  readonly workers: number;
  /** The number of rows of a range. */
  readonly rows: number;
  /** The outbox's database. */
  readonly database: DatabaseConfig;
  /** Milliseconds that the database may send nothing while a response is pending. */
  readonly silence: number | undefined;
}

/** The window of a run: its published state in bronze, and whether it can still grow. */
export interface WindowRun {
  /** The outbox. */
  readonly connection: Connection;
  /** The day. */
  readonly window: Window;
  /** The columns of the outbox. */
  readonly schema: OutboxSchema;
  /** The table that the run reads, and the record of the lake. */
  readonly source: RunSource;
  /** Bronze as it was when the run began. */
  readonly previous: StoredMarker<BronzeCommit> | undefined;
  /** The state that publishing needs. */
  readonly publication: Publication;
  /** The fence, which says whether the window can still grow. */
  readonly fence: Fence;
  /** The same as in {@linkcode WindowOptions}. */
  readonly grace: bigint;
  /** Receives the steps and the progress of the run. */
  readonly observer: Observer;
  /** How a large window is divided among workers. */
  readonly ranges: RangeOptions;
}

/**
 * Reads the schema, the marker, the listing and the fence, in the order that publishing relies on: a run
 * that publishes a newer state afterwards changes the marker, and this run's marker is then refused.
 *
 * @throws {Failure} the outbox does not fit the contract, or the day has not begun
 */
export async function beginWindow(
  connection: Connection,
  window: Window,
  options: WindowOptions,
): Promise<WindowRun> {
  const { lake, grace, dryRun = false, observer, database, patience } = options;
  const { workers = workersFor(navigator.hardwareConcurrency), rangeRows = RANGE_ROWS } = options;
  const ranges = { workers, rows: rangeRows, database, silence: patience?.silence };
  const began = startRun();
  const schema = await readSchema(connection);
  reportSchema(connection, schema, observer);
  const key = bronzeMarkerKey(window.day);
  const previous = await readMarker(lake, "bronze", key, window.day);
  const listed = await lake.list(bronzePrefix(window.day));
  const { earlierSource } = options;
  const question = { connection, day: window.day, commit: previous?.commit };
  const source = await confirmSource({ ...question, lake, earlierSource, observer });
  const publication = { lake, key, previous, listed, began, source, dryRun, observer };
  const fence = await readFence(connection, window, grace);
  if (fence.now < window.start) throw windowNotBegun(window, fence.now);
  const isSealed = previous?.commit.state === "sealed";
  reportFence(fence, { isOver: fence.now >= window.end + grace, isSealed }, observer);
  const found = { connection, window, schema, source, previous, publication, fence };
  return { ...found, grace, observer, ranges };
}

/** Begins the snapshot that the run reads, and surveys the window in it. */
export async function surveyWindow(run: WindowRun): Promise<Survey> {
  run.connection.beginSnapshot();
  return await surveyFully(run, run.schema);
}

/**
 * Begins the snapshot that the run reads, counts the window in it, and works with the result. A
 * survey would take a quarter of the time of a copy, so it only runs if the window may have events
 * that do not fit the contract, or if the work meets one. In the latter case, the work runs again.
 *
 * @param work reads the events, and throws a {@linkcode RefusedEvent} if one does not fit. It gets the
 *   snapshot if it can divide the window into ranges
 */
export async function workOnWindow(
  run: WindowRun,
  work: (survey: Survey, shared?: SharedSnapshot | Failure) => Promise<void>,
): Promise<void> {
  const { connection, window, schema, previous, ranges } = run;
  const isUnique = ["event_id", "event_seq"].every((column) => schema.unique.has(column));
  if (!isUnique || schema.wider.size > 0 || previous?.commit.quarantine !== undefined) {
    connection.beginSnapshot();
    return await work(await surveyFully(run, schema));
  }
  let shared: SharedSnapshot | Failure | undefined;
  if (ranges.workers < 2) connection.beginSnapshot();
  else shared = await snapshot.beginSharedSnapshot(connection);
  const counted = await countEvents(connection, window);
  await reportSurvey(counted, run);
  reportUnfit(counted, run);
  try {
    return await work(counted, shared);
  } catch (error) {
    if (!(error instanceof RefusedEvent)) throw error;
  }
  // The refused event may have the event_seq of another one, whatever the schema says.
  await work(await surveyFully(run, { ...schema, unique: new Set() }));
}

async function surveyFully(run: WindowRun, schema: OutboxSchema): Promise<Survey> {
  const found = await survey(run.connection, run.window, schema);
  await reportSurvey(found, run);
  reportUnfit(found, run);
  return found;
}

/** The differences between a window of the outbox and bronze. */
export interface BronzeDifferences extends Differences {
  /** Events that do not fit the contract, and that are in neither bronze nor its quarantine. */
  readonly newlyUnfit: readonly UnfitEvent[];
  /** Events that do not fit the contract, except those with earlier values in bronze. */
  readonly unfit: readonly UnfitEvent[];
  /** Quarantined events that are no longer in the outbox. */
  readonly gone: readonly UnfitEvent[];
}

/** A comparison of a window of the outbox with bronze. */
export interface BronzeComparison extends BronzeDifferences {
  /** The number of events that were read from the outbox. */
  readonly rows: number;
}

/**
 * Compares a published window with the outbox, row by row if the parts differ. An event in bronze
 * that no longer fits the contract counts as altered, not as lost.
 *
 * @param survey the result in the same snapshot. Without a number of rows, all rows are read as well
 * @throws {Failure} data: a part or the quarantine is missing or damaged
 */
export async function compareBronze(
  { connection, window, schema, observer }: Pick<
    WindowRun,
    "connection" | "window" | "schema" | "observer"
  >,
  lake: Lake,
  { rows, unfit }: Pick<Survey, "unfit"> & Partial<Pick<Survey, "rows">>,
  published: BronzeCommit,
): Promise<BronzeComparison> {
  let read = 0;
  const onGroup = (rowsRead: number) => {
    read = rowsRead;
    observer.progress({ rows: read, of: rows ?? read, parts: 0 });
  };
  const encoder = createEventParts({ rows, onGroup });
  const copies = snapshot.copyEvents(connection, window, schema, unfit.length > 0);
  const expected = rowGroups(encoder.groups(copies));
  const found = await compareGroups(lake, published, expected, BRONZE);
  const noLongerFit = new Set(
    unfit.flatMap(({ event_id }) =>
      event_id !== null && found.lost.has(event_id) ? [event_id] : []
    ),
  );
  const outside = unfit.filter(({ event_id }) => event_id === null || !noLongerFit.has(event_id));
  const before = await readQuarantine(lake, window.day, published.quarantine);
  const known = new Set(before.events.map(contractText));
  const present = new Set(unfit.map(contractText));
  const here = quarantinedIds({ events: unfit }).union(found.late);
  const values = unfit.filter(({ event_id }) => event_id !== null && noLongerFit.has(event_id));
  return {
    rows: read,
    late: found.late,
    lost: found.lost.difference(noLongerFit),
    altered: found.altered.union(noLongerFit),
    named: {
      late: found.named.late,
      lost: found.named.lost.filter(({ id }) => !noLongerFit.has(id)),
      altered: [
        ...found.named.altered,
        ...values.map((event) => ({
          id: event.event_id!,
          text: `event ${describeUnfit(event)} no longer fits the contract`,
          values: [],
        })),
      ],
    },
    unfit: outside,
    newlyUnfit: outside.filter((event) => !known.has(contractText(event))),
    gone: before.events.filter((event) =>
      event.event_id === null ? !present.has(contractText(event)) : !here.has(event.event_id)
    ),
  };
}

async function* rowGroups(groups: AsyncIterable<EventGroup>): AsyncGenerator<RowGroup> {
  for await (const { rows, pages } of groups) yield groupOfPages(EVENT_COLUMNS, rows, pages);
}

/**
 * Checks the fence again after all rows were read.
 *
 * @param counted number of rows of the window in the snapshot, including those that do not fit
 */
export async function stillComplete(
  { connection, window, grace, observer }: WindowRun,
  counted: number,
): Promise<boolean> {
  const fence = await readFence(connection, window, grace);
  const rows = await snapshot.countRows(connection, window);
  if (fence.sealable && rows === counted) return true;
  const reasons = rows === counted ? fence.reasons : [describeNewRows(rows - counted)];
  observer.step({
    step: "fence",
    says: `the day stays open: ${reasons.join("; ")}`,
    data: { sealable: false, reasons },
    warning: true,
  });
  return false;
}

function describeNewRows(more: number): string {
  return more > 0
    ? `${plural(more, "event")} came during the run`
    : `${plural(-more, "event")} went during the run`;
}

/** The events of a window on their way into parts. */
export interface EncodedEvents {
  /** The Parquet files, as they are completed. */
  readonly files: AsyncGenerator<PartBody>;
  /** Reports a part that is being stored. */
  part(part: Part): void;
  /** Reports the time that a part took. */
  work(work: Work): void;
  /** Number of encoded rows by event type. */
  readonly eventTypes: ReadonlyMap<string, number>;
}

/**
 * Reads the events of a window from the outbox and encodes them, and reports the progress.
 *
 * @param survey the result in the same snapshot; events that it found to be unfit are left out
 * @param only the identities of the events to encode; the default is all events
 */
export function encodeEvents(
  { connection, window, schema, observer, ranges }:
    & Pick<WindowRun, "connection" | "window" | "schema" | "observer">
    & Partial<Pick<WindowRun, "ranges">>,
  { rows: of, unfit }: Pick<Survey, "rows" | "unfit">,
  only?: ReadonlySet<string>,
): EncodedEvents {
  let parts = 0;
  const onGroup = (rows: number) => observer.progress({ rows, of, parts });
  const onWork = (work: Work) => observer.work?.(work);
  const encoder = createEventParts({ rows: of, only, rangeRows: ranges?.rows, onGroup, onWork });
  return {
    files: encoder.read(snapshot.copyEvents(connection, window, schema, unfit.length > 0)),
    part(part: Part) {
      parts++;
      observer.step({
        step: "part",
        says: `${part.key}, ${plural(part.rows, "row")}, ${plural(part.bytes, "byte")}`,
        data: { key: part.key, rows: part.rows, bytes: part.bytes, sha256: part.sha256 },
      });
    },
    work: onWork,
    eventTypes: encoder.eventTypes,
  };
}

/** Warns of event types that the contract does not list. */
export function warnOfUnknownTypes(counts: ReadonlyMap<string, number>, observer: Observer): void {
  const unknown = [...counts.keys()].filter((type) => !KNOWN_EVENT_TYPES.has(type)).sort();
  if (unknown.length === 0) return;
  const list = unknown.map((type) =>
    `${JSON.stringify(type)} (${plural(counts.get(type)!, "event")})`
  );
  observer.step({
    step: "event-types",
    says: `copied, although the contract does not list them: ${list.join(", ")}`,
    data: { unknown },
    warning: true,
  });
}

function reportSchema(connection: Connection, { unknown }: OutboxSchema, observer: Observer): void {
  observer.step({
    step: "outbox",
    says: `${connection.table} in ${connection.name}`,
    data: { database: connection.name },
  });
  if (unknown.length === 0) return;
  observer.step({
    step: "columns",
    says: `not exported, because the contract does not contain them: ${unknown.join(", ")}`,
    data: { unknown },
    warning: true,
  });
}

/**
 * Reports whether events can still come. A day that is over and stays open is a warning. A sealed day
 * stays sealed.
 */
function reportFence(
  { sealable, reasons }: Fence,
  { isOver, isSealed }: { readonly isOver: boolean; readonly isSealed: boolean },
  observer: Observer,
): void {
  const state = isSealed
    ? "the day is sealed, but late events can still come"
    : "the day stays open";
  const says = sealable
    ? "the day is over and no earlier transaction is open"
    : `${state}: ${reasons.join("; ")}`;
  const warning = isOver && !sealable ? { warning: true } : {};
  observer.step({ step: "fence", says, data: { sealable, reasons }, ...warning });
}

async function reportSurvey(
  { rows, minSeq, maxSeq }: Survey,
  { connection, window, observer }: WindowRun,
): Promise<void> {
  const range = minSeq === null ? "none with an event_seq" : `event_seq ${minSeq} to ${maxSeq}`;
  const nearby = rows > 0 ? [] : await snapshot.neighbours(connection, window);
  const says = rows > 0
    ? `${plural(rows, "event")}, ${range}`
    : `no events; ${nearestDays(nearby, connection.table)}`;
  observer.step({
    step: "snapshot",
    says,
    // A table without a single event is more likely the wrong database than an uneventful day.
    ...(rows === 0 && nearby.length === 0 ? { warning: true } : {}),
    data: {
      rows,
      event_seq_min: minSeq === null ? null : String(minSeq),
      event_seq_max: maxSeq === null ? null : String(maxSeq),
    },
  });
}

function nearestDays(days: readonly string[], table: string): string {
  if (days.length === 0) {
    return `${table} has no events on any other day. Check DJANGO_DB_NAME and OUTBOX_TABLE`;
  }
  return days.length === 1
    ? `the nearest day with events is ${days[0]}`
    : `the nearest days with events are ${days.join(" and ")}`;
}

function reportUnfit(
  { unfit, strays, strayCount }: Survey,
  { connection: { table }, observer }: Pick<WindowRun, "connection" | "observer">,
): void {
  if (unfit.length > 0) {
    const list = unfit.slice(0, NAMED).map(describeUnfit).join("; ");
    const more = unfit.length > NAMED ? `; and ${unfit.length - NAMED} more` : "";
    observer.step({
      step: "quarantine",
      says: `${plural(unfit.length, "event")} ` +
        `${unfit.length === 1 ? "does not fit" : "do not fit"} the Parquet types and ` +
        `${unfit.length === 1 ? "goes" : "go"} into the quarantine: ${list}${more}`,
      data: {
        events: unfit.length,
        event_ids: unfit.slice(0, NAMED).map(({ event_id }) => event_id ?? "null"),
      },
      warning: true,
    });
  }
  if (strayCount > 0) {
    const more = strayCount > strays.length ? ` and ${strayCount - strays.length} more` : "";
    observer.step({
      step: "strays",
      says: `${plural(strayCount, "event")} of ${table} ${
        strayCount === 1 ? "has" : "have"
      } no valid occurred_at, so no run copies ${strayCount === 1 ? "it" : "them"}: ${
        strays.join(", ")
      }${more}. Correct occurred_at in the outbox`,
      data: { events: strayCount, event_ids: strays },
      warning: true,
    });
  }
}

function windowNotBegun(window: Window, now: bigint): Failure {
  return new Failure({
    kind: "configuration",
    task: `export ${window.day}`,
    problem: `the day has not begun; the database's clock is at ${formatMicros(now)}`,
    remedy: "Use an earlier day, or omit the day to run for today.",
  });
}
