import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { formatValue } from "../../../pipeline/contract/value_text.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { openPart } from "../../../pipeline/lake/parquet_reader.ts";
import type { PartBody } from "../../../pipeline/lake/parts.ts";
import type { CopyBlock } from "../../../pipeline/outbox/copy_tap.ts";
import {
  createEventParts,
  type EventPartsOptions,
  RefusedEvent,
} from "../../../pipeline/pages/event_parts.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../../support/assert.ts";
import {
  blockOf,
  bodies,
  copyOf,
  eventRow,
  type Field,
  header,
  hex,
  int,
  join,
  jsonb,
  numeric,
  row,
  rowsOf,
  SIGNATURE,
  TRAILER,
  utf8,
} from "../../support/copy_stream.ts";

const NAMES = [
  "event_id",
  "event_seq",
  "occurred_at",
  "symbol",
  "stop_price",
  "payload_json",
  "slippage_pct",
  "retry_count",
];
const TYPES = NAMES.map((name) => EVENT_COLUMNS.find((column) => column.name === name)!.type);

const ROWS: Record<string, Field>[] = [
  {
    event_id: hex("ffffffffffffffffffffffffffffffff"),
    event_seq: int(64, -1),
    occurred_at: int(64, -946_684_800_000_001n),
    symbol: utf8("a symbol that is longer than any short text, 東京 🚀"),
    stop_price: numeric(-2, 0x4000, 8, 1),
    payload_json: jsonb('""'),
    slippage_pct: numeric(1, 0, 4, 99, 9999, 9999),
    retry_count: int(32, 7),
  },
  {
    event_id: hex("6f1d2c7e0a544c1b9f382b7d51e0a001"),
    event_seq: int(64, 9223372036854775807n),
    occurred_at: int(64, 820_116_191_204_518n), // since 2000-01-01
    symbol: utf8("BTCUSDC"),
    stop_price: numeric(1, 0, 8, 8, 7412, 3500),
    payload_json: jsonb('{"price": "87412.35", "ü": [1, null]}'),
    slippage_pct: numeric(0, 0x4000, 4, 12, 3400),
    retry_count: int(32, -2147483648),
  },
  {
    event_id: hex("00000000000000000000000000000000"),
    event_seq: null,
    occurred_at: int(64, 0),
    symbol: utf8(""),
  },
];

const TEXTS = [
  [
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "-1",
    "1969-12-31T23:59:59.999999Z",
    "a symbol that is longer than any short text, 東京 🚀",
    "-0.00000001",
    '""',
    "999999.9999",
    "7",
  ],
  [
    "6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a001",
    "9223372036854775807",
    "2025-12-27T02:03:11.204518Z",
    "BTCUSDC",
    "87412.35000000",
    '{"price": "87412.35", "ü": [1, null]}',
    "-12.3400",
    "-2147483648",
  ],
  [
    "00000000-0000-0000-0000-000000000000",
    "null",
    "2000-01-01T00:00:00Z",
    "",
    "null",
    "null",
    "null",
    "null",
  ],
];

async function encode(
  copies: readonly AsyncIterable<CopyBlock>[],
  options?: EventPartsOptions,
): Promise<PartBody[]> {
  return await Array.fromAsync(createEventParts(options).read(copies));
}

/** Encodes messages with these bodies, which are one block. */
async function encodeBodies(parts: readonly Uint8Array[]): Promise<PartBody[]> {
  return await encode([copyOf(blockOf(parts))]);
}

/** Formats every row as text. */
async function inWords(files: readonly PartBody[]): Promise<string[][]> {
  return (await rowsOf(files, NAMES)).map((values) =>
    values.map((value, i) => formatValue(value, TYPES[i]!))
  );
}

