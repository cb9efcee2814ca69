import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Column, Value } from "../../../pipeline/contract/column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { openPart } from "../../../pipeline/lake/parquet_reader.ts";
import { type NewPart, readPart } from "../../../pipeline/lake/parts.ts";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../../support/assert.ts";
import { writeWithDuckdb } from "../../support/duckdb.ts";
import { temporaryLake } from "../../support/lakes.ts";
import { createPart, cutParts, type RowGroup } from "../../support/parquet_writer.ts";

const COLUMNS: Column[] = [
  { name: "id", type: "STRING", nullable: false },
  { name: "text", type: "STRING", nullable: true },
  { name: "symbol", type: "STRING", nullable: false }, // the writer expects repeated values in a column of this name
  { name: "side", type: "STRING", nullable: true },
  { name: "small", type: "INT32", nullable: true },
  { name: "large", type: "INT64", nullable: true },
  { name: "time", type: "TIMESTAMP(MICROS,UTC)", nullable: true },
  { name: "price", type: "DECIMAL(20,8)", nullable: true },
  { name: "percent", type: "DECIMAL(10,4)", nullable: true },
];
const NAMES = COLUMNS.map(({ name }) => name);

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
const utf8 = (text: string) => new TextEncoder().encode(text);

const EXTREMES: Value[][] = [
  [
    "a",
    "",
    "BTCUSDC",
    "SELL",
    -2147483648,
    -9223372036854775808n,
    -62135596800_000000n,
    bytes("fa9438a1d29cf00001"),
    -9999999999n,
  ],
  [
    "b",
    "東京 🚀 \u0000 \uFEFF",
    "",
    "",
    2147483647,
    9223372036854775807n,
    253402300799_999999n,
    bytes("056bc75e2d630fffff"),
    9999999999n,
  ],
  ["c", null, "BTCUSDC", null, null, null, null, null, null],
  ["d", "\uFEFFmark", "ETHUSDC", "BUY", 0, 0n, 0n, bytes("000000000000000000"), 0n],
  ["e", "x".repeat(70_000), "é", "BUY", -1, -1n, -1n, bytes("ffffffffffffffffff"), -1n],
];

/** Converts rows to a row group, which holds the values column by column. */
function group(rows: readonly (readonly Value[])[]): RowGroup {
  return { rows: rows.length, columns: COLUMNS.map((_, c) => rows.map((row) => row[c]!)) };
}

function write(groups: readonly RowGroup[], columns: readonly Column[] = COLUMNS) {
  const part = createPart(columns);
  for (const each of groups) part.write(each);
  return part.finish();
}

/** Reads every row of a file. */
async function read(body: Uint8Array<ArrayBuffer>, names = NAMES): Promise<Value[][]> {
  const rows: Value[][] = [];
  for await (const { rows: count, columns } of openPart(body).groups(names)) {
    for (const column of columns) assertEquals(column.length, count);
    for (let i = 0; i < count; i++) rows.push(columns.map((column) => column[i]!));
  }
  return rows;
}

/** Converts bytes to plain arrays, so that an assertion compares and shows the values. */
function comparable(rows: readonly (readonly Value[])[]): unknown[][] {
  return rows.map((row) => row.map((value) => value instanceof Uint8Array ? [...value] : value));
}

Deno.test("parquet: returns the exact values of every type, including nulls and extremes", async () => {
  const { body, rows } = write([group(EXTREMES)]);
  assertEquals(rows, 5);
  assertEquals(comparable(await read(body)), comparable(EXTREMES));
});

Deno.test("parquet: returns bytes that do not keep the memory of their page", async () => {
  const [first] = await Array.fromAsync(openPart(write([group(EXTREMES)]).body).groups(["price"]));
  const value = first!.columns[0]![0] as Uint8Array;
  assertEquals([value.constructor, value.buffer.byteLength], [Uint8Array, 9]);
});

Deno.test("parquet: reads several row groups one by one, in order", async () => {
  const { body, rows } = write([group(EXTREMES), group(EXTREMES.toReversed()), group(EXTREMES)]);
  assertEquals(rows, 15);
  const counts: number[] = [];
  for await (const each of openPart(body).groups(["id"])) counts.push(each.rows);
  assertEquals(counts, [5, 5, 5]);
  const expected = [...EXTREMES, ...EXTREMES.toReversed(), ...EXTREMES];
  assertEquals(comparable(await read(body)), comparable(expected));
});

Deno.test("parquet: keeps the type of a column that has only nulls, for every type", async () => {
  const nulls = COLUMNS.map(({ nullable, type }) => nullable ? null : type === "STRING" ? "x" : 0n);
  const { body } = write([group([nulls, nulls])]);
  assertEquals(
    openPart(body).columns,
    COLUMNS.map(({ name, type, nullable }) => ({
      name,
      type,
      nullable,
    })),
  );
  assertEquals(await read(body), [nulls, nulls]);
});

