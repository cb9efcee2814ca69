import { gatherBronze } from "../../../checks/facts/bronze.ts";
import { gatherSilver, type SilverFact } from "../../../checks/facts/silver.ts";
import type { Value } from "../../../pipeline/contract/column.ts";
import { bronzeMarkerKey, silverMarkerKey, silverPrefix } from "../../../pipeline/contract/keys.ts";
import { EVENT_CONTRACT, EXECUTION_CONTRACT } from "../../../pipeline/contract/fingerprint.ts";
import { EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import {
  type BronzeCommit,
  renderMarker,
  type SilverCommit,
} from "../../../pipeline/lake/marker.ts";
import { assertEquals } from "../../support/assert.ts";
import { DAY } from "../../support/days.ts";
import { type MemoryLake, memoryLake } from "../../support/memory_lake.ts";
import { createPart } from "../../support/parquet_writer.ts";
import { amendedBy, digestOf } from "../../support/published_days.ts";
import {
  type BronzeEvent,
  type Execution,
  inBronzeOrder,
  type PartGroups,
  price,
  referenceReplay,
  storeBronze,
} from "../../support/replay.ts";

/** Stores bronze from sequences of parts, and silver from executions, each with its marker. */
async function publish(
  sequences: readonly (readonly PartGroups[])[],
  executions: readonly Execution[],
): Promise<MemoryLake> {
  const lake = memoryLake();
  const parts = await storeBronze(lake, sequences);
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const bronze: BronzeCommit = {
    layer: "bronze",
    day: DAY,
    state: "sealed",
    rows,
    minSeq: null,
    maxSeq: null,
    contract: EVENT_CONTRACT,
    parts,
    ...(sequences.length === 1 ? {} : { amended: amendedBy(DAY, sequences.length - 1) }),
  };
  const text = renderMarker(bronze);
  await lake.put(bronzeMarkerKey(DAY), text);
  const part = createPart(EXECUTION_COLUMNS);
  const columns = EXECUTION_COLUMNS.map(({ name }) => executions.map((each) => each[name]!));
  part.write({ rows: executions.length, columns });
  const { body, sha256 } = part.finish();
  const key = `${silverPrefix(1n, DAY)}part-00000-0.parquet`;
  await lake.put(key, body);
  const silver: SilverCommit = {
    layer: "silver",
    day: DAY,
    state: "sealed",
    rows: executions.length,
    bronze: { key: bronzeMarkerKey(DAY), sha256: digestOf(text) },
    contract: EXECUTION_CONTRACT,
    parts: [{ key, rows: executions.length, bytes: body.length, sha256 }],
  };
  await lake.put(silverMarkerKey(DAY), renderMarker(silver));
  return lake;
}

async function gather(lake: MemoryLake): Promise<SilverFact> {
  const bronze = await gatherBronze(lake, DAY);
  assertEquals(bronze.parts.map(({ problem, collected }) => problem ?? collected).slice(0, 1), [
    true,
  ]);
  return await gatherSilver(lake, DAY, bronze);
}

/** Returns the wrong values of each column: the operation, silver's value and bronze's value. */
function wrongIn({ compared }: SilverFact): Record<string, [bigint, string, string][]> {
  return Object.fromEntries(compared!.wrong.map(({ name, named }) => [
    name,
    named.map(({ row, silver, bronze }) => [row.operation_id, silver, bronze]),
  ]));
}

/** Generates numbers from 0 to 2^32 - 1. Every run generates the same numbers. */
function numbersFrom(seed: number): (below: number) => number {
  return (below) => {
    seed = Math.imul(seed ^ seed >>> 15, 0x2c1b3c6d) + 0x6d2b79f5 | 0;
    return ((seed ^ seed >>> 12) >>> 0) % below;
  };
}

const TYPES = ["STOP_TRIGGERED", "EXECUTION_SUBMITTED", "EXECUTED", "FAILED", "STALE_PRICE"];

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** Creates random events. Events of the same time, and events without event_seq, are common. */
function randomEvents(random: (below: number) => number, count: number, operations: number) {
  const maybe = (value: Value) => random(3) === 0 ? null : value;
  return Array.from({ length: count }, (_, i): BronzeEvent => ({
    event_id: idOf(random(1 << 20) * 10_000 + i),
    event_seq: random(4) === 0 ? null : BigInt(i) << 33n,
    occurred_at: BigInt(random(20)),
    event_type: TYPES[random(TYPES.length)]!,
    operation_id: BigInt(random(operations) - 5) << 31n,
    client_id: 1n,
    symbol: `S${random(5)}`,
    source: ["ws", "cron"][random(2)]!,
    stop_price: maybe(price(BigInt(random(1000)) - 500n)),
    trigger_price: maybe(price(BigInt(random(1000)))),
    quantity: maybe(price(BigInt(random(1000)))),
    side: maybe(["BUY", "SELL", ""][random(3)]!),
    exchange_order_id: maybe(`${random(1000)}`.repeat(random(20))),
    fill_price: maybe(price(BigInt(random(1000)))),
    slippage_pct: maybe(BigInt(random(1000)) - 500n),
  }));
}

function cut(events: readonly BronzeEvent[], size: number): PartGroups[] {
  const groups: BronzeEvent[][] = [];
  for (let i = 0; i < events.length; i += size) groups.push(events.slice(i, i + size));
  return [groups.slice(0, 2), groups.slice(2)].filter(({ length }) => length > 0);
}

Deno.test("createLatestValues finds the values of a plain replay, in any layout of bronze", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = numbersFrom(seed);
    const events = randomEvents(random, 1 + random(200), 1 + random(30));
    const sorted = events.toSorted(inBronzeOrder);
    const amendments = [0, 1, 2].map((own) => sorted.filter((_, i) => i * 7 % 3 === own));
    const layouts = [
      [cut(sorted, 1 + random(60))],
      amendments.filter(({ length }) => length > 0).map((own) => cut(own, 1 + random(30))),
      [cut(events, 40)], // not in bronze's order, as from another writer
    ];
    const executions = referenceReplay(events);
    for (const layout of layouts) {
      assertEquals(wrongIn(await gather(await publish(layout, executions))), {}, `seed ${seed}`);
    }
  }
});

