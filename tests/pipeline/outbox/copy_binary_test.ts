import type { EventColumn, RowGroup } from "../../../pipeline/contract/column.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { formatValue } from "../../../pipeline/contract/value_text.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { decodeCopy } from "../../../pipeline/outbox/copy_binary.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../../support/assert.ts";

// Streams written by hand, as the Postgres manual describes binary COPY: a signature, flags,
// an extension area, rows of fields that each begin with their length, and a trailer of -1.

const COLUMNS = [
  "event_id",
  "event_seq",
  "occurred_at",
  "symbol",
  "stop_price",
  "payload_json",
  "slippage_pct",
  "retry_count",
].map((name) => EVENT_COLUMNS.find((column) => column.name === name)!);

type Field = Uint8Array | null;

function int(bits: 16 | 32 | 64, value: number | bigint): Uint8Array {
  const field = new DataView(new ArrayBuffer(bits / 8));
  if (bits === 16) field.setInt16(0, Number(value));
  else if (bits === 32) field.setInt32(0, Number(value));
  else field.setBigInt64(0, BigInt(value));
  return new Uint8Array(field.buffer);
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (text: string) => Uint8Array.from(text.match(/../g)!, (pair) => parseInt(pair, 16));
const jsonb = (text: string) => join(Uint8Array.of(1), utf8(text));

/** Encodes a numeric: count, weight, sign, scale, then the base-10000 digits. */
const numeric = (weight: number, sign: number, scale: number, ...digits: number[]) =>
  join(...[digits.length, weight, sign, scale, ...digits].map((each) => int(16, each)));

function join(...arrays: Uint8Array[]): Uint8Array {
  return Uint8Array.from(arrays.flatMap((array) => [...array]));
}

const SIGNATURE = Uint8Array.from([..."PGCOPY\n\xff\r\n\0"], (char) => char.charCodeAt(0));
const TRAILER = int(16, -1);

function header(extension = new Uint8Array(0)): Uint8Array {
  return join(SIGNATURE, int(32, 0), int(32, extension.length), extension);
}

function row(fields: readonly Field[]): Uint8Array {
  const parts = fields.flatMap((field) =>
    field === null ? [int(32, -1)] : [int(32, field.length), field]
  );
  return join(int(16, fields.length), ...parts);
}

const ROWS: Field[][] = [
  [
    hex("6f1d2c7e0a544c1b9f382b7d51e0a001"),
    int(64, 9223372036854775807n),
    int(64, 820_116_191_204_518n), // since 2000-01-01
    utf8("BTCUSDC"),
    numeric(1, 0, 8, 8, 7412, 3500),
    jsonb('{"price": "87412.35", "ü": [1, null]}'),
    numeric(0, 0x4000, 4, 12, 3400),
    int(32, -2147483648),
  ],
  [
    hex("00000000000000000000000000000000"),
    null,
    int(64, 0),
    utf8(""),
    null,
    null,
    null,
    null,
  ],
  [
    hex("ffffffffffffffffffffffffffffffff"),
    int(64, -1),
    int(64, -946_684_800_000_001n),
    utf8("a symbol that is longer than any short text, 東京 🚀"),
    numeric(-2, 0x4000, 8, 1),
    jsonb('""'),
    numeric(1, 0, 4, 99, 9999, 9999),
    int(32, 7),
  ],
];

const DECODED = [
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
];

const STREAM = join(header(), ...ROWS.map(row), TRAILER);

async function decode(
  blocks: readonly Uint8Array[],
  columns: readonly EventColumn[] = COLUMNS,
): Promise<RowGroup[]> {
  async function* source() {
    yield* blocks;
  }
  return await Array.fromAsync(decodeCopy(source(), columns));
}

/** Formats every row as text. */
function inWords(groups: readonly RowGroup[]): string[][] {
  return groups.flatMap(({ rows, columns }) =>
    Array.from(
      { length: rows },
      (_, i) => columns.map((column, c) => formatValue(column[i]!, COLUMNS[c]!.type)),
    )
  );
}

/** Returns a stream of one row: the first row with these fields replaced. */
function oneRow(changes: Record<string, Field>): Uint8Array {
  const fields = COLUMNS.map(({ name }, i) => name in changes ? changes[name]! : ROWS[0]![i]!);
  return join(header(), row(fields), TRAILER);
}

Deno.test("copy_binary: decodes every value of a whole stream exactly", async () => {
  assertEquals(inWords(await decode([STREAM])), DECODED);
});

Deno.test("copy_binary: decodes the same values when the stream is split at any byte", async () => {
  for (let at = 0; at <= STREAM.length; at++) {
    const blocks = [STREAM.slice(0, at), STREAM.slice(at)];
    assertEquals(inWords(await decode(blocks)), DECODED, `cut at ${at}`);
  }
});

Deno.test("copy_binary: decodes the same values when the stream arrives byte by byte", async () => {
  assertEquals(inWords(await decode(Array.from(STREAM, (byte) => Uint8Array.of(byte)))), DECODED);
});

Deno.test("copy_binary: accepts blocks that are views into larger buffers, at odd offsets", async () => {
  const buffer = join(hex("abcdef"), STREAM, hex("abcdef"));
  const blocks = [buffer.subarray(3, 104), buffer.subarray(104, buffer.length - 3)];
  assertEquals(inWords(await decode(blocks)), DECODED);
});

Deno.test("copy_binary: returns no row group for a stream without rows", async () => {
  assertEquals(await decode([join(header(), TRAILER)]), []);
});

Deno.test("copy_binary: skips an extension area in the header, wherever the stream is split", async () => {
  const stream = join(header(utf8("an extension")), ...ROWS.map(row), TRAILER);
  for (let at = 0; at < 40; at++) {
    assertEquals(inWords(await decode([stream.slice(0, at), stream.slice(at)])), DECODED);
  }
});

Deno.test("copy_binary: refuses a stream that is cut off at any byte", async () => {
  for (let length = 0; length < STREAM.length; length++) {
    await assertRejects(
      () => decode([STREAM.slice(0, length)]),
      Error,
      "ended early",
      `${length} bytes`,
    );
  }
});

Deno.test("copy_binary: refuses another signature", async () => {
  for (let i = 0; i < SIGNATURE.length; i++) {
    const stream = STREAM.slice();
    stream[i]! ^= 1;
    await assertRejects(() => decode([stream]), Error, "not a binary COPY stream");
  }
  await assertRejects(
    () => decode([utf8("1\tBTCUSDC\t\\N\n".repeat(9))]),
    Error,
    "not a binary COPY stream",
  );
});

Deno.test("copy_binary: refuses a row with a wrong number of fields", async () => {
  const more = join(header(), row([...ROWS[0]!, null]), TRAILER);
  await assertRejects(() => decode([more]), Error, "has 9 fields instead of 8");
  const fewer = join(header(), row(ROWS[0]!.slice(1)), TRAILER);
  await assertRejects(() => decode([fewer]), Error, "has 7 fields instead of 8");
  const negative = join(header(), int(16, -2), TRAILER);
  await assertRejects(() => decode([negative]), Error, "has -2 fields instead of 8");
});

const UNFIT: [string, Record<string, Field>, string][] = [
  ["null in a column without nulls", { symbol: null }, "its symbol is null"],
  ["a null time", { occurred_at: null }, "its occurred_at is null"],
  ["a time of infinity", { occurred_at: int(64, 2n ** 63n - 1n) }, "its occurred_at does not fit"],
  ["a time of -infinity", { occurred_at: int(64, -(2n ** 63n)) }, "its occurred_at does not fit"],
  ["a price of NaN", { stop_price: numeric(0, 0xc000, 0) }, "its stop_price does not fit"],
  ["a price of Infinity", { stop_price: numeric(0, 0xd000, 0) }, "its stop_price does not fit"],
  ["nine decimals", { stop_price: numeric(-3, 0, 9, 1000) }, "its stop_price does not fit"],
  ["a large percentage", { slippage_pct: numeric(1, 0, 4, 100) }, "its slippage_pct does not fit"],
  [
    "a jsonb of version 2",
    { payload_json: join(Uint8Array.of(2), utf8("{}")) },
    "its payload_json does not fit",
  ],
];

for (const [what, changes, problem] of UNFIT) {
  Deno.test(`copy_binary: stops the copy at ${what}, and names the event`, async () => {
    const failure = await assertRejects(() => decode([oneRow(changes)]), Failure);
    assertEquals(failure.kind, "data");
    assertStringIncludes(failure.message, "event 6f1d2c7e-0a54-4c1b-9f38-2b7d51e0a001");
    assertStringIncludes(failure.message, problem);
  });
}

Deno.test("copy_binary: reports an event with a null id as an event without an id", async () => {
  const failure = await assertRejects(() => decode([oneRow({ event_id: null })]), Failure);
  assertStringIncludes(failure.message, "event without an id: its event_id is null");
});

Deno.test("copy_binary: names the row that does not fit among many rows", async () => {
  const bad = ROWS[2]!.with(3, null);
  const stream = join(header(), row(ROWS[0]!), row(ROWS[1]!), row(bad), TRAILER);
  const failure = await assertRejects(() => decode([stream]), Failure);
  assertStringIncludes(failure.message, "event ffffffff-ffff-ffff-ffff-ffffffffffff");
});

/** Returns a stream of `count` rows that differ only in event_seq. */
function manyRows(count: number, changes: Record<string, Field> = {}): Uint8Array {
  const first = oneRow(changes).slice(19, -2);
  const stream = new Uint8Array(19 + count * first.length + 2);
  stream.set(header());
  for (let i = 0; i < count; i++) {
    stream.set(first, 19 + i * first.length);
    stream.set(int(64, i), 19 + i * first.length + 2 + 4 + 16 + 4);
  }
  stream.set(TRAILER, stream.length - 2);
  return stream;
}

function blocksOf(stream: Uint8Array, size: number): Uint8Array[] {
  return Array.from(
    { length: Math.ceil(stream.length / size) },
    (_, i) => stream.slice(i * size, (i + 1) * size),
  );
}

Deno.test("copy_binary: ends a row group at 10,000 rows, whatever the size of the blocks", async () => {
  const stream = manyRows(20_001);
  for (const size of [stream.length, 1 << 20, 65_521]) {
    const groups = await decode(blocksOf(stream, size));
    assertEquals(groups.map(({ rows }) => rows), [10_000, 10_000, 1]);
    const seqs = groups.flatMap(({ columns }) => Array.from(columns[1]!));
    assert(seqs.every((seq, i) => seq === BigInt(i)));
    for (const { columns, rows } of groups) {
      assert(columns.every((column) => column.length === rows));
    }
  }
  assertEquals((await decode([manyRows(10_000)])).map(({ rows }) => rows), [10_000]);
});

Deno.test("copy_binary: ends a row group of large rows at 8 MiB", async () => {
  const payload_json = jsonb(`"${"x".repeat(1 << 20)}"`);
  const groups = await decode(blocksOf(manyRows(20, { payload_json }), 1 << 20));
  assertEquals(groups.map(({ rows }) => rows), [8, 8, 4]);
});

Deno.test("copy_binary: keeps decoded rows unchanged while it decodes more rows", async () => {
  async function* source() {
    yield* blocksOf(manyRows(30_000), 65_521);
  }
  const before: string[][] = [];
  const groups: RowGroup[] = [];
  for await (const group of decodeCopy(source(), COLUMNS)) {
    groups.push(group);
    before.push(...inWords([group]).slice(0, 10));
  }
  const after = groups.flatMap((group) => inWords([group]).slice(0, 10));
  assertEquals(after, before);
});

Deno.test("copy_binary: distinguishes texts that have the same hash", async () => {
  // "Aa" and "BB" have the same hash under the multiplier 31. So do all texts made from them.
  const texts = Array.from(
    { length: 64 },
    (_, i) => i.toString(2).padStart(6, "0").replace(/0/g, "Aa").replace(/1/g, "BB"),
  );
  const rows = [...texts, ...texts].map((text) => row(ROWS[0]!.with(3, utf8(text))));
  const groups = await decode([join(header(), ...rows, TRAILER)]);
  assertEquals(inWords(groups).map((each) => each[3]!), [...texts, ...texts]);
});

Deno.test("copy_binary: passes on an error of the source unchanged", async () => {
  const reason = new Error("the line went dead");
  async function* source() {
    yield STREAM.slice(0, 40);
    await Promise.resolve();
    throw reason;
  }
  const error = await assertRejects(() => Array.fromAsync(decodeCopy(source(), COLUMNS)));
  assertInstanceOf(error, Error);
  assertEquals(error, reason);
});

Deno.test("copy_binary: refuses a field with an impossible length", async () => {
  const stream = oneRow({});
  new DataView(stream.buffer).setInt32(19 + 2, -2);
  await assertRejects(() => decode([stream]), Error);
});

Deno.test("copy_binary: refuses a field whose width does not match its type, and returns no wrong value", async () => {
  const widths: Record<string, Field>[] = [
    { event_id: hex("00") },
    { event_seq: int(32, 1) },
    { occurred_at: int(32, 1) },
    { retry_count: int(64, 1) },
  ];
  for (const changes of widths) {
    const name = Object.keys(changes)[0]!;
    await assertRejects(() => decode([oneRow(changes)]), Error, "", `${name} was decoded`);
  }
});
