import type { Value } from "../../pipeline/contract/column.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { formatValue } from "../../pipeline/contract/value_text.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { randomNumbers } from "../support/random.ts";
import {
  type BronzeEvent,
  event,
  type Execution,
  idOf,
  inBronzeOrder,
  type PartGroups,
  price,
  referenceReplay,
  type Replayed,
  replayParts,
  storeBronze,
} from "../support/replay.ts";

/** Replays events in their order: each event gets the next event_seq, and an id unless it has one. */
async function replay(events: readonly BronzeEvent[]): Promise<Replayed> {
  const lake = memoryLake();
  const numbered = events.map((each, i) => ({
    event_id: idOf(i + 1),
    ...each,
    event_seq: BigInt(i + 1),
  }));
  return await replayParts(lake, await storeBronze(lake, [[[numbered]]]));
}

/** Formats every value of an execution as text. */
function texts(execution: Execution): Record<string, string> {
  return Object.fromEntries(
    EXECUTION_COLUMNS.map(({ name, type }) => [name, formatValue(execution[name]!, type)]),
  );
}

/** Returns the only execution of these events. */
async function one(events: readonly BronzeEvent[]): Promise<Record<string, string>> {
  const { executions } = await replay(events);
  assertEquals(executions.length, 1);
  return texts(executions[0]!);
}

Deno.test("replay: returns no executions for no events", async () => {
  const lake = memoryLake();
  const empty = await replayParts(lake, []);
  assertEquals([empty.executions, [...empty.clients]], [[], []]);
  assertEquals((await replayParts(lake, await storeBronze(lake, [[[]]]))).executions, []);
});

Deno.test("replay: builds an execution from its events", async () => {
  const execution = await one([
    event({ stop_price: price(8750000000000n), side: "SELL", quantity: price(1500000n) }),
    event({
      event_type: "EXECUTION_SUBMITTED",
      event_id: "00000000-0000-0000-0000-000000000002",
      occurred_at: 1766930592_000000n,
      exchange_order_id: "8342910457",
      source: "cron",
    }),
    event({
      event_type: "EXECUTED",
      event_id: "00000000-0000-0000-0000-000000000003",
      occurred_at: 1766930593_000001n,
      fill_price: price(8739810000000n),
      slippage_pct: -1165n,
      source: "manual",
    }),
  ]);
  assertEquals(execution, {
    execution_id: "00000000-0000-0000-0000-000000000003",
    operation_id: "1",
    client_id: "1",
    symbol: "BTCUSDC",
    stop_price: "87500.00000000",
    trigger_price: "null",
    quantity: "0.01500000",
    side: "SELL",
    status: "EXECUTED",
    triggered_at: "2025-12-28T14:03:11Z",
    submitted_at: "2025-12-28T14:03:12Z",
    executed_at: "2025-12-28T14:03:13.000001Z",
    exchange_order_id: "8342910457",
    fill_price: "87398.10000000",
    slippage_pct: "-0.1165",
    source: "manual",
  });
});

const STATUS: [string, string][] = [
  ["STOP_TRIGGERED", "PENDING"],
  ["EXECUTION_SUBMITTED", "SUBMITTED"],
  ["EXECUTED", "EXECUTED"],
  ["FAILED", "FAILED"],
  ["BLOCKED", "BLOCKED"],
];
for (const [type, status] of STATUS) {
  Deno.test(`replay: sets the status ${status} after ${type}, whatever the status was before`, async () => {
    for (const [before] of STATUS) {
      const events = [event({ event_type: before }), event({ event_type: type })];
      assertEquals((await one(events)).status, status);
    }
  });
}

Deno.test("replay: ignores other events, including their client and prices", async () => {
  for (
    const event_type of [
      "STALE_PRICE",
      "KILL_SWITCH",
      "SLIPPAGE_BREACH",
      "CIRCUIT_BREAKER",
      "MOON_LANDING",
      "",
      "executed",
      "\uFEFFEXECUTED",
      "EXECUTED ",
      "toString",
      "__proto__",
    ]
  ) {
    const noise = event({
      event_type,
      event_id: "ffffffff-ffff-ffff-ffff-ffffffffffff",
      client_id: 9n,
      symbol: "ETHUSDC",
      fill_price: price(1n),
    });
    assertEquals(await one([event(), noise]), await one([event()]), event_type);
    assertEquals((await replay([noise])).executions, [], event_type);
  }
});

