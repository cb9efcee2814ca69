import type { Lake } from "./lake/lake.ts";
import type { Column } from "./contract/column.ts";
import { EVENT_CONTRACT, EXECUTION_CONTRACT } from "./contract/fingerprint.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "./contract/tables.ts";
import { formatValue } from "./contract/value_text.ts";
import { CONTRACT } from "./contract/contract_file.ts";
import { Failure } from "./errors.ts";
import type { BronzeCommit, Part, SilverCommit } from "./lake/marker.ts";
import { openPart } from "./lake/parquet_reader.ts";
import { fetchParts, type NewPart } from "./lake/parts.ts";
import type { Order, Row } from "./merge.ts";
import { NAMED } from "./progress.ts";
import {
  compareCells,
  currentRow,
  equalRows,
  equalValues,
  groupsOf,
  loadGroup,
  needsGroup,
  openCursor,
  type RowCursor,
  type RowGroup,
  storedGroups,
} from "./row_groups.ts";

/** Bronze or silver: its columns, its order and the identity of its rows. */
export interface Layer {
  /** The layer's columns, in order. */
  readonly columns: readonly Column[];
  /** The fingerprint of the columns. */
  readonly contract: string;
  /** Orders rows as the layer does; 0 for the same event or operation. */
  readonly compare: Order;
  /** The columns that order the rows, by index. Nulls come last. */
  readonly order: readonly number[];
  /** The identity of a row: an event_id or an operation_id. */
  identify(row: Row): string;
  /** A row's name for people, such as `event 018f…`. */
  describe(row: Row): string;
  /** The source of the layer's rows, such as `the outbox`. */
  readonly source: string;
}

/** A row that differs between the source and the layer. */
export interface Difference {
  /** The identity of the event or operation. */
  readonly id: string;
  /** The difference as text, such as `event 018f… has a different fill_price`. */
  readonly text: string;
  /** The columns that differ, with both values for people. Empty for a row that one side lacks. */
  readonly values: readonly {
    readonly column: string;
    readonly source: string;
    readonly layer: string;
  }[];
}

/** The differences between a published window and its source. */
export interface Differences {
  /** Identities of the rows that only the source has. */
  readonly late: ReadonlySet<string>;
  /** Identities of the rows that only the layer has. */
  readonly lost: ReadonlySet<string>;
  /** Identities of the rows whose values differ. */
  readonly altered: ReadonlySet<string>;
  /** The first differences of each kind, at most {@linkcode NAMED} of each. */
  readonly named: {
    readonly late: readonly Difference[];
    readonly lost: readonly Difference[];
    readonly altered: readonly Difference[];
  };
}

/** No differences. */
const NONE: Differences = {
  late: new Set(),
  lost: new Set(),
  altered: new Set(),
  named: { late: [], lost: [], altered: [] },
};

/**
 * Compares a published window with the parts that a run would publish today. Parts with equal
 * digests are equal. Rows are compared from the first different part on, so a window from another
 * engine or version passes if its rows are the same.
 *
 * @param published the state in the window's marker
 * @param expected the parts that a run would publish, in order
 * @throws {Failure} data: a part is missing or damaged, or the window has another contract
 */
export async function compareWindow(
  lake: Lake,
  published: BronzeCommit | SilverCommit,
  expected: AsyncIterator<NewPart>,
  layer: Layer,
): Promise<Differences> {
  confirmContract(published, layer);
  const { parts } = published;
  let index = 0;
  let next = await expected.next();
  const stored = fetchParts(lake, parts);
  try {
    while (!isAmended(parts) && !next.done && isSame(next.value, parts[index])) {
      await stored.next(); // verifies the digest: what is stored may have been changed since
      index++;
      next = await expected.next();
    }
  } finally {
    await stored.return(undefined);
  }
  if (next.done && index === parts.length) return NONE;
  const rest = expectedGroups(next, expected, layer.columns.map(({ name }) => name));
  return await compareRows(lake, { ...published, parts: parts.slice(index) }, rest, layer);
}

/**
 * Compares the rows of a published window with those that a run would publish today. Every page of
 * the parts is read, and equal pages are equal rows.
 *
 * @param published as in {@linkcode compareWindow}
 * @param expected the rows that a run would publish, in order. A row group is read before the next
 *   one is requested
 * @throws {Failure} data: as {@linkcode compareWindow}
 */
export async function compareGroups(
  lake: Lake,
  published: BronzeCommit | SilverCommit,
  expected: AsyncIterator<RowGroup>,
  layer: Layer,
): Promise<Differences> {
  confirmContract(published, layer);
  return await compareRows(lake, published, expected, layer);
}

