import { type Lake, REQUESTS_IN_FLIGHT } from "./lake/lake.ts";
import type { Part } from "./lake/marker.ts";
import { compareBytes } from "./lake/page_encoding.ts";
import type { Chunk } from "./lake/parquet_pages.ts";
import { keepColumns, type KeptColumns, type PartialPart, type PartPlace } from "./kept_columns.ts";
import { type OpenPart, type Parts, partsOf, type ReadGroup } from "./open_parts.ts";
import type { EventGroup } from "./operations.ts";
import { type PageCodec, THIS_THREAD } from "./page_thread.ts";
import { inParallel, readAhead } from "./parallel.ts";
import { sortIndexes } from "./typed_columns.ts";

// A replay applies events in the order (event_seq, occurred_at, event_id), beginning with events
// without an event_seq. In bronze, those events are last, by event_id. An amended day has several
// sequences of parts, one from the first publication and one from each amendment. Each of them has
// this order.

/** The events of a day. */
export interface Events {
  /**
   * Reads the events, one row group after the other, with their places in the replay. Each call
   * reads all events again.
   *
   * @param names the columns to read
   * @throws {Failure} data: a part is missing or damaged, or its events are not in bronze's order
   */
  scan(names: readonly string[]): AsyncIterable<LocatedGroup>;
  /** Whether the parts stay in memory, so that no part is fetched twice. */
  readonly isInMemory: boolean;
  /** Whether a column of all parts that were scanned is in memory. */
  hasInMemory(name: string): boolean;
  /**
   * Begins to read parts with row groups that a scan found.
   *
   * @param isLast true if each column is read for the last time
   */
  parts(isLast: boolean): EventParts;
  /** Frees the memory of the parts. */
  close(): void;
}

/** A row group of bronze. */
export interface Location {
  /** The index of the sequence. */
  readonly sequence: number;
  /** The index of the part in its sequence. */
  readonly part: number;
  /** The index of the row group in its part. */
  readonly group: number;
}

/** Rows of a row group, and where the row group is. */
export interface LocatedGroup extends EventGroup {
  /** The row group. */
  readonly location: Location;
}

/** Opens parts. Opening in the order of the parts, or from the last one, fetches each part once. */
export interface EventParts {
  /** Opens columns of the part of a row group. Only the last two parts stay usable. */
  open(location: Location, names: readonly string[]): Promise<PartialPart>;
  /** Frees the memory of the part of a row group, unless it stays in memory for other readers. */
  release(location: Location): void;
  /** Frees the memory of columns that were read, unless they are read again. */
  finish(names: readonly string[]): void;
  /** Frees the memory of the parts, unless they stay in memory for other readers. */
  close(): void;
}

/** The events of one sequence that have no event_seq: all from one place on. */
interface Tail {
  /** The index of the part in which they begin. */
  readonly part: number;
  /** The index of the row group in which they begin. */
  readonly group: number;
  /** The place in the replay of each of these events, from 1. */
  readonly ranks: Uint32Array;
}

/** A row group whose events with an event_seq are the rows before `sequenced`. */
interface Loaded extends ReadGroup {
  readonly location: Location;
  readonly sequenced: number;
  readonly reader: OpenPart;
}

/** A day up to this size is in memory while it is replayed, in bytes. */
const MOST_KEPT = 80 << 20;
/** The size of the columns of a larger day that are in memory, in bytes. */
const MOST_OF_COLUMNS = 64 << 20;

/** Options of {@linkcode openEvents}. */
export interface EventsOptions {
  /** Decompresses the pages of scans. */
  readonly codec?: PageCodec | undefined;
  /** The largest size of a day that is in memory, in bytes. */
  readonly mostKept?: number | undefined;
  /** The columns of a larger day to keep in memory, as far as they fit. */
  readonly columns?: readonly string[] | undefined;
  /** The largest size of these columns, in bytes. */
  readonly mostOfColumns?: number | undefined;
}

/**
 * Opens the events of a day.
 *
 * @param parts the parts that the day's bronze marker lists
 */
