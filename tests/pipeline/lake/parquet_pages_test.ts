import { zstdCompressSync } from "node:zlib";
import { type ChunkLayout, readPages } from "../../../pipeline/lake/parquet_pages.ts";
import { readStruct } from "../../../pipeline/lake/thrift.ts";
import { assertEquals, assertThrows } from "../../support/assert.ts";

// Pages written by hand from the description of the format, with false sizes and counts that could
// send a decoder into a long loop.

/** Encodes a whole number in the compact protocol of Thrift. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [value % 128 | 128, ...varint(Math.floor(value / 128))];
}
const integer = (value: number) => varint(value < 0 ? -2 * value - 1 : 2 * value);

/** Returns a data page of version 1 with `size` and `count` in its header. */
function page(body: readonly number[], { size = body.length, count = 8, encoding = 0 } = {}) {
  const header = [0x15, ...integer(count), 0x15, ...integer(encoding), 0x15, 6, 0x15, 6, 0];
  const head = [0x15, 0, 0x15, ...integer(size), 0x15, ...integer(body.length), 0x2c, ...header, 0];
  return Uint8Array.from([...head, ...body]);
}

const LAYOUT: ChunkLayout = {
  codec: "UNCOMPRESSED",
  type: "INT32",
  typeLength: undefined,
  nullable: true,
  rows: 8,
};
/** Definition levels of eight values without nulls. */
const LEVELS = [2, 0, 0, 0, 16, 1];
const VALUES = Array(32).fill(0);

function pages(chunk: Uint8Array, layout: Partial<ChunkLayout> = {}) {
  return readPages(chunk, { ...LAYOUT, ...layout }, { bytes: 1 << 20 });
}

Deno.test("pages: reads a valid page", () => {
  assertEquals(pages(page([...LEVELS, ...VALUES])), [Uint8Array.from([...LEVELS, ...VALUES])]);
});

const LIES: readonly [string, Uint8Array, RegExp, Partial<ChunkLayout>?][] = [
  ["more values than rows", page(VALUES, { count: 9 }), /a page's count is 9/],
  ["fewer values than its count", page([...LEVELS, 0, 0]), /fewer values/],
  ["a size beyond the end of the chunk", page(VALUES).subarray(0, 20), /a page's size is 32/],
  ["a negative size", page(VALUES, { size: -1 }), /uncompressed size is -1/],
  ["another uncompressed size", page(VALUES, { size: 33 }), /size of a page differs/],
  ["an endless run of levels", page([5, 0, 0, 0, 254, 255, 255, 255, 15]), /a page's run/],
  ["an empty run", page([2, 0, 0, 0, 0, 1, ...VALUES]), /a page's run/],
  ["levels longer than the page", page([99, 0, 0, 0, 16, 1]), /levels are longer/],
  ["a level of 2", page([2, 0, 0, 0, 16, 2]), /more than 1/],
  [
    "a missing dictionary",
    page([...LEVELS, 1], { encoding: 8 }),
    /dictionary is missing/,
  ],
  ["an encoding that no writer uses", page([...LEVELS, 1], { encoding: 5 }), /encoding/],
  ["a codec that no writer uses", page(VALUES), /GZIP/, { codec: "GZIP" }],
  [
    "a decompression bomb",
    page([...zstdCompressSync(new Uint8Array(1 << 20))], { size: 99 }),
    /./,
    { codec: "ZSTD" },
  ],
  ["a page above the limit of all pages", page(VALUES, { size: 2 << 20 }), /uncompressed size/],
  ["repeated pages without values", page([], { count: 0 }), /./],
];
for (const [name, chunk, problem, layout] of LIES) {
  Deno.test(`pages: reports ${name} as damage`, () => {
    const { message } = assertThrows(() => pages(chunk, layout), Error);
    assertEquals(problem.test(message), true, message);
  });
}

Deno.test("thrift: refuses bytes that do not contain a whole struct", () => {
  const lies: readonly (readonly number[])[] = [
    [],
    [0x15],
    [0x15, ...Array(1000).fill(0x80)], // a number that does not end
    [0x18, 0xff, 0xff, 0xff, 0xff, 0x0f], // a text of 4 GiB
    [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f], // a list of 4 G structs
    Array(100_000).fill(0x1c), // structs within structs
    [0x1d, 0], // a type that Parquet does not use
  ];
  for (const bytes of lies) assertThrows(() => readStruct(Uint8Array.from(bytes), 0), Error);
});
