import { EVENT_COLUMNS } from "../contract/tables.ts";
import { Failure } from "../errors.ts";
import { createPageFile, type Page } from "../lake/page_file.ts";
import { type PartBody, TARGET_BYTES } from "../lake/parts.ts";
import type { CopyBlock } from "../outbox/copy_tap.ts";
import { fieldsOf, pageColumnsOf } from "./column_kinds.ts";
import { preciseTime, type Work } from "../progress.ts";
import { createRowReader, type FieldTable, NULL, TABLE_ROWS } from "./copy_rows.ts";
import { FIT } from "./page_column.ts";
import type { TextColumn } from "./text_columns.ts";
import { uuidText } from "./uuid_column.ts";

// The rows alone decide where row groups and parts end, so that equal rows give equal bytes,
// whatever the size of the blocks.

/** A row group ends at this number of rows or of bytes of COPY, whichever comes first. */
const GROUP_ROWS = 20_000;
const GROUP_BYTES = 8 << 20;
/**
 * A part ends at this number of bytes of COPY, even if it is much smaller after compression. Readers
 * limit the size of the decompressed pages and of the footer, which grows with every row group.
 */
const PART_BYTES = 1 << 30;
/** The size of almost every part, with its last row group and its footer, in bytes. */
const PART_CAPACITY = 17 << 20;
/**
 * A part also ends after this number of rows, counted from the first row of the day. Therefore, a
 * range of the day that begins at a multiple of it can be copied apart from the rest, and gives the
 * same parts.
 */
export const RANGE_ROWS: number = 250_000;

// A byte order mark is a character like any other.
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The rows of a window that become parts. */
export interface EventPartsOptions {
  /**
   * The number of rows of all copies, if it is known. A copy is not started if the copies before it
   * have all rows.
   */
  readonly rows?: number | undefined;
  /** The identities of the events to keep. The default is all events. */
  readonly only?: ReadonlySet<string> | undefined;
  /** The number of rows to keep, from the first one. The default is all rows. */
  readonly most?: number | undefined;
  /** The number of rows after which a part ends. The default is {@linkcode RANGE_ROWS}. */
  readonly rangeRows?: number | undefined;
  /** Called after each row group, with the number of rows read until now. */
  readonly onGroup?: ((rows: number) => void) | undefined;
  /** Called for each part, with the time that the copy and the encoding took. */
  readonly onWork?: ((work: Work) => void) | undefined;
}

/** An event that the decoder refused. A survey finds all such events of a window. */
export class RefusedEvent extends Failure {}

const SEQ = EVENT_COLUMNS.findIndex(({ name }) => name === "event_seq");
const TYPE = EVENT_COLUMNS.findIndex(({ name }) => name === "event_type");
const ID = EVENT_COLUMNS.findIndex(({ name }) => name === "event_id");

/** The events of a row group. */
export interface EventGroup {
  /** The number of rows. */
  readonly rows: number;
  /** The pages of the columns. They are valid until the next group is requested. */
  readonly pages: readonly Page[];
}

/** Turns the copies of a window, one after the other, into Parquet files or row groups. */
export interface EventParts {
  /**
   * Reads the copies and returns the files.
   *
   * @param copies copies of all columns, in the order of bronze
   * @throws {RefusedEvent} an event does not fit its columns, or is not in order. The copy is read to
   *   its end, so that the session can continue
   * @throws {Failure} data: the type of a column changed
   */
  read(copies: Iterable<AsyncIterable<CopyBlock>>): AsyncGenerator<PartBody>;
  /** Reads the copies, as {@linkcode read}, and returns the row groups of the files. */
  groups(copies: Iterable<AsyncIterable<CopyBlock>>): AsyncGenerator<EventGroup>;
  /** The number of kept rows of each event type, until now. */
  readonly eventTypes: ReadonlyMap<string, number>;
}

/**
 * Creates an encoder of events.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEventParts } from "./event_parts.ts";
 * assertEquals(await Array.fromAsync(createEventParts().read([])), []); // no copy, no part
 * ```
 */