async function compareRows(
  lake: Lake,
  { layer: name, parts }: BronzeCommit | SilverCommit,
  expected: AsyncIterator<RowGroup>,
  layer: Layer,
): Promise<Differences> {
  const names = layer.columns.map(({ name }) => name);
  const theirs: RowCursor[] = [];
  for (const sequence of Map.groupBy(parts, ({ amendment = 0 }) => amendment).values()) {
    theirs.push(await openCursor(storedGroups(lake, sequence, names)));
  }
  const source = await openCursor(expected);
  return await differences(source, theirs, layer, name);
}

function confirmContract(
  { contract, layer, day }: BronzeCommit | SilverCommit,
  expected: Layer,
): void {
  if (contract === expected.contract) return;
  throw new Failure({
    kind: "data",
    task: `compare ${layer} of ${day}`,
    problem: `it was published under a different contract (${contract})`,
    remedy: "Use the version of this toolkit that published it.",
  });
}

function isAmended(parts: readonly Part[]): boolean {
  return parts.some(({ amendment }) => amendment !== undefined);
}

function isSame(ours: NewPart, stored: Part | undefined): boolean {
  return ours.sha256 === stored?.sha256 && ours.rows === stored.rows;
}

/** The rows that a run would publish, as their readers will see them. */
async function* expectedGroups(
  first: IteratorResult<NewPart>,
  rest: AsyncIterator<NewPart>,
  names: readonly string[],
): AsyncGenerator<RowGroup> {
  for (let next = first; !next.done; next = await rest.next()) {
    yield* groupsOf(openPart(next.value.body), names);
  }
}

/**
 * Merges ordered sequences of rows to find their differences.
 *
 * @param stored the sequences of an amended window; for other windows, one sequence
 */
async function differences(
  source: RowCursor,
  stored: readonly RowCursor[],
  layer: Layer,
  name: string,
): Promise<Differences> {
  const found = { late: new Set<string>(), lost: new Set<string>(), altered: new Set<string>() };
  const rows = { late: new Map<string, Row>(), lost: new Map<string, Row>() };
  const altered = new Map<string, Difference>();
  const onOneSide = (kind: "late" | "lost", row: Row) => {
    const id = layer.identify(row);
    found[kind].add(id);
    // Keeps more rows than a message lists, because a row may turn out to be on both sides.
    if (rows[kind].size < 4 * NAMED) rows[kind].set(id, row);
  };
  const onBoth = (ours: RowCursor, theirs: RowCursor) => {
    if (equalRows(ours, theirs, 1)) return;
    const [own, other] = [currentRow(ours), currentRow(theirs)];
    const id = layer.identify(own);
    found.altered.add(id);
    if (altered.size < NAMED) {
      altered.set(id, changed(layer, own, changes(own, other, layer.columns)));
    }
  };
  /** The number of rows to compare one by one, because they are not all equal. */
  let single = 0;
  for (;;) {
    if (needsGroup(source)) await loadGroup(source);
    for (const each of stored) if (needsGroup(each)) await loadGroup(each);
    const theirs = leastOf(stored, layer);
    if (source.group === undefined && theirs === undefined) break;
    if (single === 0 && source.group !== undefined && theirs !== undefined) {
      const rows = Math.min(
        source.group.rows - source.row,
        stored.length > 1 ? 1 : theirs.group!.rows - theirs.row,
      );
      if (equalRows(source, theirs, rows)) {
        source.row += rows;
        theirs.row += rows;
        continue;
      }
      single = rows;
    }
    if (single > 0) single--;
    const order = source.group === undefined
      ? 1
      : theirs === undefined
      ? -1
      : compareCurrent(source, theirs, layer);
    if (order < 0) onOneSide("late", currentRow(source));
    if (order > 0) onOneSide("lost", currentRow(theirs!));
    if (order === 0) onBoth(source, theirs!);
    if (order <= 0) source.row++;
    if (order >= 0) theirs!.row++;
  }
  // A row at a different place in the order exists on both sides.
  for (const id of found.late.intersection(found.lost)) {
    found.late.delete(id);
    found.lost.delete(id);
    found.altered.add(id);
    const [ours, theirs] = [rows.late.get(id), rows.lost.get(id)];
    if (ours === undefined || theirs === undefined || altered.size >= NAMED) continue;
    altered.set(id, changed(layer, ours, changes(ours, theirs, layer.columns)));
  }
  const alone = (kind: "late" | "lost", where: string, notWhere: string): Difference[] =>
    [...rows[kind]].filter(([id]) => found[kind].has(id)).slice(0, NAMED).map(([id, row]) => ({
      id,
      text: `${layer.describe(row)} is in ${where} but not in ${notWhere}`,
      values: [],
    }));
  return {
    ...found,
    named: {
      late: alone("late", layer.source, name),
      lost: alone("lost", name, layer.source),
      altered: [...altered.values()],
    },
  };
}