Deno.test("createLatestValues keeps its values when it needs more memory", async () => {
  // A third as many operations are expected as there are events, and at least 1024.
  const events = randomEvents(numbersFrom(7), 9_000, 8_000).toSorted(inBronzeOrder);
  const executions = referenceReplay(events);
  const lake = await publish([cut(events, 1_000)], executions);
  assertEquals(wrongIn(await gather(lake)), {});
});

const EVENT: BronzeEvent = {
  event_id: idOf(1),
  event_seq: 1n,
  occurred_at: 1766930591_000001n,
  event_type: "EXECUTED",
  operation_id: 11n,
  client_id: 1n,
  symbol: "BTCUSDC",
  source: "ws",
  exchange_order_id: "8".repeat(40),
  fill_price: price(-1n),
};

const CHANGES: readonly [string, Value, string, string][] = [
  ["symbol", "BTCUSDT", "BTCUSDT", "BTCUSDC"],
  ["source", "", '""', "ws"],
  ["side", "", '""', "null"],
  ["stop_price", price(0n), "0.00000000", "null"],
  ["fill_price", price(1n), "0.00000001", "-0.00000001"],
  ["fill_price", null, "null", "-0.00000001"],
  ["slippage_pct", -1n, "-0.0001", "null"],
  ["executed_at", 1766930591_000002n, "2025-12-28T14:03:11.000002Z", "2025-12-28T14:03:11.000001Z"],
  ["submitted_at", 0n, "1970-01-01T00:00:00Z", "null"],
  ["exchange_order_id", "8".repeat(39), "8".repeat(39), "8".repeat(40)],
  ["exchange_order_id", `${"8".repeat(39)}9`, `${"8".repeat(39)}9`, "8".repeat(40)],
  ["exchange_order_id", "8".repeat(300), "8".repeat(300), "8".repeat(40)],
];
for (const [name, value, silver, bronze] of CHANGES) {
  Deno.test(`createLatestValues finds a ${name} of ${silver.slice(0, 45)} instead of ${bronze}`, async () => {
    const executions = referenceReplay([EVENT]).map((each) => ({ ...each, [name]: value }));
    const lake = await publish([[[[EVENT]]]], executions);
    assertEquals(wrongIn(await gather(lake)), { [name]: [[11n, silver, bronze]] });
  });
}

Deno.test("gatherSilver names five wrong values of a column, and counts all of them", async () => {
  const events = Array.from({ length: 8 }, (_, i) => ({
    ...EVENT,
    event_id: idOf(i),
    event_seq: BigInt(i),
    operation_id: BigInt(i),
  }));
  const executions = referenceReplay(events).map((each) => ({ ...each, source: "x" }));
  const { compared } = await gather(await publish([[[events]]], executions));
  assertEquals(compared!.wrong.map(({ name, count, named }) => [name, count, named.length]), [
    ["source", 8, 5],
  ]);
});

Deno.test("gatherSilver compares no values without bronze, or with a bronze without a marker", async () => {
  const lake = await publish([[[[EVENT]]]], referenceReplay([EVENT]));
  assertEquals((await gatherSilver(lake, DAY)).compared, undefined);
  lake.objects.delete(bronzeMarkerKey(DAY));
  const bronze = await gatherBronze(lake, DAY);
  assertEquals((await gatherSilver(lake, DAY, bronze)).compared, undefined);
});
