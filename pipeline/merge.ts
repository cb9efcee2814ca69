import type { Value } from "./contract/column.ts";
import type { Lake } from "./lake/lake.ts";
import type { Part } from "./lake/marker.ts";
import type { FileGroup } from "./lake/parquet_reader.ts";
import { fetchParts, malformed, openFetched } from "./lake/parts.ts";

// An amended window has several sequences of parts: one from the first publication, and one from
// each amendment. Each sequence is in the layer's order. Merging them gives one sequence in that
// order.

/** One row, with values in the order of the requested columns. */
export type Row = readonly Value[];

/** Compares two rows in the order of a layer. */
export type Order = (a: Row, b: Row) => number;

/**
 * Reads the rows of parts in the layer's order, whatever amendment added them.
 *
 * @param names the columns to read; `order` compares rows of these
 * @throws {Failure} data: a part is missing or damaged
 */
export function storedRows(
  lake: Lake,
  parts: readonly Part[],
  names: readonly string[],
  order: Order,
): AsyncGenerator<Row> {
  const sequences = [...Map.groupBy(parts, ({ amendment = 0 }) => amendment).values()]
    .map((sequence) => rowsOf(lake, sequence, names));
  return sequences.length === 1 ? sequences[0]! : merge(sequences, order);
}

/** The rows of groups, one by one. */
async function* eachRow(groups: AsyncIterable<FileGroup>): AsyncGenerator<Row> {
  for await (const { rows, columns } of groups) {
    for (let i = 0; i < rows; i++) yield columns.map((values) => values[i] ?? null);
  }
}

async function* rowsOf(
  lake: Lake,
  parts: readonly Part[],
  names: readonly string[],
): AsyncGenerator<Row> {
  for await (const fetched of fetchParts(lake, parts)) {
    const reader = openFetched(lake, fetched);
    try {
      yield* eachRow(reader.groups(names));
    } catch (error) {
      throw malformed(lake, fetched.part, (error as Error).message);
    }
  }
}

/**
 * Merges sorted sequences of rows. There are few sequences, one per amendment, so a linear search
 * for the smallest head is enough.
 */
async function* merge(
  sequences: readonly AsyncGenerator<Row>[],
  order: Order,
): AsyncGenerator<Row> {
  const heads: { row: Row; readonly rest: AsyncGenerator<Row> }[] = [];
  for (const rest of sequences) {
    const { done, value } = await rest.next();
    if (!done) heads.push({ row: value, rest });
  }
  while (heads.length > 0) {
    const least = heads.reduce((a, b) => order(b.row, a.row) < 0 ? b : a);
    yield least.row;
    const { done, value } = await least.rest.next();
    if (done) heads.splice(heads.indexOf(least), 1);
    else least.row = value;
  }
}