export async function openEvents(
  lake: Lake,
  parts: readonly Part[],
  { codec = THIS_THREAD, mostKept = MOST_KEPT, columns = [], mostOfColumns = MOST_OF_COLUMNS }:
    EventsOptions = {},
): Promise<Events> {
  const allBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const keepsAll = allBytes <= mostKept;
  const listed = [...Map.groupBy(parts, ({ amendment = 0 }) => amendment).values()];
  const open = (most: number) => listed.map((own, i) => partsOf(lake, own, i, most, codec));
  const sequences = open(keepsAll ? Infinity : 2);
  const opened = keepsAll ? openAll(sequences) : Promise.resolve();
  const tails = rankTails(
    await inParallel(sequences, findTail).catch(async (error) => {
      await opened;
      throw error;
    }),
  );
  const kept = keepColumns(keepsAll ? [] : columns, mostOfColumns);
  const close = () => {
    kept.release(columns);
    sequences.forEach((each) => each.close());
  };
  const onPart: OnPart = (place, part) => {
    const { bytes } = listed[place.sequence]![place.part]!;
    kept.keep(place, part, bytes / allBytes);
  };
  return {
    async *scan(names) {
      const [only] = sequences;
      try {
        if (sequences.length > 1) yield* scanMerged(sequences, tails, names, onPart);
        else if (only !== undefined) yield* scan(only, tails[0]!, names, onPart);
      } finally {
        await opened;
      }
      if (!keepsAll) sequences.forEach((each) => each.close());
    },
    isInMemory: keepsAll,
    hasInMemory: (name) => keepsAll || kept.has(name),
    parts: (isLast) => keepsAll ? openerOfAll(sequences) : opener(open(2), kept, isLast),
    close,
  };
}

/**
 * Reads and verifies all parts at the same time, so that most of them are ready when they are used.
 *
 * @returns is fulfilled when no part is being read any more. A failure is reported where the part is
 *   used
 */
async function openAll(sequences: readonly Parts[]): Promise<void> {
  const all = sequences.flatMap((parts) =>
    Array.from({ length: parts.count }, (_, i) => [parts, i] as const)
  );
  await inParallel(all, ([parts, i]) => parts.open(i), REQUESTS_IN_FLIGHT).catch(() => {});
}

/** Events without an event_seq come out of order, with ranks. The others follow in order. */
async function* scan(
  parts: Parts,
  { part, group, ranks }: Tail,
  names: readonly string[],
  onPart: OnPart,
): AsyncGenerator<LocatedGroup> {
  let used = 0;
  const firstPart = ranks.length === 0 ? parts.count : part;
  const last = readParts(parts, names, onPart, firstPart, group);
  // If all parts are in memory, the first ones are decompressed while the last ones are used.
  const all = parts.most === Infinity ? readParts(parts, names, onPart) : undefined;
  try {
    for await (const loaded of groupsOf(last, parts)) {
      const { location, rows, sequenced, columns } = loaded;
      const own = placed(loaded, ranks, used);
      yield { from: sequenced, to: rows, columns, ranks: own, location };
      used += rows - sequenced;
      loaded.free();
    }
    const rises = orderChecker();
    for await (const loaded of groupsOf(all ?? readParts(parts, names, onPart), parts)) {
      rises(loaded);
      const { location, sequenced, columns } = loaded;
      if (sequenced > 0) yield { from: 0, to: sequenced, columns, ranks: undefined, location };
      loaded.free();
      if (location.part === part && location.group === group) break;
    }
  } finally {
    await all?.return(undefined);
  }
}

/** Merges sequences by event_seq. All events have ranks. */
async function* scanMerged(
  sequences: readonly Parts[],
  tails: readonly Tail[],
  names: readonly string[],
  onPart: OnPart,
): AsyncGenerator<LocatedGroup> {
  let placedCount = tails.reduce((sum, { ranks }) => sum + ranks.length, 0);
  const cursors = sequences.map((parts, i) => {
    return {
      groups: groupsOf(readParts(parts, names, onPart), parts),
      ranks: tails[i]!.ranks,
      used: 0,
      rises: orderChecker(),
    };
  });
  type Head = { loaded: Loaded; row: number; ranks: Uint32Array; cursor: typeof cursors[number] };
  const heads: Head[] = [];
  /** Loads the next row group with an event_seq. Row groups without one need no merge. */
  async function* advance(cursor: typeof cursors[number]): AsyncGenerator<LocatedGroup> {
    for (;;) {
      const { done, value: loaded } = await cursor.groups.next();
      if (done) return;
      cursor.rises(loaded);
      const ranks = placed(loaded, cursor.ranks, cursor.used);
      cursor.used += loaded.rows - loaded.sequenced;
      if (loaded.sequenced > 0) {
        heads.push({ loaded, row: 0, ranks, cursor });
        return;
      }
      yield allOf(loaded, ranks);
      loaded.free();
    }
  }
  try {
    for (const cursor of cursors) yield* advance(cursor);
    let previous: bigint | undefined;
    while (heads.length > 0) {
      const least = heads.reduce((a, b) => seqOf(b.loaded, b.row) < seqOf(a.loaded, a.row) ? b : a);
      const { loaded, ranks, cursor } = least;
      const seq = seqOf(loaded, least.row);
      if (previous !== undefined && seq <= previous) throw outOfOrder(loaded, least.row, previous);
      previous = seq;
      ranks[least.row++] = ++placedCount;
      if (least.row < loaded.sequenced) continue;
      heads.splice(heads.indexOf(least), 1);
      yield allOf(loaded, ranks);
      loaded.free();
      yield* advance(cursor);
    }
  } finally {
    await Promise.all(cursors.map(({ groups }) => groups.return(undefined)));
  }
}