Deno.test("parquet: keeps long runs of nulls and values in their places", async () => {
  const rows = Array.from({ length: 10_000 }, (_, i): Value[] => {
    const there = Math.floor(i / 37) % 3 !== 0;
    const price = new Uint8Array(9).fill(i % 251);
    return [
      `id ${i}`,
      there ? `text ${i}` : null,
      `S${i % 7}`,
      there ? `side ${i % 3}` : null,
      there ? i : null,
      there ? BigInt(i) : null,
      there ? BigInt(-i) : null,
      there ? price : null,
      there ? BigInt(i * 7) : null,
    ];
  });
  const { body } = write([group(rows.slice(0, 4000)), group(rows.slice(4000))]);
  const back = await read(body);
  assertEquals(back.length, rows.length);
  const expected = comparable(rows);
  comparable(back).forEach((row, i) => {
    if (Deno.inspect(row) !== Deno.inspect(expected[i])) assertEquals(row, expected[i], `row ${i}`);
  });
});

for (
  const [layer, columns] of [["bronze", EVENT_COLUMNS], ["silver", EXECUTION_COLUMNS]] as const
) {
  Deno.test(`parquet: writes the contract's names, types and nullability to the footer of ${layer}`, () => {
    const { body } = write([{ rows: 0, columns: columns.map(() => []) }], columns);
    assertEquals(
      openPart(body).columns,
      columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    );
  });
}

Deno.test("parquet: accepts strings as bytes, and reads the same strings", async () => {
  const asBytes = EXTREMES.map((row) =>
    row.map((value) => typeof value === "string" ? utf8(value) : value)
  );
  assertEquals(comparable(await read(write([group(asBytes)]).body)), comparable(EXTREMES));
});

Deno.test("parquet: writes equal bytes for equal rows, and different bytes for a different value", () => {
  const { body, sha256 } = write([group(EXTREMES)]);
  const again = write([group(EXTREMES)]);
  assertEquals([again.body, again.sha256], [body, sha256]);
  const other = write([group(EXTREMES.with(3, EXTREMES[3]!.with(5, 1n)))]);
  assertNotEquals(other.sha256, sha256);
});

Deno.test("parquet: reads the requested columns, in the requested order", async () => {
  const { body } = write([group(EXTREMES)]);
  assertEquals(await read(body, ["large", "id"]), EXTREMES.map((row) => [row[5]!, row[0]!]));
});

Deno.test("parquet: finds columns by name in a file with another column order", async () => {
  const part = createPart(COLUMNS.toReversed());
  const { rows, columns } = group(EXTREMES);
  part.write({ rows, columns: columns.toReversed() });
  assertEquals(comparable(await read(part.finish().body)), comparable(EXTREMES));
});

Deno.test("parquet: names a missing column in the error", async () => {
  const { body } = write([group(EXTREMES)]);
  await assertRejects(() => read(body, ["id", "fill_price"]), Error, "no column fill_price");
});

Deno.test("parquet: reads a file from a view into a larger buffer", async () => {
  const { body } = write([group(EXTREMES)]);
  const buffer = new Uint8Array(body.length + 200).fill(0x50);
  buffer.set(body, 100);
  const view = buffer.subarray(100, 100 + body.length);
  assertEquals(comparable(await read(view)), comparable(EXTREMES));
});

Deno.test("parquet: refuses a file that is cut off at any length", () => {
  const { body } = write([group(EXTREMES.slice(0, 4))]);
  for (let length = 0; length < body.length; length++) {
    assertThrows(() => openPart(body.slice(0, length)), Error, "", `${length} of ${body.length}`);
  }
});

Deno.test("parquet: refuses a file whose beginning is missing, and returns no wrong values", async () => {
  const { body } = write([group(EXTREMES)]);
  for (const from of [1, 4, 5, 50, body.length - 100, body.length - 8]) {
    await assertRejects(() => read(body.slice(from)), Error, "", `from ${from}`);
  }
});

const NO_FILES: [string, Uint8Array<ArrayBuffer>][] = [
  ["an empty file", new Uint8Array(0)],
  ["the magic bytes alone", utf8("PAR1")],
  ["the magic bytes twice", utf8("PAR1PAR1")],
  ["text", utf8("event_id,event_seq\n1,2\n".repeat(50))],
  ["a footer longer than the file", join(utf8("PAR1"), bytes("ffffff7f"), utf8("PAR1"))],
  [
    "a footer of garbage",
    join(utf8("PAR1"), bytes("ff".repeat(40)), bytes("28000000"), utf8("PAR1")),
  ],
  ["an encrypted footer", join(utf8("PARE"), new Uint8Array(40), utf8("PARE"))],
];
for (const [what, body] of NO_FILES) {
  Deno.test(`parquet: refuses a file that is not Parquet: ${what}`, () => {
    assertThrows(() => openPart(body), Error);
  });
}

