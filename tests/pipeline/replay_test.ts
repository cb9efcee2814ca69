import type { Value } from "../../pipeline/contract/column.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { formatValue } from "../../pipeline/contract/value_text.ts";
import type { FileGroup, PartReader } from "../../pipeline/lake/parquet_reader.ts";
import { createReplay, type Replay, REPLAYED_COLUMNS } from "../../pipeline/replay.ts";
import { placer, unsequencedRanks } from "../../pipeline/replay_order.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";

type Name = (typeof REPLAYED_COLUMNS)[number];
type Event = Readonly<Record<Name, Value>>;

/** Encodes a price, in units of 0.00000001, as nine bytes. */
function price(unscaled: bigint): Uint8Array {
  const out = new DataView(new ArrayBuffer(9));
  out.setInt8(0, unscaled < 0n ? -1 : 0);
  out.setBigInt64(1, unscaled);
  return new Uint8Array(out.buffer);
}

const QUIET: Event = {
  event_type: "STOP_TRIGGERED",
  operation_id: 1n,
  client_id: 1n,
  event_id: "00000000-0000-0000-0000-000000000001",
  occurred_at: 1766930591_000000n,
  symbol: "BTCUSDC",
  source: "ws",
  stop_price: null,
  trigger_price: null,
  quantity: null,
  side: null,
  exchange_order_id: null,
  fill_price: null,
  slippage_pct: null,
};

const event = (changes: Partial<Event> = {}): Event => ({ ...QUIET, ...changes });

/** Adds events. The default rank of an event is its index in the list. */
function replay(events: readonly Event[], ranks = events.map((_, i) => i + 1)): Replay {
  const state = createReplay();
  const columns = REPLAYED_COLUMNS.map((name) => events.map((each) => each[name]));
  for (const i of events.keys()) state.add(columns, i, ranks[i]!);
  return state;
}

/** Formats every execution as text, grouped by client. */
function executions(state: Replay): Record<string, string>[] {
  return state.clients().flatMap(({ rows, groups }) => {
    const all = [...groups()].flatMap((group) =>
      Array.from(
        { length: group.rows },
        (_, i) =>
          Object.fromEntries(EXECUTION_COLUMNS.map(({ name, type }, c) => [
            name,
            formatValue(group.columns[c]![i]!, type),
          ])),
      )
    );
    assertEquals(all.length, rows);
    return all;
  });
}

/** Returns the only execution of these events. */
function one(events: readonly Event[], ranks?: number[]): Record<string, string> {
  const all = executions(replay(events, ranks));
  assertEquals(all.length, 1);
  return all[0]!;
}