function allOf({ location, rows, columns }: Loaded, ranks: Uint32Array): LocatedGroup {
  return { from: 0, to: rows, columns, ranks, location };
}

/** The ranks of a row group's rows; those of rows with an event_seq are 0. */
function placed({ rows, sequenced }: Loaded, ranks: Uint32Array, used: number): Uint32Array {
  const own = new Uint32Array(rows);
  own.set(ranks.subarray(used, used + rows - sequenced), sequenced);
  return own;
}

function seqOf({ columns }: Loaded, row: number): bigint {
  const { view, places } = columns.event_seq!;
  return view.getBigInt64(places[row]!, true);
}

/** Returns a function that confirms that row groups of one sequence are in bronze's order. */
function orderChecker(): (loaded: Loaded) => void {
  let last: readonly [number, number] = [-0x8000_0000, -1];
  let tail = false;
  return (loaded) => {
    const { sequenced, columns } = loaded;
    const { view, places } = columns.event_seq!;
    let [high, low] = last;
    for (let row = 0; row < sequenced; row++) {
      const place = places[row]!;
      if (place < 0 || tail) throw outOfOrder(loaded, row);
      const nextLow = view.getUint32(place, true);
      const nextHigh = view.getInt32(place + 4, true);
      if (nextHigh < high || nextHigh === high && nextLow <= low) {
        throw outOfOrder(loaded, row, BigInt(high) << 32n | BigInt(low));
      }
      high = nextHigh;
      low = nextLow;
    }
    last = [high, low];
    tail ||= sequenced < loaded.rows;
  };
}

function outOfOrder(
  { reader, location, columns }: Loaded,
  row: number,
  previous?: bigint,
): Error {
  const ids = reader.read(location.group, ["event_id"]).columns.event_id!;
  const id = new TextDecoder().decode(textAt(ids, ids.places[row]!));
  const { view, places } = columns.event_seq!;
  return reader.malformed(
    places[row]! < 0
      ? `event ${id} without event_seq is not at the end`
      : `event ${id} with event_seq ${view.getBigInt64(places[row]!, true)} comes after ` +
        (previous === undefined ? "an event without event_seq" : `event_seq ${previous}`),
  );
}

function textAt({ bytes, view }: Chunk, place: number): Uint8Array {
  return bytes.subarray(place, place + view.getUint32(place - 4, true));
}

/** Times and ids of the events of one row group that have no event_seq. */
interface Unsequenced {
  readonly times: BigInt64Array;
  readonly ids: Chunk;
  /** The first row. */
  readonly from: number;
}

/** The place of a tail, and its events in bronze's order. */
interface FoundTail extends Omit<Tail, "ranks"> {
  readonly events: readonly Unsequenced[];
}

/** Searches a sequence from its end. Row groups before the last event_seq are not read. */
async function findTail(parts: Parts): Promise<FoundTail> {
  let found: FoundTail = { part: parts.count, group: 0, events: [] };
  for (let part = parts.count - 1; part >= 0; part--) {
    const reader = await parts.open(part);
    for (let group = reader.groupCount - 1; group >= 0; group--) {
      const { rows, columns } = reader.read(group, ["event_seq"]);
      if (rows === 0) continue;
      const sequenced = sequencedRows(columns.event_seq!);
      if (sequenced === rows) return found;
      const { occurred_at, event_id } = reader.read(group, ["occurred_at", "event_id"]).columns;
      const { view, places } = occurred_at!;
      const times = BigInt64Array.from(
        places.subarray(sequenced),
        (place) => view.getBigInt64(place, true),
      );
      const ids = copyOf(event_id!);
      const events = [{ times, ids, from: sequenced }, ...found.events];
      found = { part, group, events };
      if (sequenced > 0) return found;
    }
  }
  return found;
}

/** A chunk that stays usable after its part is closed. */
function copyOf(chunk: Chunk): Chunk {
  const bytes = chunk.bytes.slice();
  return { ...chunk, bytes, view: new DataView(bytes.buffer) };
}