/** A copy of rows that differ only in event_seq, from `first` on, in blocks of some rows each. */
async function* manyRows(
  count: number,
  changes: Record<string, Field> = {},
  { first = 1, perBlock = 1000 } = {},
): AsyncGenerator<CopyBlock> {
  const template = eventRow(changes);
  const rows = Array.from({ length: count }, (_, i) => {
    const copy = template.slice();
    copy.set(int(64, first + i), 2 + 4 + 16 + 4);
    return copy;
  });
  const parts = bodies(rows);
  for (let at = 0; at < parts.length; at += perBlock) yield blockOf(parts.slice(at, at + perBlock));
}

/** The number of rows of each row group of a file. */
async function groupRows({ body }: PartBody): Promise<number[]> {
  const groups = await Array.fromAsync(openPart(body).groups(["source"]));
  return groups.map(({ rows }) => rows);
}

Deno.test("event_parts: encodes every value of a copy exactly", async () => {
  assertEquals(await inWords(await encodeBodies(bodies(ROWS.map(eventRow)))), TEXTS);
});

Deno.test("event_parts: accepts the header, the rows and the trailer in messages of their own", async () => {
  const parts = [header(), ...ROWS.map(eventRow), TRAILER];
  assertEquals(await inWords(await encodeBodies(parts)), TEXTS);
  assertEquals(
    await inWords(await encode([copyOf(...parts.map((each) => blockOf([each])))])),
    TEXTS,
  );
});

Deno.test("event_parts: skips an extension area in the header", async () => {
  const [first, ...others] = ROWS.map(eventRow);
  const parts = [join(header(utf8("an extension")), first!), ...others, TRAILER];
  assertEquals(await inWords(await encodeBodies(parts)), TEXTS);
});

Deno.test("event_parts: returns no file for a copy without rows", async () => {
  assertEquals(await encodeBodies([join(header(), TRAILER)]), []);
  assertEquals(await encodeBodies([header(), TRAILER]), []);
});

Deno.test("event_parts: refuses a copy without its end", async () => {
  const parts = bodies(ROWS.map(eventRow));
  for (let length = 0; length < parts.length; length++) {
    await assertRejects(() => encodeBodies(parts.slice(0, length)), Error, "ended early");
  }
});

Deno.test("event_parts: refuses data after the end of a copy", async () => {
  const parts = [...bodies(ROWS.map(eventRow)), eventRow()];
  await assertRejects(() => encodeBodies(parts), Error, "data after its end");
});

Deno.test("event_parts: refuses a message that is cut off at any byte", async () => {
  const whole = eventRow(ROWS[1]);
  for (let length = 0; length < whole.length; length++) {
    const parts = [header(), whole.subarray(0, length), TRAILER];
    const error = await assertRejects(() => encodeBodies(parts), Error);
    assert(!(error instanceof RefusedEvent), `${length} bytes: ${error.message}`);
  }
  for (let length = 0; length < 19; length++) {
    const parts = [header().subarray(0, length), TRAILER];
    await assertRejects(() => encodeBodies(parts), Error, "not a binary COPY stream");
  }
});

Deno.test("event_parts: refuses another signature", async () => {
  for (let i = 0; i < SIGNATURE.length; i++) {
    const [first, ...others] = bodies(ROWS.map(eventRow));
    first![i]! ^= 1;
    await assertRejects(() => encodeBodies([first!, ...others]), Error, "not a binary COPY stream");
  }
  const text = [utf8("1\tBTCUSDC\t\\N\n".repeat(9))];
  await assertRejects(() => encodeBodies(text), Error, "not a binary COPY stream");
  const extension = join(SIGNATURE, int(32, 0), int(32, -1));
  await assertRejects(() => encodeBodies([extension]), Error, "not a binary COPY stream");
});

Deno.test("event_parts: refuses a row with a wrong number of fields", async () => {
  const fields = (count: number) => row(Array.from({ length: count }, () => null));
  const n = EVENT_COLUMNS.length;
  for (const count of [n + 1, n - 1, 0]) {
    const parts = bodies([fields(count)]);
    await assertRejects(() => encodeBodies(parts), Error, `has ${count} fields instead of ${n}`);
  }
  const negative = bodies([int(16, -2)]);
  await assertRejects(() => encodeBodies(negative), Error, `has -2 fields instead of ${n}`);
});