Deno.test("parquet: refuses text that is not UTF-8", async () => {
  const broken = EXTREMES.with(0, EXTREMES[0]!.with(1, bytes("41ff42")));
  const { body } = write([group(broken)]);
  await assertRejects(() => read(body), Error);
});

Deno.test("parquet: reads a file of another writer, with data pages of version 1", async () => {
  const file = await Deno.makeTempFile({ suffix: ".parquet" });
  const rows = `SELECT 'id-' || i AS id, 'BTC' || i % 3 AS symbol, i::BIGINT AS seq,
    CASE WHEN i % 2 = 0 THEN (i * 7)::INTEGER END AS retries FROM range(3000) AS t(i)`;
  for (const codec of ["snappy", "zstd", "uncompressed"]) {
    await writeWithDuckdb(rows, file, `CODEC '${codec}', ROW_GROUP_SIZE 2048`);
    const columns: Value[][] = [[], [], [], []];
    const names = ["id", "symbol", "seq", "retries"];
    for await (const group of openPart(await Deno.readFile(file)).groups(names)) {
      group.columns.forEach((values, i) => columns[i]!.push(...values));
    }
    const numbers = Array.from({ length: 3000 }, (_, i) => i);
    assertEquals(columns[0], numbers.map((i) => `id-${i}`));
    assertEquals(columns[1], numbers.map((i) => `BTC${i % 3}`));
    assertEquals(columns[2], numbers.map(BigInt));
    assertEquals(columns[3], numbers.map((i) => i % 2 === 0 ? i * 7 : null));
  }
  await Deno.remove(file);
});

Deno.test("parquet: reports a column without a type as VOID", () => {
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    writer,
    schema: [
      { name: "schema", num_children: 2 },
      { name: "id", type: "INT64", repetition_type: "REQUIRED" },
      {
        name: "fill_price",
        type: "INT32",
        repetition_type: "OPTIONAL",
        logical_type: { type: "NULL" },
      },
    ],
  });
  file.write({
    columnData: [{ name: "id", data: [1n, 2n] }, { name: "fill_price", data: [null, null] }],
  });
  file.finish();
  assertEquals(openPart(new Uint8Array(writer.getBytes())).columns, [
    { name: "id", type: "INT64", nullable: false },
    { name: "fill_price", type: "VOID", nullable: true },
  ]);
});

// Parts: files of a bounded size, with their digest in the name.

const TARGET = 15 << 20;
const FEW: Column[] = [
  { name: "id", type: "INT64", nullable: false },
  { name: "noise", type: "STRING", nullable: false },
];

/** Returns incompressible bytes. The same seed gives the same bytes. */
function noise(size: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = state + 0x6d2b79f5 | 0;
    const mixed = Math.imul(state ^ state >>> 15, state | 1);
    words[i] = mixed ^ mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61) ^ mixed >>> 14;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Returns row groups of one row each. */
function* noisy(sizes: readonly number[]): Generator<RowGroup> {
  for (const [i, size] of sizes.entries()) {
    yield { rows: 1, columns: [[BigInt(i)], [noise(size, i)]] };
  }
}

const cut = (sizes: readonly number[]) =>
  Array.fromAsync(cutParts(noisy(sizes), FEW, "bronze/events/date=2025-12-28/"));

const MEBIBYTE = 1 << 20;

Deno.test("parquet: writes no part for no rows", async () => assertEquals(await cut([]), []));

Deno.test("parquet: names a part by its position and its digest", async () => {
  const parts = await cut(Array(34).fill(MEBIBYTE));
  assertEquals(parts.map(({ rows }) => rows), [15, 15, 4]);
  for (const [i, { key, sha256, body, bytes }] of parts.entries()) {
    assertEquals(
      key,
      `bronze/events/date=2025-12-28/part-0000${i}-${sha256.slice(0, 32)}.parquet`,
    );
    assertMatch(sha256, /^[0-9a-f]{64}$/);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
    assertEquals(sha256, digest.toHex());
    assertEquals(bytes, body.length);
  }
});

Deno.test("parquet: ends a part after the row group that brings it to 15 MiB", async () => {
  const parts = await cut([...Array(5).fill(4 * MEBIBYTE), 20 * MEBIBYTE, 1000]);
  assertEquals(parts.map(({ rows }) => rows), [4, 2, 1]);
  for (const { bytes } of parts.slice(0, -1)) assertGreaterOrEqual(bytes, TARGET);
  assertLessOrEqual(parts.at(-1)!.bytes, 10_000);
});