/** Generates numbers from 0 to 2^32 - 1. Every run generates the same numbers. */
function mulberry(seed: number): (below: number) => number {
  return (below) => {
    seed = seed + 0x6d2b79f5 | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

Deno.test("replay: returns no executions for no events", () => {
  assertEquals(replay([]).operations, 0);
  assertEquals(replay([]).clients(), []);
});

Deno.test("replay: builds an execution from its events", () => {
  const execution = one([
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
  Deno.test(`replay: sets the status ${status} after ${type}, whatever the status was before`, () => {
    for (const [before] of STATUS) {
      const events = [event({ event_type: before }), event({ event_type: type })];
      assertEquals(one(events).status, status);
    }
  });
}

Deno.test("replay: ignores other events, including their client and prices", () => {
  for (
    const event_type of [
      "STALE_PRICE",
      "KILL_SWITCH",
      "SLIPPAGE_BREACH",
      "CIRCUIT_BREAKER",
      "MOON_LANDING",
      "",
      "executed",
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
    assertEquals(one([event(), noise]), one([event()]), event_type);
    assertEquals(replay([noise]).operations, 0, event_type);
  }
});

Deno.test("replay: keeps the last value that is not null in each column", () => {
  const values: [Name, Value, Value, string][] = [
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
    assertEquals(one(events)[name], text);
    assertEquals(one(events.slice(2))[name], "null");
  }
});

Deno.test("replay: takes each of the three times from the latest event of its type", () => {
  const at = (event_type: string, occurred_at: bigint) => event({ event_type, occurred_at });
  const execution = one([
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

Deno.test("replay: assigns an operation whose client changes to the last client only", () => {
  const state = replay([event({ client_id: 1n }), event({ client_id: 2n })]);
  assertEquals(state.clients().map(({ client, rows }) => [client, rows]), [[2n, 1]]);
  const back = replay([event({ client_id: 1n }), event({ client_id: 2n })], [2, 1]);
  assertEquals(back.clients().map(({ client }) => client), [1n]);
});

Deno.test("replay: sorts clients and operations as numbers, negative numbers first", () => {
  const ids = [10n, 9n, -1n, 0n, 9223372036854775807n, -9223372036854775808n, -10n];
  const sorted = ids.toSorted((a, b) => (a < b ? -1 : 1));
  const events = ids.flatMap((client_id, c) =>
    ids.slice(0, 4).map((id, o) =>
      event({ client_id, operation_id: id * 100n + BigInt(7 * c + o) })
    )
  );
  const state = replay(events);
  assertEquals(state.operations, events.length);
  assertEquals(state.clients().map(({ client }) => client), sorted);
  for (const { groups } of state.clients()) {
    const operations = [...groups()].flatMap(({ columns }) => Array.from(columns[1]!)) as bigint[];
    assertEquals(operations, operations.toSorted((a, b) => (a < b ? -1 : 1)));
  }
  // The operations of one client, over the whole range of numbers.
  const single = replay(ids.map((operation_id) => event({ operation_id })));
  const [{ groups }] = single.clients() as [ReturnType<Replay["clients"]>[number]];
  assertEquals([...groups()].flatMap(({ columns }) => Array.from(columns[1]!)), sorted);
});

Deno.test("replay: returns the same executions when events are added in any order", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = mulberry(seed);
    const maybe = (value: Value) => random(3) === 0 ? null : value;
    const events = Array.from({ length: 400 }, (_, i) => {
      return event({
        event_type: [...STATUS.map(([type]) => type), "STALE_PRICE"][random(6)]!,
        operation_id: BigInt(random(40) - 20),
        client_id: BigInt(random(4)),
        event_id: `00000000-0000-0000-0000-${String(i).padStart(12, "0")}`,
        occurred_at: BigInt(random(1000)),
        symbol: `S${random(5)}`,
        source: ["ws", "cron", "manual"][random(3)]!,
        stop_price: maybe(price(BigInt(random(1000)) - 500n)),
        quantity: maybe(price(BigInt(random(1000)))),
        side: maybe(["BUY", "SELL"][random(2)]!),
        exchange_order_id: maybe(`${random(1000)}`),
        slippage_pct: maybe(BigInt(random(1000)) - 500n),
      });
    });
    const order = events.map((_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const other = random(i + 1);
      [order[i], order[other]] = [order[other]!, order[i]!];
    }
    const shuffled = replay(order.map((i) => events[i]!), order.map((i) => i + 1));
    assertEquals(executions(shuffled), executions(replay(events)), `seed ${seed}`);
  }
});

Deno.test("replay: keeps the values of operations that take more than one chunk of memory", () => {
  const count = 16384 * 2 + 5;
  const events = Array.from({ length: count }, (_, i) => {
    return event({
      operation_id: BigInt(i),
      event_id: `id ${i}`,
      stop_price: price(BigInt(i)),
      side: i % 3 === 0 ? null : `side ${i}`,
      slippage_pct: i >= 16384 && i < 16390 ? BigInt(i) : null,
    });
  });
  const all = executions(replay(events));
  assertEquals(all.length, count);
  for (const i of [0, 1, 16382, 16383, 16384, 16385, 32767, 32768, count - 1]) {
    const { execution_id, operation_id, stop_price, side, slippage_pct } = all[i]!;
    assertEquals([execution_id, operation_id, side], [
      `id ${i}`,
      `${i}`,
      i % 3 === 0 ? "null" : `side ${i}`,
    ]);
    assertEquals(stop_price, formatValue(price(BigInt(i)), "DECIMAL(20,8)"));
    const slippage = i >= 16384 && i < 16390 ? formatValue(BigInt(i), "DECIMAL(10,4)") : "null";
    assertEquals(slippage_pct, slippage);
  }
  const groups = [...replay(events).clients()[0]!.groups()];
  assertEquals(groups.map(({ rows }) => rows), [10_000, 10_000, 10_000, count - 30_000]);
});

Deno.test("replay: keeps a value after the buffer that it came from is reused", () => {
  const buffer = price(5n);
  const state = replay([event({ stop_price: buffer })]);
  buffer.fill(0xff);
  assertEquals(executions(state)[0]!.stop_price, "0.00000005");
});

// The order of the replay: (event_seq, occurred_at, event_id). Events without an event_seq come first.

/** An event of bronze: event_seq, occurred_at, event_id. */
type Placed = readonly [bigint | null, bigint, string];

/** Parts of bronze, each a list of row groups. */
function parts(groups: readonly (readonly (readonly Placed[])[])[]): Pick<PartReader, "groups">[] {
  return groups.map((part) => ({
    async *groups(names) {
      for (const rows of part) {
        const columns = names.map((name) =>
          rows.map((row) => row[["event_seq", "occurred_at", "event_id"].indexOf(name)]!)
        );
        yield await Promise.resolve({ rows: rows.length, columns } as FileGroup);
      }
    },
  }));
}

/** Iterates over the parts from the last to the first, and counts the parts that were opened. */
function fromTheEnd(readers: readonly Pick<PartReader, "groups">[]) {
  const opened = { parts: 0 };
  async function* source() {
    for (const reader of readers.toReversed()) {
      opened.parts++;
      yield await Promise.resolve(reader);
    }
  }
  return { opened, source: source() };
}

const ranksOf = async (...groups: (readonly (readonly Placed[])[])[]) => {
  return [...await unsequencedRanks(fromTheEnd(parts(groups)).source)];
};

Deno.test("replay: applies events without an event_seq first, by occurred_at and then by event_id", async () => {
  const bronze: Placed[] = [
    [1n, 50n, "x"],
    [2n, 40n, "y"],
    [null, 30n, "a"],
    [null, 10n, "b"],
    [null, 20n, "c"],
    [null, 10n, "d"],
  ];
  const ranks = await unsequencedRanks(fromTheEnd(parts([[bronze]])).source);
  assertEquals([...ranks], [4, 1, 3, 2]);
  const place = placer(ranks);
  assertEquals(bronze.map(([seq, , id]) => place(seq, id)), [5, 6, 4, 1, 3, 2]);
});

Deno.test("replay: orders events of the same time by event_id", async () => {
  const ids = ["00", "0f", "10", "a0", "f0", "ff"];
  assertEquals(await ranksOf([ids.map((id): Placed => [null, 7n, id])]), [1, 2, 3, 4, 5, 6]);
});

Deno.test("replay: orders a day without event_seq by time", async () => {
  const bronze: Placed[] = [[null, 3n, "a"], [null, -2n, "b"], [null, 1n, "c"]];
  assertEquals(await ranksOf([bronze]), [3, 1, 2]);
  assertEquals(await ranksOf(), []);
});

Deno.test("replay: finds events without an event_seq across row groups and parts, in the order of bronze", async () => {
  const first: Placed[][] = [[[1n, 0n, "x"]], [[2n, 0n, "y"], [null, 9n, "a"]]];
  const second: Placed[][] = [[[null, 7n, "b"]], [[null, 8n, "c"]]];
  const third: Placed[][] = [[[null, 1n, "d"]]];
  assertEquals(await ranksOf(first, second, third), [4, 2, 3, 1]);
});

Deno.test("replay: opens no part before the last event_seq", async () => {
  const sequenced: Placed[][] = [[[1n, 0n, "x"]]];
  const last: Placed[][] = [[[2n, 0n, "y"], [null, 1n, "a"]]];
  const { opened, source } = fromTheEnd(parts([sequenced, sequenced, last]));
  assertEquals([...await unsequencedRanks(source)], [1]);
  assertEquals(opened.parts, 1);
});

Deno.test("replay: assigns places by event_seq, also with gaps and negative numbers", () => {
  const place = placer(new Uint32Array());
  const seqs = [-9223372036854775808n, -5n, 0n, 1n, 1000n, 9223372036854775807n];
  assertEquals(seqs.map((seq) => place(seq, "x")), [1, 2, 3, 4, 5, 6]);
});

const OUT_OF_ORDER: [string, (bigint | null)[], number[]][] = [
  ["a smaller event_seq after a larger one", [1n, 3n, 2n], []],
  ["a duplicate event_seq", [1n, 2n, 2n], []],
  ["an event_seq after an event without one", [1n, null, 2n], [1]],
  ["an event_seq after only events without one", [null, 2n], [1]],
  ["more events without an event_seq than were ranked", [1n, null, null], [1]],
];
for (const [what, seqs, ranks] of OUT_OF_ORDER) {
  Deno.test(`replay: refuses bronze that is out of order, and names the event: ${what}`, () => {
    const place = placer(Uint32Array.from(ranks));
    const error = assertThrows(() => seqs.forEach((seq, i) => place(seq, `event-${i}`)), Error);
    assertStringIncludes(error.message, `event-${seqs.length - 1}`);
  });
}

Deno.test("replay: assigns the places of a plain sort on random days", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = mulberry(seed);
    const events = Array.from({ length: 60 }, (_, i): Placed => {
      const id = `${random(1 << 30).toString(16).padStart(8, "0")}-${i}`;
      return [random(4) === 0 ? BigInt(1000 + i) : null, BigInt(random(6)), id];
    });
    const byId = (a: Placed, b: Placed) => (a[2] < b[2] ? -1 : 1);
    const bronze = events.toSorted((a, b) => {
      if (a[0] === null || b[0] === null) {
        return a[0] === b[0] ? byId(a, b) : a[0] === null ? 1 : -1;
      }
      return a[0] < b[0] ? -1 : 1;
    });
    const expected = events.toSorted((a, b) => {
      if (a[0] === null || b[0] === null) {
        if (a[0] !== b[0]) return a[0] === null ? -1 : 1;
        return a[1] === b[1] ? byId(a, b) : a[1] < b[1] ? -1 : 1;
      }
      return a[0] < b[0] ? -1 : 1;
    });
    const groups: Placed[][] = [];
    for (let from = 0; from < bronze.length;) {
      const size = 1 + random(9);
      groups.push(bronze.slice(from, from + size));
      from += size;
    }
    const cut = random(groups.length + 1);
    const place = placer(
      await unsequencedRanks(fromTheEnd(parts([groups.slice(0, cut), groups.slice(cut)])).source),
    );
    const places = new Map(bronze.map(([seq, , id]) => [id, place(seq, id)]));
    assert(expected.every(([, , id], i) => places.get(id) === i + 1), `seed ${seed}`);
  }
});