Deno.test("event_parts: refuses a field with an impossible length", async () => {
  for (const length of [-2, -2147483648, 2147483647, 1_000_000]) {
    for (const name of ["event_id", "symbol", "retry_count"]) {
      const wrong = eventRow({ [name]: hex("a5a5a5a5") });
      const at = wrong.findIndex((_, i) =>
        hex("a5a5a5a5").every((byte, k) => wrong[i + k] === byte)
      );
      new DataView(wrong.buffer).setInt32(at - 4, length);
      await assertRejects(() => encodeBodies(bodies([wrong])), Error);
    }
  }
});

const UNFIT: [string, Record<string, Field>, string][] = [
  ["null in a column without nulls", { symbol: null }, "its symbol is null"],
  ["a null time", { occurred_at: null }, "its occurred_at is null"],
  ["a time of infinity", { occurred_at: int(64, 2n ** 63n - 1n) }, "its occurred_at does not fit"],
  ["a time of -infinity", { occurred_at: int(64, -(2n ** 63n)) }, "its occurred_at does not fit"],
  [
    "a time that is too late for Parquet",
    { occurred_at: int(64, 2n ** 63n - 946_684_800_000_000n) },
    "its occurred_at does not fit",
  ],
  ["a price of NaN", { stop_price: numeric(0, 0xc000, 0) }, "its stop_price does not fit"],
  ["a price of Infinity", { stop_price: numeric(0, 0xd000, 0) }, "its stop_price does not fit"],
  ["nine decimals", { stop_price: numeric(-3, 0, 9, 1000) }, "its stop_price does not fit"],
  ["a large percentage", { slippage_pct: numeric(1, 0, 4, 100) }, "its slippage_pct does not fit"],
  ["a percentage of NaN", { slippage_pct: numeric(0, 0xc000, 0) }, "its slippage_pct does not fit"],
  ["a short numeric", { stop_price: hex("0001") }, "its stop_price does not fit"],
  [
    "a numeric with a digit too few",
    { fill_price: numeric(0, 0, 0, 1, 2).slice(0, -2) },
    "its fill_price does not fit",
  ],
  ["a jsonb of version 2", { payload_json: hex("027b7d") }, "its payload_json does not fit"],
  ["a jsonb without a version", { payload_json: hex("") }, "its payload_json does not fit"],
];

for (const [what, changes, problem] of UNFIT) {
  Deno.test(`event_parts: refuses ${what}, and names the event`, async () => {
    const good = Array.from(
      { length: 3 },
      (_, i) => eventRow({ event_id: new Uint8Array(16), event_seq: int(64, i) }),
    );
    const bad = eventRow({ event_seq: int(64, 9), ...changes });
    const rows = [...good, bad, eventRow({ event_seq: null })];
    const failure = await assertRejects(() => encodeBodies(bodies(rows)), RefusedEvent);
    assertEquals(failure.kind, "data");
    assertStringIncludes(failure.message, "event 6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a001");
    assertStringIncludes(failure.message, problem);
  });
}

Deno.test("event_parts: names an event with a null id as an event without an id", async () => {
  const parts = bodies([eventRow({ event_id: null })]);
  const failure = await assertRejects(() => encodeBodies(parts), RefusedEvent);
  assertStringIncludes(failure.message, "event without an id: its event_id is null");
});

Deno.test("event_parts: refuses a field whose width does not match its type", async () => {
  const widths: Record<string, Field>[] = [
    { event_id: hex("00") },
    { event_seq: int(32, 1) },
    { occurred_at: int(32, 1) },
    { retry_count: int(64, 1) },
  ];
  for (const changes of widths) {
    const failure = await assertRejects(() => encodeBodies(bodies([eventRow(changes)])), Failure);
    assert(!(failure instanceof RefusedEvent));
    assertStringIncludes(failure.message, `export ${Object.keys(changes)[0]}`);
    assertStringIncludes(failure.message, "A migration may have changed it");
  }
});