Deno.test("parquet: writes every row to the parts, in order", async () => {
  const parts = await cut(Array(40).fill(MEBIBYTE));
  const ids: Value[] = [];
  for (const { body } of parts) {
    for await (const { columns } of openPart(body).groups(["id"])) ids.push(...columns[0]!);
  }
  assertEquals(ids, Array.from({ length: 40 }, (_, i) => BigInt(i)));
});

Deno.test("parquet: writes equal parts with equal names for equal rows", async () => {
  const sizes = Array(17).fill(MEBIBYTE);
  const [first, second] = [await cut(sizes), await cut(sizes)];
  assertEquals(first.map(({ key }) => key), second.map(({ key }) => key));
  assert(first.every(({ body }, i) => body.every((byte, at) => byte === second[i]!.body[at])));
});

Deno.test("parquet: refuses a part of 64 MiB or more, and accepts a smaller part", async () => {
  const [large] = await cut([63 * MEBIBYTE]);
  assertLessOrEqual(large!.bytes, 64 * MEBIBYTE);
  const failure = await assertRejects(() => cut([65 * MEBIBYTE]), Failure);
  assertEquals(failure.kind, "data");
  assertMatch(failure.message, /part-00000-[0-9a-f]{32}\.parquet: it has 65 MiB in 1 rows/);
  assertStringIncludes(failure.message, "payload_json or error_message");
});

// Reading a part that a marker lists: the digest proves that the content is the published one.

async function onePart(): Promise<NewPart> {
  const [part] = await Array.fromAsync(cutParts([group(EXTREMES)], COLUMNS, "bronze/"));
  return part!;
}

Deno.test("parquet: reads a part as it was stored", async () => {
  await using lake = await temporaryLake();
  const part = await onePart();
  await lake.put(part.key, part.body);
  const reader = await readPart(lake, part);
  assertEquals(reader.rows, 5);
  const groups = await Array.fromAsync(reader.groups(["id"]));
  assertEquals(groups, [{ rows: 5, columns: [["a", "b", "c", "d", "e"]] }]);
});

/** Damage to a part in the lake, and the problem that is reported. The marker is unchanged. */
const DAMAGES: [string, (part: NewPart) => Uint8Array<ArrayBuffer> | undefined, string][] = [
  ["was removed", () => undefined, "it is missing"],
  ["is empty", () => new Uint8Array(0), "it has 0 bytes"],
  ["was cut off", ({ body }) => body.slice(0, -1), "bytes, but the commit marker says"],
  ["grew", ({ body }) => join(body, bytes("00")), "bytes, but the commit marker says"],
  ["has a flipped bit in its first page", flipped(30), "its sha256 differs"],
  ["has a flipped bit in its last page", flipped(-400), "its sha256 differs"],
  ["has a flipped bit in its footer", flipped(-30), "its sha256 differs"],
  ["has a flipped bit in its magic bytes", flipped(-1), "its sha256 differs"],
  ["has only zeros", ({ body }) => new Uint8Array(body.length), "its sha256 differs"],
];

function flipped(at: number) {
  return ({ body }: NewPart) => {
    const damaged = body.slice();
    damaged[(at + body.length) % body.length]! ^= 0x10;
    return damaged;
  };
}

for (const [what, damage, problem] of DAMAGES) {
  Deno.test(`parquet: refuses a part that ${what}, and says where the part is`, async () => {
    await using lake = await temporaryLake();
    const part = await onePart();
    const body = damage(part);
    if (body !== undefined) await lake.put(part.key, body);
    const failure = await assertRejects(() => readPart(lake, part), Failure);
    assertEquals(failure.kind, "data");
    assertStringIncludes(failure.message, lake.url(part.key));
    assertStringIncludes(failure.message, problem);
  });
}

Deno.test("parquet: refuses a part that matches its marker but is not a Parquet file", async () => {
  await using lake = await temporaryLake();
  const body = utf8("this is not Parquet at all, and long enough to be taken for it");
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex();
  const part = { key: "bronze/a.parquet", rows: 1, bytes: body.length, sha256 };
  await lake.put(part.key, body);
  const failure = await assertRejects(() => readPart(lake, part), Failure);
  assertEquals(failure.kind, "data");
  assertStringIncludes(failure.message, "it is not a readable Parquet file");
  assertStringIncludes(failure.message, "has the digest in the commit marker");
});

Deno.test("parquet: refuses a part whose number of rows differs from its marker", async () => {
  await using lake = await temporaryLake();
  const part = await onePart();
  await lake.put(part.key, part.body);
  const failure = await assertRejects(() => readPart(lake, { ...part, rows: 6 }), Failure);
  assertEquals(failure.kind, "data");
  assertStringIncludes(
    failure.message,
    "the row count in its footer differs from the commit " +
      "marker (6)",
  );
});

function join(...arrays: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(arrays.flatMap((array) => [...array]));
}