Deno.test("replay: keeps the last value that is not null in each column", async () => {
  const values: [string, Value, Value, string][] = [
    ["stop_price", price(1n), price(-2n), "-0.00000002"],
    ["trigger_price", price(1n), price(0n), "0.00000000"],
    ["quantity", price(1n), price(3n), "0.00000003"],
    ["side", "BUY", "", ""],
    ["exchange_order_id", "1", "2", "2"],
    ["fill_price", price(1n), price(4n), "0.00000004"],
    ["slippage_pct", 1n, 0n, "0.0000"],
  ];
  for (const [name, first, second, text] of values) {
    const events = [event({ [name]: first }), event({ [name]: second }), event({ [name]: null })];
    assertEquals((await one(events))[name], text);
    assertEquals((await one(events.slice(2)))[name], "null");
  }
});

Deno.test("replay: takes each of the three times from the latest event of its type", async () => {
  const at = (event_type: string, occurred_at: bigint) => event({ event_type, occurred_at });
  const execution = await one([
    at("EXECUTED", 9n),
    at("STOP_TRIGGERED", 7n),
    at("EXECUTED", 3n),
    at("FAILED", 8n),
  ]);
  assertEquals(execution.triggered_at, "1970-01-01T00:00:00.000007Z");
  assertEquals(execution.submitted_at, "null");
  // The latest event is the last one in replay order, not the last one by time.
  assertEquals(execution.executed_at, "1970-01-01T00:00:00.000003Z");
});

Deno.test("replay: assigns an operation whose client changes to the last client only", async () => {
  const { executions, clients } = await replay([
    event({ client_id: 1n }),
    event({ client_id: 2n }),
  ]);
  assertEquals(executions.map(({ client_id }) => client_id), [2n]);
  assertEquals([...clients], [2n]);
});

Deno.test("replay: sorts clients and operations as numbers, negative numbers first", async () => {
  const ids = [10n, 9n, -1n, 0n, 9223372036854775807n, -9223372036854775808n, -10n];
  const pairs = ids.flatMap((client_id) =>
    ids.map((id, o) => ({ client_id, operation_id: id / 2n + client_id / 3n + BigInt(o) }))
  );
  const events = pairs.map((pair) => event(pair));
  const { executions } = await replay(events);
  const keys = executions.map(({ client_id, operation_id }) => [client_id, operation_id]);
  const numbered = events.map((each, i) => ({ ...each, event_id: idOf(i), event_seq: BigInt(i) }));
  const expected = referenceReplay(numbered);
  assertEquals(keys, expected.map(({ client_id, operation_id }) => [client_id, operation_id]));
  assert(keys.every(([client], i) => i === 0 || keys[i - 1]![0]! <= client!));
});

Deno.test("replay: keeps texts of any length byte by byte", async () => {
  const long = "9".repeat(300);
  const strange = "\uFEFF東京 🚀 \u0000";
  const events = [
    event({ event_id: long, exchange_order_id: long, symbol: strange, side: long }),
    event({ operation_id: 2n, event_id: "", exchange_order_id: "1", symbol: "", side: strange }),
    event({ operation_id: 3n, exchange_order_id: long }),
    event({ operation_id: 3n, exchange_order_id: "short" }),
    event({ operation_id: 4n, exchange_order_id: "short" }),
    event({ operation_id: 4n, exchange_order_id: "x".repeat(37) }),
  ];
  const { executions } = await replay(events);
  assertEquals(
    executions.map((each) => [each.exchange_order_id, each.symbol, each.side]),
    [
      [long, strange, long],
      ["1", "", strange],
      ["short", "BTCUSDC", null],
      ["x".repeat(37), "BTCUSDC", null],
    ],
  );
  assertEquals(executions.map(({ execution_id }) => execution_id), [long, "", idOf(4), idOf(6)]);
});