export function createEventParts(options: EventPartsOptions = {}): EventParts {
  const { only, most = Infinity, rangeRows = RANGE_ROWS, onGroup = () => {}, onWork } = options;
  const reader = createRowReader(fieldsOf(EVENT_COLUMNS));
  const columns = pageColumnsOf(EVENT_COLUMNS);
  const types = columns[TYPE] as TextColumn;
  const confirmOrder = createOrderCheck();
  const eventTypes = new Map<string, number>();
  let read = 0;
  let kept = 0;
  let inRange = 0;
  let groupRows = 0;
  let groupBytes = 0;
  const stopwatch = createStopwatch(onWork);

  /** Encodes a block, and returns the row groups that it completes. */
  function* take(block: CopyBlock): Generator<MeasuredGroup> {
    const { table } = reader;
    for (let at = 0; at < block.length && kept < most;) {
      const room = Math.min(GROUP_ROWS - groupRows, rangeRows - inRange, most - kept);
      // Single rows, if some are left out, because the table has no size per row.
      at = reader.read(block, at, only === undefined ? room : 1, GROUP_BYTES - groupBytes);
      if (table.rows > 0) {
        read += table.rows;
        confirmOrder(block, table);
        if (only === undefined || isChosen(block, table, only)) append(block, table);
      }
      if (table.refused !== undefined) throw refusal(block, table, table.refused);
      const endsRange = inRange === rangeRows;
      if (groupRows < GROUP_ROWS && groupBytes < GROUP_BYTES && !endsRange) continue;
      yield* endGroup(endsRange);
      inRange %= rangeRows;
    }
  }

  function append(block: CopyBlock, table: FieldTable): void {
    for (let i = 0; i < columns.length; i++) {
      const row = columns[i]!.append(block, table.starts, table.rows);
      if (row !== FIT) {
        throw refused(block, table, row, i, `does not fit ${EVENT_COLUMNS[i]!.type}`);
      }
    }
    kept += table.rows;
    inRange += table.rows;
    groupRows += table.rows;
    groupBytes += table.bytes;
  }

  /** Returns the row group, and begins another one afterwards. */
  function* endGroup(endsRange: boolean): Generator<MeasuredGroup> {
    const pages = columns.map((column) => column.finish());
    for (const [bytes, rows] of types.counts()) {
      const type = UTF8.decode(bytes);
      eventTypes.set(type, (eventTypes.get(type) ?? 0) + rows);
    }
    onGroup(read);
    yield { rows: groupRows, pages, bytes: groupBytes, endsRange };
    for (const column of columns) column.reset();
    groupRows = groupBytes = 0;
  }

  async function* groups(
    copies: Iterable<AsyncIterable<CopyBlock>>,
  ): AsyncGenerator<MeasuredGroup> {
    for (const copy of copies) {
      if (read === options.rows) break;
      let failure: unknown;
      for await (const block of stopwatch.copied(copy)) {
        if (failure !== undefined) continue;
        try {
          yield* take(block);
        } catch (error) {
          if (!(error instanceof RefusedEvent)) throw error;
          failure = error;
        }
      }
      if (failure !== undefined) throw failure;
      if (kept < most) reader.end();
    }
    if (groupRows > 0) yield* endGroup(false);
  }

  return {
    async *read(copies) {
      let file = createPageFile(EVENT_COLUMNS, PART_CAPACITY);
      let fileBytes = 0;
      for await (const { rows, pages, bytes, endsRange } of groups(copies)) {
        file.write(rows, pages);
        fileBytes += bytes;
        if (file.bytes < TARGET_BYTES && fileBytes < PART_BYTES && !endsRange) continue;
        const part = { rows: file.rows, body: file.finish() };
        stopwatch.endPart();
        yield part;
        stopwatch.beginPart();
        file = createPageFile(EVENT_COLUMNS, PART_CAPACITY);
        fileBytes = 0;
      }
      if (file.rows === 0) return;
      const part = { rows: file.rows, body: file.finish() };
      stopwatch.endPart();
      yield part;
    },
    groups,
    eventTypes,
  };
}

