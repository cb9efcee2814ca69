import type { Column, Value } from "./contract/column.ts";
import { Failure } from "./errors.ts";
import { listFolders, type Publication, removeLeftovers } from "./lake/commit.ts";
import type { Lake } from "./lake/lake.ts";
import type { BronzeCommit, Part, SilverCommit } from "./lake/marker.ts";
import { openPart, type PartReader } from "./lake/parquet_reader.ts";
import { damaged, type NewPart, readPart } from "./lake/parts.ts";
import { plural } from "./progress.ts";

/** How the rows of a layer are told apart, and what its source is called. */
export interface Layer {
  /** The layer's columns, in order. */
  readonly columns: readonly Column[];
  /** The fingerprint of the columns. */
  readonly contract: string;
  /** Orders rows as the layer does; 0 for the same event or operation. */
  compare(a: Row, b: Row): number;
  /** A row's name for people, such as `event 018f…`. */
  describe(row: Row): string;
  /** Where the layer's rows come from, such as `the outbox`. */
  readonly source: string;
}

/** One row, its values in the contract's order. */
export type Row = readonly Value[];

/** How many differences a message names before it only counts them. */
const NAMED = 5;

/**
 * Compares a sealed window with what a run would publish today. Parts with equal digests are equal;
 * from the first other one on, rows are compared, so that a window that another engine or another
 * version wrote passes if its rows are the same. Nothing of the window is changed; what interrupted
 * runs left beside it is removed.
 *
 * @param sealed what the window's marker says
 * @param expected what a run would publish, in order
 * @throws {Failure} data: rows differ, and which; a part is missing; another contract
 */
export async function verifySealed(
  sealed: BronzeCommit | SilverCommit,
  expected: AsyncIterator<NewPart>,
  layer: Layer,
  publication: Publication,
): Promise<void> {
  const { lake, key, observer } = publication;
  if (sealed.contract !== layer.contract) {
    throw new Failure(
      "data",
      `Cannot verify ${sealed.layer} of ${sealed.day}: it was sealed under another contract ` +
        `(${sealed.contract}). Verify it with the version of this toolkit that sealed it.`,
    );
  }
  await confirmThere(lake, sealed.parts);
  await compareParts(lake, sealed, expected, layer);
  const { rows, parts } = sealed;
  observer.step({
    step: "verified",
    says: `sealed before; its ${plural(rows, "row")} equal ${layer.source}, nothing was written`,
    data: { key, state: "sealed", rows, parts: parts.length },
  });
  await removeLeftovers(parts, publication);
}

async function confirmThere(lake: Lake, parts: readonly Part[]): Promise<void> {
  const there = new Map((await listFolders(lake, parts)).map(({ key, bytes }) => [key, bytes]));
  for (const part of parts) {
    const bytes = there.get(part.key);
    if (bytes === undefined) throw damaged(lake, part, "it is not there");
    if (bytes !== part.bytes) throw damaged(lake, part, `it has ${bytes} bytes, not ${part.bytes}`);
  }
}

async function compareParts(
  lake: Lake,
  sealed: BronzeCommit | SilverCommit,
  expected: AsyncIterator<NewPart>,
  layer: Layer,
): Promise<void> {
  let index = 0;
  let next = await expected.next();
  while (!next.done && next.value.sha256 === sealed.parts[index]?.sha256) {
    index++;
    next = await expected.next();
  }
  if (next.done && index === sealed.parts.length) return;
  const ours = rows(reopen(next, expected), layer);
  const theirs = rows(stored(lake, sealed.parts.slice(index)), layer);
  const found = await differences(ours, theirs, layer, sealed.layer);
  if (found.count === 0) return;
  const more = found.count - found.named.length;
  throw new Failure(
    "data",
    `Cannot confirm ${sealed.layer} of ${sealed.day}, which is sealed: it differs from ` +
      `${layer.source} in ${plural(found.count, "row")}: ${found.named.join("; ")}` +
      `${more > 0 ? `; and ${more} more` : ""}. Nothing was changed. Find out who changed either ` +
      "one after the window was sealed.",
  );
}

/** The parts that a run would publish, as their readers will see them. */
async function* reopen(
  first: IteratorResult<NewPart>,
  rest: AsyncIterator<NewPart>,
): AsyncGenerator<PartReader> {
  for (let next = first; !next.done; next = await rest.next()) {
    yield openPart(next.value.body);
  }
}

async function* stored(lake: Lake, parts: readonly Part[]): AsyncGenerator<PartReader> {
  for (const part of parts) {
    yield await readPart(lake, part);
  }
}

async function* rows(parts: AsyncIterable<PartReader>, { columns }: Layer): AsyncGenerator<Row> {
  const names = columns.map(({ name }) => name);
  for await (const part of parts) {
    for await (const group of part.groups(names)) {
      for (let i = 0; i < group.rows; i++) yield group.columns.map((values) => values[i] ?? null);
    }
  }
}

/** Walks two ordered sequences of rows side by side. */
async function differences(
  ours: AsyncGenerator<Row>,
  theirs: AsyncGenerator<Row>,
  layer: Layer,
  name: string,
): Promise<{ count: number; named: string[] }> {
  const found = { count: 0, named: [] as string[] };
  const note = (text: string) => {
    found.count++;
    if (found.named.length < NAMED) found.named.push(text);
  };
  let a = await ours.next();
  let b = await theirs.next();
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : layer.compare(a.value, b.value);
    if (order < 0) note(`${layer.describe(a.value)} is in ${layer.source} and not in ${name}`);
    if (order > 0) note(`${layer.describe(b.value)} is in ${name} and not in ${layer.source}`);
    if (order === 0) {
      const columns = changed(a.value, b.value, layer.columns);
      if (columns.length > 0) note(`${layer.describe(a.value)} has another ${columns.join(", ")}`);
    }
    if (order <= 0) a = await ours.next();
    if (order >= 0) b = await theirs.next();
  }
  return found;
}

function changed(a: Row, b: Row, columns: readonly Column[]): string[] {
  return columns.filter((_, i) => !same(a[i]!, b[i]!)).map(({ name }) => name);
}

function same(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  return a === b;
}