Deno.test("event_parts: refuses an event_seq that is not larger than the one before it", async () => {
  const seqs = (...values: (bigint | null)[]) =>
    bodies(values.map((seq) => eventRow({ event_seq: seq === null ? null : int(64, seq) })));
  const orders = [[1n, 1n], [2n, 1n], [2n ** 32n, 1n], [1n, -1n], [-1n, -(2n ** 40n)], [null, 1n]];
  for (const order of orders) {
    const failure = await assertRejects(() => encodeBodies(seqs(...order)), RefusedEvent);
    assertStringIncludes(failure.message, "its event_seq is not greater than that of the event");
  }
  const [file] = await encodeBodies(
    seqs(
      -(2n ** 63n),
      -(2n ** 40n),
      -1n,
      0n,
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 63n - 1n,
      null,
      null,
    ),
  );
  assertEquals(file!.rows, 9);
});

Deno.test("event_parts: refuses an order that is wrong across blocks and copies", async () => {
  const second = manyRows(1, {}, { first: 3 });
  const error = await assertRejects(() => encode([manyRows(5), second]), RefusedEvent);
  assertStringIncludes(error.message, "its event_seq");
  const blocks = copyOf(blockOf([header(), eventRow()]), blockOf([eventRow(), TRAILER]));
  await assertRejects(() => encode([blocks]), RefusedEvent);
});

Deno.test("event_parts: reads a copy to its end after a refused event", async () => {
  let ended = false;
  async function* copy() {
    yield* manyRows(2500, { slippage_pct: numeric(0, 0xc000, 0) });
    ended = true;
  }
  await assertRejects(() => encode([copy()]), RefusedEvent);
  assert(ended);
});

Deno.test("event_parts: passes on an error of the copy unchanged", async () => {
  const reason = new Error("the line went dead");
  async function* source() {
    yield blockOf([header(), eventRow()]);
    await Promise.resolve();
    throw reason;
  }
  const error = await assertRejects(() => encode([source()]));
  assertInstanceOf(error, Error);
  assertEquals(error, reason);
});

Deno.test("event_parts: ends a row group at 20,000 rows, whatever the size of the blocks", async () => {
  for (const perBlock of [7, 1000, 40_000]) {
    const [file, ...others] = await encode([manyRows(40_001, {}, { perBlock })]);
    assertEquals(others, []);
    assertEquals(await groupRows(file!), [20_000, 20_000, 1]);
    const seqs = (await rowsOf([file!], ["event_seq"])).map(([seq]) => seq);
    assert(seqs.every((seq, i) => seq === BigInt(i + 1)));
  }
  const [file] = await encode([manyRows(20_000)]);
  assertEquals(await groupRows(file!), [20_000]);
});

Deno.test("event_parts: ends a row group of large rows at 8 MiB", async () => {
  const payload_json = jsonb(`"${"x".repeat(1 << 20)}"`);
  for (const perBlock of [1, 3]) {
    const [file] = await encode([manyRows(20, { payload_json }, { perBlock })]);
    assertEquals(await groupRows(file!), [8, 8, 4]);
  }
});

Deno.test("event_parts: ends a part with the row group that reaches 15 MiB", async () => {
  const rows = Array.from({ length: 30 }, (_, i) => {
    const noise = Array.from({ length: 12 }, () => crypto.getRandomValues(new Uint8Array(65_536)));
    return eventRow({ event_seq: int(64, i), error_message: utf8(join(...noise).toBase64()) });
  });
  const files = await encodeBodies(bodies(rows));
  assertEquals(files.map(({ rows }) => rows), [24, 6]);
  assertEquals(await groupRows(files[0]!), [8, 8, 8]);
});