/** Measures how long the rows of a part were waited for. The rest of the time, they were encoded. */
function createStopwatch(onWork: (work: Work) => void = () => {}) {
  let began: number | undefined;
  let firstBlock: number | undefined;
  let waitedUntil = 0;
  let waited = 0;
  const wait = (since: number) => {
    waitedUntil = preciseTime();
    waited += waitedUntil - since;
  };
  return {
    /** Returns the blocks of a copy, and measures the time until each of them, and the end, comes. */
    async *copied(copy: AsyncIterable<CopyBlock>): AsyncGenerator<CopyBlock> {
      let asked = preciseTime();
      began ??= asked;
      for await (const block of copy) {
        wait(asked);
        firstBlock ??= waitedUntil;
        yield block;
        asked = preciseTime();
      }
      wait(asked);
    },
    /** The block with the end of the last part can also have the first rows of the next one. */
    beginPart() {
      began = firstBlock = waitedUntil = preciseTime();
      waited = 0;
    },
    endPart() {
      const ended = preciseTime();
      const start = began ?? ended;
      onWork({ kind: "copy", began: start, ended: waitedUntil, busy: waited });
      const busy = ended - start - waited;
      onWork({ kind: "encode", began: firstBlock ?? start, ended, busy });
    },
  };
}

/** A row group, and the facts that decide whether a part ends with it. */
interface MeasuredGroup extends EventGroup {
  /** The number of bytes of the rows in the COPY. */
  readonly bytes: number;
  /** Whether a range of the day ends with the row group. */
  readonly endsRange: boolean;
}

/** Returns whether the only row of a table is one of the chosen events. */
function isChosen(
  { bytes }: CopyBlock,
  { starts }: FieldTable,
  chosen: ReadonlySet<string>,
): boolean {
  return chosen.has(uuidText(bytes, starts[ID * TABLE_ROWS]!));
}

/**
 * Creates a function that confirms that each event_seq is larger than the one before it, and that
 * events without one come last. Therefore, no two events can have the same event_seq.
 */
function createOrderCheck(): (block: CopyBlock, table: FieldTable) => void {
  let high = -Infinity;
  let low = 0;
  return (block, table) => {
    const { view } = block;
    const { starts, rows } = table;
    for (let i = 0, cell = SEQ * TABLE_ROWS; i < rows; i++, cell++) {
      const start = starts[cell]!;
      if (start === NULL) {
        high = Infinity;
        continue;
      }
      const nextHigh = view.getInt32(start);
      const nextLow = view.getUint32(start + 4);
      if (nextHigh < high || nextHigh === high && nextLow <= low) {
        throw refused(block, table, i, SEQ, "is not greater than that of the event before it");
      }
      high = nextHigh;
      low = nextLow;
    }
  };
}

function refusal(
  block: CopyBlock,
  table: FieldTable,
  { column, row, reason }: NonNullable<FieldTable["refused"]>,
): Failure {
  if (reason === "null") return refused(block, table, row, column, "is null");
  return new Failure({
    kind: "data",
    task: `export ${EVENT_COLUMNS[column]!.name}`,
    problem: "its values do not have the width of its type. A migration may have changed it just " +
      "now; nothing was published",
    remedy: "Run again.",
  });
}

function refused(
  { bytes }: CopyBlock,
  { starts }: FieldTable,
  row: number,
  column: number,
  problem: string,
): RefusedEvent {
  const id = starts[ID * TABLE_ROWS + row]!;
  return new RefusedEvent({
    kind: "data",
    task: `export event ${id === NULL ? "without an id" : uuidText(bytes, id)}`,
    problem: `its ${EVENT_COLUMNS[column]!.name} ${problem}`,
    remedy: "Correct the event in the outbox, then run again.",
  });
}