/**
 * Returns the cursor with the first row. There are few sequences, one per amendment, so a linear
 * search is enough.
 */
function leastOf(cursors: readonly RowCursor[], layer: Layer): RowCursor | undefined {
  let least: RowCursor | undefined;
  for (const cursor of cursors) {
    if (cursor.group === undefined) continue;
    if (least === undefined || compareCurrent(cursor, least, layer) < 0) least = cursor;
  }
  return least;
}

/** Compares the current rows of two cursors in the order of a layer. */
function compareCurrent(a: RowCursor, b: RowCursor, layer: Layer): number {
  for (const column of layer.order) {
    const [ours, theirs] = [a.group!.columns[column]!, b.group!.columns[column]!];
    const order = compareCells(ours, a.row, theirs, b.row);
    if (order === undefined) return layer.compare(currentRow(a), currentRow(b));
    if (order !== 0) return order;
  }
  return 0;
}

function changed(layer: Layer, row: Row, values: Difference["values"]): Difference {
  const columns = values.map(({ column }) => column).join(", ");
  return {
    id: layer.identify(row),
    text: `${layer.describe(row)} has a different ${columns}`,
    values,
  };
}

function changes(ours: Row, theirs: Row, columns: readonly Column[]): Difference["values"] {
  return columns.flatMap(({ name, type }, i) => {
    const [a, b] = [ours[i]!, theirs[i]!];
    if (equalValues(a, b)) return [];
    return [{ column: name, source: formatValue(a, type), layer: formatValue(b, type) }];
  });
}

const [SEQ, ID] = CONTRACT.bronze.order.map((column) =>
  EVENT_COLUMNS.findIndex(({ name }) => name === column)
) as [number, number];

/** The columns at the beginning of a row, which bronze is sorted by. */
export const BRONZE_ORDER: readonly string[] = EVENT_COLUMNS.slice(0, 2).map(({ name }) => name);

/** The order of bronze: by event_seq, with missing values last, then by event_id. */
export const BRONZE: Layer = {
  columns: EVENT_COLUMNS,
  contract: EVENT_CONTRACT,
  source: "the outbox",
  identify: (row) => row[ID] as string,
  describe: (row) => `event ${row[ID]}`,
  order: [SEQ, ID],
  compare(a, b) {
    const [seqA, seqB] = [a[SEQ], b[SEQ]] as (bigint | null)[];
    if (seqA !== seqB) {
      if (seqA == null || seqB == null) return seqA == null ? 1 : -1;
      return seqA < seqB ? -1 : 1;
    }
    return a[ID]! < b[ID]! ? -1 : a[ID]! > b[ID]! ? 1 : 0;
  },
};

const [OPERATION, CLIENT] = [1, 2];

/** The order of silver: by client, then by operation. */
export const SILVER: Layer = {
  columns: EXECUTION_COLUMNS,
  contract: EXECUTION_CONTRACT,
  source: "the replay of bronze",
  identify: (row) => String(row[OPERATION]),
  describe: (row) => `operation ${row[OPERATION]} of client ${row[CLIENT]}`,
  order: [CLIENT, OPERATION],
  compare(a, b) {
    for (const column of [CLIENT, OPERATION]) {
      const [x, y] = [a[column] as bigint, b[column] as bigint];
      if (x !== y) return x < y ? -1 : 1;
    }
    return 0;
  },
};

/**
 * A difference with both values, for people.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { explainDifference } from "./compare.ts";
 * const values = [{ column: "fill_price", source: "1.5", layer: "1.4" }];
 * assertEquals(
 *   explainDifference({ id: "018f", text: "", values }),
 *   "event 018f: fill_price is 1.5 in the outbox and 1.4 in bronze",
 * );
 * ```
 */
export function explainDifference({ id, text, values }: Difference): string {
  if (values.length === 0) return text;
  const list = values.map(({ column, source, layer }) =>
    `${column} is ${source} in the outbox and ${layer} in bronze`
  );
  return `event ${id}: ${list.join(", ")}`;
}
