import { constants, zstdCompressSync } from "node:zlib";
import type { Column } from "../../../pipeline/contract/column.ts";
import {
  compareBytes,
  definitionLevels,
  dictionaryIndexes,
  varint,
} from "../../../pipeline/lake/page_encoding.ts";
import {
  type CompressedPage,
  compressPage,
  createPageFile,
  freePages,
  type Page,
} from "../../../pipeline/lake/page_file.ts";
import { openPart } from "../../../pipeline/lake/parquet_reader.ts";
import { assertEquals } from "../../support/assert.ts";

const NUMBER: Column = { name: "retry_count", type: "INT32", nullable: true };
const TEXT: Column = { name: "symbol", type: "STRING", nullable: false };

const utf8 = (text: string) => new TextEncoder().encode(text);

/** A page of numbers, with nulls. */
function numberPage(numbers: readonly (number | null)[]): Page {
  const present = numbers.filter((value) => value !== null);
  const bits = new Uint8Array((numbers.length + 7) >> 3);
  numbers.forEach((value, i) => bits[i >> 3]! |= Number(value !== null) << (i & 7));
  const nulls = numbers.length - present.length;
  return {
    rows: numbers.length,
    nulls,
    levels: definitionLevels(bits, numbers.length, nulls),
    values: new Uint8Array(Int32Array.from(present).buffer),
  };
}

/** A page of texts with a dictionary. */
function textPage(texts: readonly string[]): Page {
  const entries = [...new Set(texts)];
  const indexes = Uint16Array.from(texts, (text) => entries.indexOf(text));
  const plain = entries.flatMap((text) => {
    const bytes = utf8(text);
    return [...new Uint8Array(Uint32Array.of(bytes.length).buffer), ...bytes];
  });
  return {
    rows: texts.length,
    nulls: 0,
    levels: new Uint8Array(0),
    values: dictionaryIndexes(indexes, indexes.length, entries.length),
    dictionary: { entries: entries.length, values: Uint8Array.from(plain) },
  };
}

/** Writes pages to a file and returns the values of each column. */
async function readBack(columns: readonly Column[], groups: readonly Page[][]) {
  const file = createPageFile(columns);
  for (const pages of groups) file.write(pages[0]!.rows, pages);
  const names = columns.map(({ name }) => name);
  const read = await Array.fromAsync(openPart(file.finish()).groups(names));
  return names.map((_, i) => read.flatMap(({ columns }) => Array.from(columns[i]!)));
}

Deno.test("page_file: returns the values of pages with nulls, for every number of rows to 40", async () => {
  for (let rows = 1; rows <= 40; rows++) {
    for (const step of [1, 2, 3, rows + 1]) {
      const numbers = Array.from({ length: rows }, (_, i) => i % step === 0 ? i : null);
      assertEquals(await readBack([NUMBER], [[numberPage(numbers)]]), [numbers]);
    }
  }
});

Deno.test("page_file: returns nulls if a page has only nulls", async () => {
  const nulls = Array.from({ length: 9 }, () => null);
  assertEquals(await readBack([NUMBER], [[numberPage(nulls)]]), [nulls]);
});

Deno.test("page_file: returns texts of dictionaries of any size", async () => {
  for (const size of [1, 2, 3, 4, 5, 16, 17, 255, 256, 257, 4096]) {
    const texts = Array.from({ length: 2 * size + 3 }, (_, i) => `text ${i * 7 % size}`);
    assertEquals(await readBack([TEXT], [[textPage(texts)]]), [texts]);
  }
});

Deno.test("page_file: appends several row groups, and counts rows and bytes", async () => {
  const file = createPageFile([NUMBER]);
  assertEquals([file.rows, file.bytes], [0, 4]);
  file.write(2, [numberPage([1, null])]);
  file.write(1, [numberPage([2])]);
  assertEquals(file.rows, 3);
  const { length } = file.finish();
  assertEquals(length > file.rows, true);
  const groups = [[numberPage([1, null])], [numberPage([2])]];
  assertEquals(await readBack([NUMBER], groups), [[1, null, 2]]);
});

Deno.test("page_file: holds few bytes in memory for each small page", () => {
  const pages = Array.from({ length: 1000 }, (_, i) => compressPage(numberPage([i])));
  const buffers = new Set(pages.map(({ values }) => values.bytes.buffer));
  const held = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assertEquals(held < 256 * pages.length, true, `${held} bytes`);
});

Deno.test("page_file: compresses to the same bytes whatever the size of the buffer", () => {
  const random = new Uint8Array(20_000).map((_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 13);
  const repeating = random.map((_, i) => i % 9);
  const params = { [constants.ZSTD_c_compressionLevel]: 1 };
  for (const content of [random, repeating]) {
    for (
      const length of [0, 1, 2, 63, 64, 65, 1000, 4000, 16_255, 16_256, 16_320, 16_384, 20_000]
    ) {
      const values = content.subarray(0, length);
      const { bytes } = compressPage({ rows: 1, nulls: 0, levels: values, values }).values;
      const expected = zstdCompressSync(values, { params, chunkSize: 1 << 20 });
      assertEquals(bytes.length, expected.length, `${length}`);
      assertEquals(expected.equals(bytes), true, `${length}`);
    }
  }
});

Deno.test("page_file: gives equal bytes from any capacity", () => {
  const columns = [NUMBER, TEXT];
  const pages = [numberPage([1, null, 3]), textPage(["a", "b", "a"])];
  const files = [1, 16, 1 << 20].map((capacity) => {
    const file = createPageFile(columns, capacity);
    for (let i = 0; i < 100; i++) file.write(3, pages);
    return file.finish();
  });
  assertEquals(openPart(files[0]!).rows, 300);
  assertEquals(files[1], files[0]);
  assertEquals(files[2], files[0]);
});

Deno.test("page_file: frees pages, but neither what other pages use nor small buffers", () => {
  const page = (values: ArrayBuffer, dictionary: ArrayBuffer): CompressedPage => {
    const bytesOf = (buffer: ArrayBuffer) => ({ size: 10, bytes: new Uint8Array(buffer, 5, 5) });
    const entries = { entries: 1, values: bytesOf(dictionary) };
    return {
      rows: 1,
      nulls: 0,
      levels: Uint8Array.of(),
      values: bytesOf(values),
      dictionary: entries,
    };
  };
  const [own, shared, later, small] = [1 << 20, 1 << 20, 1 << 20, 1000]
    .map((size) => new ArrayBuffer(size)) as [ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer];
  const sizes = () => [own, shared, later, small].map(({ byteLength }) => byteLength);
  freePages([page(own, shared), page(own, small)], [page(later, shared)]);
  assertEquals(sizes(), [0, 1 << 20, 1 << 20, 1000]);
  freePages([page(later, shared)]);
  assertEquals(sizes(), [0, 0, 0, 1000]);
});

Deno.test("page_file: writes a file without rows", () => {
  assertEquals(openPart(createPageFile([NUMBER, TEXT]).finish()).rows, 0);
});

Deno.test("page_encoding: writes a number in seven bits per byte", () => {
  assertEquals(varint(0), [0]);
  assertEquals(varint(127), [127]);
  assertEquals(varint(128), [128, 1]);
  assertEquals(varint(0xffff_ffff), [255, 255, 255, 255, 15]);
});

Deno.test("page_encoding: orders texts by their bytes", () => {
  const texts = ["", "A", "AB", "B", "a", "é", "東", "🚀"];
  const sorted = texts.toReversed().map(utf8).sort(compareBytes);
  assertEquals(sorted, texts.map(utf8));
  assertEquals(compareBytes(utf8("x"), utf8("x")), 0);
});