Deno.test("replay: writes row groups of 20,000 rows", async () => {
  const count = 60_005;
  const events = Array.from({ length: count }, (_, i) =>
    event({
      operation_id: BigInt(i),
      stop_price: price(BigInt(i)),
      side: i % 3 === 0 ? null : `side ${i}`,
      slippage_pct: i >= 16384 && i < 16390 ? BigInt(i) : null,
    }));
  const { executions, groups } = await replay(events);
  assertEquals(groups, [20_000, 20_000, 20_000, 5]);
  for (const i of [0, 1, 16383, 16384, 16389, 16390, count - 1]) {
    const { execution_id, side, stop_price, slippage_pct } = executions[i]!;
    assertEquals([execution_id, side], [idOf(i + 1), i % 3 === 0 ? null : `side ${i}`]);
    assertEquals(stop_price, price(BigInt(i)));
    assertEquals(slippage_pct, i >= 16384 && i < 16390 ? BigInt(i) : null);
  }
});

// Random days, compared with the plain replay. Every case is replayed from several layouts.

type Random = (below: number) => number;

/** Creates random events. Few operations and clients meet often; many have few events each. */
function randomEvents(random: Random): BronzeEvent[] {
  const types = ["STOP_TRIGGERED", "EXECUTION_SUBMITTED", "EXECUTED", "FAILED", "STALE_PRICE"];
  const [operations, clients] = [1 + random(40), 1 + random(9)];
  const unsequenced = [0, 3, 10][random(3)]!; // of ten events
  const maybe = (value: Value) => random(3) === 0 ? null : value;
  return Array.from({ length: 1 + random(150) }, (_, i) => {
    const operation = random(operations);
    return event({
      event_id: `${idOf(random(1 << 30)).slice(0, -4)}${String(i).padStart(4, "0")}`,
      event_seq: random(10) < unsequenced ? null : BigInt(i * (1 + random(1)) * 7 - 1000),
      occurred_at: BigInt(random(50)), // events of the same time are common
      event_type: types[random(types.length)]!,
      operation_id: BigInt(operation - 20) * (operation % 2 === 0 ? 1n : 1n << 40n),
      // Sometimes another client takes the operation over.
      client_id: BigInt((random(20) === 0 ? random(clients) : operation % clients) - 2),
      symbol: `S${random(5)}`,
      source: ["ws", "cron", "manual"][random(3)]!,
      stop_price: maybe(price(BigInt(random(1000)) - 500n)),
      trigger_price: maybe(price(BigInt(random(1000)) - 500n)),
      quantity: maybe(price(BigInt(random(1000)))),
      side: maybe(["BUY", "SELL"][random(2)]!),
      exchange_order_id: maybe(`${random(1000)}`.repeat(1 + random(20))),
      fill_price: maybe(price(BigInt(random(1000)))),
      slippage_pct: maybe(BigInt(random(1000)) - 500n),
    });
  });
}

/** Divides events into parts with row groups, both of random sizes. */
function randomParts(events: readonly BronzeEvent[], random: Random): PartGroups[] {
  const parts: BronzeEvent[][][] = [];
  for (let from = 0; from < events.length;) {
    if (parts.length === 0 || random(3) === 0) parts.push([]);
    const size = 1 + random(random(3) === 0 ? 100 : 20);
    parts.at(-1)!.push(events.slice(from, from + size));
    from += size;
  }
  return parts;
}

/** Replays from a lake that is filled anew. */
async function replayFrom(
  sequences: readonly (readonly PartGroups[])[],
  most?: number,
  ...kept: number[]
): Promise<Replayed> {
  const lake: Lake = memoryLake();
  return await replayParts(lake, await storeBronze(lake, sequences), most, undefined, ...kept);
}

Deno.test("replay: equals the plain replay on random days, from any layout and in any number of ranges", async () => {
  let severalRanges = 0;
  for (let seed = 1; seed <= 16; seed++) {
    const next = randomNumbers(seed);
    const random = (below: number) => next() % below;
    const events = randomEvents(random);
    const bronze = events.toSorted(inBronzeOrder);
    const expected = referenceReplay(events);
    const whole = await replayFrom([[[bronze]]]);
    assertEquals(whole.executions, expected, `seed ${seed}`);
    const clients = new Set(expected.map(({ client_id }) => client_id));
    assertEquals([...whole.clients].sort(), [...clients].sort(), `seed ${seed}`);
    // The same events as a first publication and two amendments.
    const amendments = [0, 1, 2].map(() => [] as BronzeEvent[]);
    for (const each of bronze) amendments[random(3)]!.push(each);
    const layouts = [
      [randomParts(bronze, random)],
      amendments.filter(({ length }) => length > 0).map((own) => randomParts(own, random)),
    ];
    for (const layout of layouts) {
      for (const most of [undefined, 2, 12]) {
        const kept = [[], [0], [0, 500], [0, 1 << 20]][seed % 4]!;
        const own = await replayFrom(layout, most, ...kept);
        assertEquals(own.body, whole.body, `seed ${seed}, ${most} operations`);
        assert(most === undefined || own.most <= most, `${own.most} operations in memory`);
        assert([...clients].every((client) => own.clients.has(client as bigint)));
        if (own.ranges > 1) severalRanges++;
      }
    }
  }
  assert(severalRanges > 30, `${severalRanges}`);
});

