import type { Value } from "../../pipeline/contract/column.ts";
import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import {
  EVENT_COLUMNS,
  EVENT_TIMES,
  EXECUTION_COLUMNS,
  EXECUTION_STATUS,
} from "../../pipeline/contract/tables.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import type { Part } from "../../pipeline/lake/marker.ts";
import { createPageFile } from "../../pipeline/lake/page_file.ts";
import { openPart } from "../../pipeline/lake/parquet_reader.ts";
import type { PageCodec } from "../../pipeline/page_thread.ts";
import { SOURCE_NAMES } from "../../pipeline/execution_columns.ts";
import { replayEvents } from "../../pipeline/replay.ts";
import { openEvents } from "../../pipeline/replay_order.ts";
import { DAY } from "./days.ts";
import { createPart, type RowGroup } from "./parquet_writer.ts";

/** An event of bronze: its values by column. Absent columns are null. */
export type BronzeEvent = Readonly<Record<string, Value>>;

/** The row groups of one part. */
export type PartGroups = readonly (readonly BronzeEvent[])[];

/** An execution of silver: its values by column. */
export type Execution = Readonly<Record<string, Value>>;

/** Encodes a price, in units of 0.00000001, as nine bytes. */
export function price(unscaled: bigint): Uint8Array {
  const out = new DataView(new ArrayBuffer(9));
  out.setInt8(0, unscaled < 0n ? -1 : 0);
  out.setBigInt64(1, unscaled);
  return new Uint8Array(out.buffer);
}

/** Stores parts of bronze. Each sequence is a publication or an amendment, in bronze's order. */
export async function storeBronze(
  lake: Lake,
  sequences: readonly (readonly PartGroups[])[],
): Promise<Part[]> {
  const parts: Part[] = [];
  for (const [amendment, sequence] of sequences.entries()) {
    for (const groups of sequence) {
      const part = createPart(EVENT_COLUMNS);
      for (const events of groups) part.write(rowGroup(events));
      const { body, rows, sha256 } = part.finish();
      const key = `${bronzePrefix(DAY)}part-${parts.length}.parquet`;
      await lake.put(key, body);
      const added = amendment === 0 ? {} : { amendment };
      parts.push({ key, rows, bytes: body.length, sha256, ...added });
    }
  }
  return parts;
}

/** Events as a row group of bronze. */
function rowGroup(events: readonly BronzeEvent[]): RowGroup {
  const columns = EVENT_COLUMNS.map(({ name }) => events.map((event) => event[name] ?? null));
  return { rows: events.length, columns };
}

/** The result of a replay. */
export interface Replayed {
  /** The executions in the order of silver. */
  readonly executions: Execution[];
  /** The Parquet file with all row groups, to compare bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The number of rows of each row group. */
  readonly groups: number[];
  /** The clients that the replay announces. */
  readonly clients: Set<bigint>;
  /** The largest number of operations in memory. */
  readonly most: number;
  /** The number of ranges that were replayed. */
  readonly ranges: number;
}

/**
 * Replays parts of bronze.
 *
 * @param most the largest number of operations in memory
 * @param codec decompresses and compresses pages
 * @param mostKept the largest size of the parts that stay in memory, in bytes
 * @param mostOfColumns the largest size of the columns that stay in memory otherwise, in bytes
 */
export async function replayParts(
  lake: Lake,
  parts: readonly Part[],
  most?: number,
  codec?: PageCodec,
  mostKept?: number,
  mostOfColumns = 0,
): Promise<Replayed> {
  const events = parts.reduce((sum, { rows }) => sum + rows, 0);
  const opened = await openEvents(lake, parts, {
    codec,
    mostKept,
    columns: SOURCE_NAMES,
    mostOfColumns,
  });
  const replay = await replayEvents(opened, events, { most, codec });
  const file = createPageFile(EXECUTION_COLUMNS);
  const found = { groups: [] as number[], most: replay.capacity, ranges: 0 };
  for await (const { groups } of replay.ranges()) {
    found.ranges++;
    for (const { rows, pages } of groups) {
      found.groups.push(rows);
      file.writeCompressed(rows, pages);
    }
  }
  const body = file.finish();
  const executions: Execution[] = [];
  const names = EXECUTION_COLUMNS.map(({ name }) => name);
  for await (const { rows, columns } of openPart(body).groups(names)) {
    for (let i = 0; i < rows; i++) {
      executions.push(Object.fromEntries(names.map((name, c) => [name, columns[c]![i]!])));
    }
  }
  return { executions, body, clients: new Set(replay.clients), ...found };
}

/**
 * Replays events in the plainest way: sorts them, and lets each event overwrite the values of its
 * operation.
 */
export function referenceReplay(events: readonly BronzeEvent[]): Execution[] {
  const operations = new Map<Value, Record<string, Value>>();
  for (const event of events.toSorted(inReplayOrder)) {
    const status = EXECUTION_STATUS.get(event.event_type as string);
    if (status === undefined) continue;
    const before = operations.get(event.operation_id!);
    const execution: Record<string, Value> = before ??
      Object.fromEntries(EXECUTION_COLUMNS.map(({ name }) => [name, null]));
    for (const { name } of EXECUTION_COLUMNS) execution[name] = event[name] ?? execution[name]!;
    execution.execution_id = event.event_id!;
    execution.status = status;
    const time = EVENT_TIMES.get(event.event_type as string);
    if (time !== undefined) execution[time] = event.occurred_at!;
    operations.set(event.operation_id!, execution);
  }
  const compare = (a: Value, b: Value) => (a! < b! ? -1 : a! > b! ? 1 : 0);
  return [...operations.values()].sort((a, b) =>
    compare(a.client_id!, b.client_id!) || compare(a.operation_id!, b.operation_id!)
  );
}

/** Orders events by event_seq (nulls first), occurred_at and event_id. */
function inReplayOrder(a: BronzeEvent, b: BronzeEvent): number {
  for (const name of ["event_seq", "occurred_at", "event_id"]) {
    const [x, y] = [a[name] ?? null, b[name] ?? null];
    if (x === y) continue;
    if (x === null || y === null) return x === null ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

/** Orders events as bronze does: by event_seq (nulls last), then by event_id. */
export function inBronzeOrder(a: BronzeEvent, b: BronzeEvent): number {
  const [x, y] = [a.event_seq ?? null, b.event_seq ?? null];
  if (x !== y) {
    if (x === null || y === null) return x === null ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return a.event_id! < b.event_id! ? -1 : 1;
}

const QUIET: BronzeEvent = {
  event_type: "STOP_TRIGGERED",
  operation_id: 1n,
  client_id: 1n,
  occurred_at: 1766930591_000000n,
  symbol: "BTCUSDC",
  source: "ws",
};

/** An event of operation 1, with these changes. */
export const event = (changes: BronzeEvent = {}): BronzeEvent => ({ ...QUIET, ...changes });

/** Returns the id of the event with this number. */
export function idOf(number: number): string {
  return `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`;
}
