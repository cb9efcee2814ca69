import { zstdCompressSync } from "node:zlib";
import {
  type ChunkLayout,
  decompress,
  findValues,
  listPages,
} from "../../../pipeline/lake/parquet_pages.ts";
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

/** Reads a chunk and returns the places of its values. */
function places(chunk: Uint8Array, changes: Partial<ChunkLayout> = {}) {
  const layout = { ...LAYOUT, ...changes };
  const pages = listPages(chunk, layout, { bytes: 1 << 20 });
  return findValues(pages, pages.map(decompress), layout);
}

Deno.test("pages: finds the values of a valid page", () => {
  const { bytes, places: found } = places(page([...LEVELS, ...VALUES]));
  assertEquals(bytes, Uint8Array.from([...LEVELS, ...VALUES]));
  assertEquals([...found], [6, 10, 14, 18, 22, 26, 30, 34]);
});

Deno.test("pages: gives rows without a value no place", () => {
  const levels = [2, 0, 0, 0, 3, 0b0101_0010];
  assertEquals([...places(page([...levels, ...VALUES])).places], [-1, 6, -1, -1, 10, -1, 14, -1]);
});

Deno.test("pages: joins pages with and without a dictionary", () => {
  const text = (...codes: number[]) => [codes.length, 0, 0, 0, ...codes];
  const dictionary = [
    0x15,
    4,
    0x15,
    ...integer(11),
    0x15,
    ...integer(11),
    0x4c,
    0x15,
    4,
    0x15,
    0,
    0,
    0,
  ];
  const chunk = Uint8Array.from([
    ...dictionary,
    ...text(65),
    ...text(66, 67),
    ...page([...LEVELS.slice(0, 4), 6, 1, 1, 3, 0b101], { count: 3, encoding: 8 }),
    ...page([...LEVELS.slice(0, 4), 4, 1, ...text(68), ...text()], { count: 2 }),
  ]);
  const own = { type: "BYTE_ARRAY", rows: 5 };
  const { bytes, view, places: found, dictionary: shared } = places(chunk, own);
  const texts = [...found].map((at) =>
    new TextDecoder().decode(bytes.subarray(at, at + view.getUint32(at - 4, true)))
  );
  assertEquals(texts, ["BC", "A", "BC", "D", ""]);
  assertEquals(shared, undefined);
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
  [
    "a dictionary with more entries than bytes",
    Uint8Array.from([
      ...[0x15, 4, 0x15, 8, 0x15, 8, 0x4c, 0x15, 8, 0x15, 0, 0, 0, 1, 1, 1, 1],
      ...page([...LEVELS, 1]),
    ]),
    /fewer values/,
  ],
  ["repeated pages without values", page([], { count: 0 }), /./],
];
for (const [name, chunk, problem, layout] of LIES) {
  Deno.test(`pages: reports ${name} as damage`, () => {
    const { message } = assertThrows(() => places(chunk, layout), Error);
    assertEquals(problem.test(message), true, message);
  });
}

Deno.test("thrift: reads integers of any length", () => {
  for (const power of [0, 6, 7, 13, 14, 20, 21, 27, 28, 31, 48]) {
    for (const value of [2 ** power - 1, 2 ** power, -(2 ** power), 1 - 2 ** power]) {
      const bytes = Uint8Array.from([0x16, ...integer(value), 0]);
      const { struct, end } = readStruct(bytes, 0);
      assertEquals([struct.get(1), end], [value === 0 ? 0 : value, bytes.length], `${value}`);
    }
  }
});

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