Deno.test("replay: holds no more operations than allowed, and writes whole row groups across ranges", async () => {
  const events = Array.from({ length: 55_000 }, (_, i) =>
    event({
      event_id: idOf(i),
      event_seq: BigInt(i),
      operation_id: BigInt(i * 7919 % 55_000),
      client_id: BigInt(i % 2),
    }));
  const whole = await replayFrom([[[events]]]);
  const ranges = await replayFrom([[[events]]], 8_000);
  assertEquals(ranges.most, 8_000);
  assert(ranges.ranges >= 7, `${ranges.ranges}`);
  assertEquals(ranges.groups, [20_000, 7_500, 20_000, 7_500]);
  assertEquals(ranges.body, whole.body);
});

// The order of the replay: (event_seq, occurred_at, event_id). Events without an event_seq come first.

/** Returns the symbol of the only execution after these events, given in bronze's order. */
async function lastOf(...sequences: BronzeEvent[][][]): Promise<Value> {
  const { executions } = await replayFrom(sequences.map((groups) => [groups]));
  return executions[0]!.symbol!;
}

const placed = (event_seq: bigint | null, occurred_at: bigint, event_id: string): BronzeEvent =>
  event({ event_seq, occurred_at, event_id, symbol: event_id });

Deno.test("replay: applies events without an event_seq first, by occurred_at and then by event_id", async () => {
  assertEquals(await lastOf([[placed(1n, 1n, "x"), placed(null, 9n, "a")]]), "x");
  assertEquals(await lastOf([[placed(null, 9n, "a"), placed(null, 1n, "b")]]), "a");
  assertEquals(await lastOf([[placed(null, 9n, "a")], [placed(null, 9n, "b")]]), "b");
  assertEquals(await lastOf([[placed(null, 9n, "b")]], [[placed(null, 9n, "a")]]), "b");
});

Deno.test("replay: opens each part of a small day once", async () => {
  const lake = memoryLake();
  const parts = await storeBronze(lake, [[
    [[placed(1n, 0n, "x")]],
    [[placed(2n, 0n, "y")]],
    [[placed(3n, 0n, "z"), placed(null, 1n, "a")]],
  ]]);
  const opened: string[] = [];
  lake.onGet = (key) => opened.push(key.at(-"0.parquet".length)!);
  await replayParts(lake, parts);
  assertEquals(opened.join(""), "012");
});

const OUT_OF_ORDER: [string, (bigint | null)[][][], string][] = [
  ["a smaller event_seq after a larger one", [[[1n, 3n, 2n]]], "comes after event_seq 3"],
  ["a smaller event_seq in the next part", [[[1n, 3n], [2n]]], "comes after event_seq 3"],
  ["a duplicate event_seq", [[[1n, 2n, 2n]]], "comes after event_seq 2"],
  ["a duplicate event_seq in an amendment", [[[1n, 2n]], [[2n]]], "comes after event_seq 2"],
  ["an event without event_seq before one with", [[[1n, null, 2n]]], "is not at the end"],
  [
    "an event_seq in the part after an event without one",
    [[[1n, null], [2n]]],
    "comes after an event",
  ],
];
for (const [what, sequences, words] of OUT_OF_ORDER) {
  Deno.test(`replay: refuses bronze that is out of order, and names the event: ${what}`, async () => {
    let number = 0;
    const own = sequences.map((parts) =>
      parts.map((seqs) => [seqs.map((seq) => placed(seq, 0n, `event-${number++}`))])
    );
    const { kind, message } = await assertRejects(() => replayFrom(own), Failure);
    assertEquals(kind, "data");
    assertStringIncludes(message, words);
    assertStringIncludes(message, "event-");
    assertStringIncludes(message, "has the digest in the commit marker");
  });
}