/** The number of rows up to the last one that has an event_seq. */
function sequencedRows({ places }: Chunk): number {
  return places.findLastIndex((place) => place >= 0) + 1;
}

/** Ranks the events without an event_seq by time, then by id. */
function rankTails(found: readonly FoundTail[]): Tail[] {
  const events = found.flatMap((tail) => tail.events);
  const count = events.reduce((sum, { times }) => sum + times.length, 0);
  const times = new BigInt64Array(count);
  const [owners, rows] = [new Uint32Array(count), new Uint32Array(count)];
  let at = 0;
  events.forEach((own, owner) => {
    times.set(own.times, at);
    for (let i = 0; i < own.times.length; i++, at++) {
      owners[at] = owner;
      rows[at] = own.from + i;
    }
  });
  const idOf = (event: number) => {
    const { ids } = events[owners[event]!]!;
    return textAt(ids, ids.places[rows[event]!]!);
  };
  const order = sortIndexes(
    Uint32Array.from(rows, (_, i) => i),
    [new Int32Array(times.buffer)],
  );
  for (let from = 0; from < count;) {
    let to = from + 1;
    while (to < count && times[order[to]!] === times[order[from]!]) to++;
    if (to > from + 1) order.subarray(from, to).sort((a, b) => compareBytes(idOf(a), idOf(b)));
    from = to;
  }
  const ranks = new Uint32Array(count);
  order.forEach((event, place) => ranks[event] = place + 1);
  let used = 0;
  return found.map(({ part, group, events: own }) => {
    const length = own.reduce((sum, each) => sum + each.times.length, 0);
    used += length;
    return { part, group, ranks: ranks.subarray(used - length, used) };
  });
}

/** The number of parts whose pages are decompressed ahead, if the parts are in memory. */
const PARTS_AHEAD = 3;
/** The size of these parts, in bytes. A single one may be larger. */
const BYTES_AHEAD = 32 << 20;

/** Receives each part that is read, before its row groups. */
type OnPart = (place: PartPlace, part: OpenPart) => void;

/** A part whose row groups are read from one on. */
interface ReadPart {
  readonly part: number;
  readonly first: number;
  readonly reader: OpenPart;
  readonly groups: Iterable<ReadGroup>;
}

/**
 * Reads parts one after the other, with event_seq besides the named columns. The reading begins at
 * once.
 */
function readParts(
  parts: Parts,
  names: readonly string[],
  onPart: OnPart,
  firstPart = 0,
  firstGroup = 0,
): AsyncGenerator<ReadPart> {
  const read = async (part: number): Promise<ReadPart> => {
    const reader = await parts.open(part);
    const first = part === firstPart ? firstGroup : 0;
    const groups = await reader.readFrom(first, ["event_seq", ...names]);
    onPart({ sequence: parts.sequence, part }, reader);
    return { part, first, reader, groups };
  };
  const indexes = Array.from(
    { length: Math.max(0, parts.count - firstPart) },
    (_, i) => firstPart + i,
  );
  return readAhead(indexes, read, {
    count: Math.min(parts.most - 1, PARTS_AHEAD),
    size: BYTES_AHEAD,
    sizeOf: (part) => parts.bytes(part),
  });
}

/** The row groups of parts that are read. */
async function* groupsOf(
  read: AsyncGenerator<ReadPart>,
  parts: Parts,
): AsyncGenerator<Loaded> {
  for await (const { part, first, reader, groups } of read) {
    let group = first;
    for (const { rows, columns, free } of groups) {
      const location = { sequence: parts.sequence, part, group: group++ };
      if (rows === 0) continue;
      const sequenced = sequencedRows(columns.event_seq!);
      yield { location, rows, sequenced, columns, reader, free };
    }
  }
}

/** Opens parts that all stay in memory. */
function openerOfAll(sequences: readonly Parts[]): EventParts {
  return {
    open: ({ sequence, part }) => sequences[sequence]!.open(part),
    release() {},
    finish() {},
    close() {},
  };
}

/** Opens parts of sequences, or the columns of them that were kept. */
function opener(sequences: readonly Parts[], kept: KeptColumns, isLast: boolean): EventParts {
  return {
    async open(location, names) {
      return kept.open(location, names) ?? await sequences[location.sequence]!.open(location.part);
    },
    release: ({ sequence, part }) => sequences[sequence]!.release(part),
    finish(names) {
      if (isLast) kept.release(names);
    },
    close: () => sequences.forEach((each) => each.close()),
  };
}