Deno.test("event_parts: ends a part at 1 GiB of COPY, so that it is not too large to read", async () => {
  const payload_json = jsonb("x".repeat(8 << 20));
  const large = blockOf([eventRow({ event_seq: null, payload_json })]);
  const rows = Array.from({ length: 129 }, () => large);
  const files = await encode([copyOf(blockOf([header()]), ...rows, blockOf([TRAILER]))]);
  assertEquals(files.map(({ rows }) => rows), [128, 1]);
  assertEquals(await groupRows(files[0]!), Array.from({ length: 128 }, () => 1));
});

Deno.test("event_parts: gives the same parts for the ranges of a day as for the whole day", async () => {
  const whole = await encode([manyRows(260_000, {}, { perBlock: 4000 })]);
  assertEquals(whole.map(({ rows }) => rows), [250_000, 10_000]);
  const ranges = [
    ...await encode([manyRows(250_000, {}, { perBlock: 777 })]),
    ...await encode([manyRows(10_000, {}, { first: 250_001 })]),
  ];
  assertEquals(ranges.map(({ body }) => body), whole.map(({ body }) => body));
});

Deno.test("event_parts: continues a part with the next copy, and skips copies without rows to come", async () => {
  const nulls = () =>
    copyOf(blockOf(bodies([eventRow({ event_seq: null }), eventRow({ event_seq: null })])));
  const [file, ...others] = await encode([manyRows(3), nulls()]);
  assertEquals([file!.rows, others], [5, []]);
  assertEquals((await encode([manyRows(3), nulls()], { rows: 5 }))[0]!.rows, 5);
  const refused = (): AsyncIterable<CopyBlock> => ({
    [Symbol.asyncIterator]: () => {
      throw new Error("this copy must not start");
    },
  });
  assertEquals((await encode([manyRows(3), refused()], { rows: 3 }))[0]!.rows, 3);
  assertEquals(await encode([refused()], { rows: 0 }), []);
});

Deno.test("event_parts: keeps only the chosen events, in files that do not depend on the others", async () => {
  const rows = Array.from({ length: 50 }, (_, i) =>
    eventRow({
      event_id: join(new Uint8Array(8), int(64, i)),
      event_seq: int(64, i),
    }));
  const id = (i: number) => `00000000-0000-0000-0000-${i.toString(16).padStart(12, "0")}`;
  const chosen = [3, 4, 17, 49];
  const only = new Set(chosen.map(id));
  const [file] = await encode([copyOf(blockOf(bodies(rows)))], { only });
  const [alone] = await encodeBodies(bodies(chosen.map((i) => rows[i]!)));
  assertEquals(file, alone);
});

Deno.test("event_parts: keeps only the first rows, and reads the copy to its end", async () => {
  for (const most of [1, 999, 1000, 1001, 5000]) {
    const [file] = await encode([manyRows(5000), manyRows(0)], { most });
    const [first] = await encode([manyRows(most)]);
    assertEquals(file, first);
  }
});

Deno.test("event_parts: counts rows for the progress, and the rows of each event type", async () => {
  const progress: number[] = [];
  const encoder = createEventParts({ onGroup: (rows) => progress.push(rows) });
  const copies = [
    manyRows(20_500, { event_type: utf8("EXECUTED") }),
    manyRows(2, { event_type: utf8("NEW ✓") }, { first: 30_000 }),
  ];
  for await (const _ of encoder.read(copies)) { /* only count */ }
  assertEquals(progress, [20_000, 20_502]);
  assertEquals(encoder.eventTypes, new Map([["EXECUTED", 20_500], ["NEW ✓", 2]]));
});

Deno.test("event_parts: counts an event type with a byte order mark apart from the type without it", async () => {
  const parts = createEventParts();
  const rows = ["EXECUTED", "\uFEFFEXECUTED"].map((event_type, i) =>
    eventRow({ event_seq: int(64, i + 1), event_type: utf8(event_type) })
  );
  await Array.fromAsync(parts.read([copyOf(blockOf(bodies(rows)))]));
  assertEquals([...parts.eventTypes], [["EXECUTED", 1], ["\uFEFFEXECUTED", 1]]);
});
