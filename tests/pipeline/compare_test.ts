import { BRONZE, compareWindow } from "../../pipeline/compare.ts";
import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import { EVENT_COLUMNS } from "../../pipeline/contract/tables.ts";
import type { NewPart } from "../../pipeline/lake/parts.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { cutParts } from "../support/parquet_writer.ts";
import {
  DAY,
  type Event,
  publishBronze,
  rowGroup,
  uuid,
  voidPart,
} from "../checks/healthy/published_day.ts";

function events(count: number): Event[] {
  return Array.from({ length: count }, (_, i): Event => ({
    id: uuid(i + 1),
    seq: i < count - 5 ? BigInt(i) - 3n : null,
    at: i % 86_400,
    operation: BigInt(i % 7) << 33n,
    client: BigInt(i % 3) - 1n,
    type: i % 2 === 0 ? "EXECUTED" : "FAILED",
  }));
}

/** Events as parts with row groups of a size. Each part has at most two row groups. */
async function partsOf(all: readonly Event[], size: number, amendment?: number) {
  const parts: NewPart[] = [];
  for (let from = 0; from < all.length; from += 2 * size) {
    const groups = [from, from + size].filter((start) => start < all.length)
      .map((start) => rowGroup(all.slice(start, Math.min(start + size, from + 2 * size))));
    for await (const part of cutParts(groups, EVENT_COLUMNS, bronzePrefix(DAY))) {
      parts.push({ ...part, ...(amendment === undefined ? {} : { amendment }) });
    }
  }
  return parts;
}

async function* iterate(parts: readonly NewPart[]): AsyncGenerator<NewPart> {
  for (const part of parts) yield await Promise.resolve(part);
}

/** Compares the events of an outbox with published parts. */
async function compare(outbox: readonly Event[], published: readonly NewPart[], size = 10) {
  const lake = memoryLake();
  const commit = await publishBronze(lake, published);
  return await compareWindow(lake, commit, iterate(await partsOf(outbox, size)), BRONZE);
}

Deno.test("compareWindow finds no difference between row groups of different sizes", async () => {
  const all = events(100);
  for (const size of [1, 3, 7, 10, 64, 100]) {
    const { late, lost, altered } = await compare(all, await partsOf(all, size));
    assertEquals([late.size, lost.size, altered.size], [0, 0, 0]);
  }
});

Deno.test("compareWindow finds every event that differs, whatever the sizes of row groups", async () => {
  const all = events(100);
  const outbox = all.filter((_, i) => i !== 0 && i !== 42 && i !== 99);
  const bronze = all.filter((_, i) => i !== 17 && i !== 43 && i !== 98)
    .map((event, i) => i === 30 ? { ...event, operation: event.operation + 1n } : event);
  const changed = bronze[30]!.id;
  for (const size of [1, 3, 7, 10, 64, 100]) {
    const { late, lost, altered, named } = await compare(outbox, await partsOf(bronze, size));
    assertEquals([...late], [17, 43, 98].map((i) => all[i]!.id));
    assertEquals([...lost], [0, 42, 99].map((i) => all[i]!.id));
    assertEquals([...altered], [changed]);
    assertEquals(named.altered[0]!.values.map(({ column }) => column), ["operation_id"]);
  }
});

Deno.test("compareWindow reports an event at another place in the order as altered", async () => {
  const all = events(30);
  const moved = [...all.slice(1), { ...all[0]!, seq: 1000n }]
    .toSorted((a, b) => (a.seq === null ? 1 : 0) - (b.seq === null ? 1 : 0) || 0);
  const { late, lost, altered, named } = await compare(all, await partsOf(moved, 7));
  assertEquals([late.size, lost.size, [...altered]], [0, 0, [all[0]!.id]]);
  assertEquals(named.altered[0]!.values.map(({ column }) => column), ["event_seq"]);
});

Deno.test("compareWindow merges the parts of amendments", async () => {
  const all = events(60);
  const first = await partsOf(all.filter((_, i) => i % 5 !== 0), 7);
  const second = await partsOf(all.filter((_, i) => i % 5 === 0 && i !== 10), 4, 1);
  const { late, lost, altered } = await compare(all, [...first, ...second]);
  assertEquals([[...late], lost.size, altered.size], [[all[10]!.id], 0, 0]);
});

Deno.test("compareWindow accepts a column without a type if all values are null", async () => {
  const all = events(20).map((event) => ({ ...event, seq: null }));
  const key = `${bronzePrefix(DAY)}part-00000-void.parquet`;
  const stored = voidPart(EVENT_COLUMNS, rowGroup(all), "event_seq", key);
  const same = await compare(all, [stored]);
  assertEquals([same.late.size, same.lost.size, same.altered.size], [0, 0, 0]);
  const numbered = all.map((event, i) => ({ ...event, seq: i === 0 ? 1n : null }));
  assertEquals([...(await compare(numbered, [stored])).altered], [all[0]!.id]);
});

Deno.test("compareWindow refuses a part whose text is not UTF-8", async () => {
  const all = events(20);
  const { rows, columns } = rowGroup(all);
  const symbol = EVENT_COLUMNS.findIndex(({ name }) => name === "symbol");
  const damaged = columns.map((values, c) =>
    Array.from(values, (value, i) => c === symbol && i === 3 ? Uint8Array.of(0xff) : value)
  );
  const parts = await Array.fromAsync(
    cutParts([{ rows, columns: damaged }], EVENT_COLUMNS, bronzePrefix(DAY)),
  );
  await assertRejects(() => compare(all, parts), Error, "was changed after it was published");
});
