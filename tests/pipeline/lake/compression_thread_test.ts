import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { startCompressionThread } from "../../../pipeline/lake/compression_thread.ts";
import { compressPages, createPageFile, type Page } from "../../../pipeline/lake/page_file.ts";
import {
  decompress,
  decompressAll,
  type StoredPage,
} from "../../../pipeline/lake/parquet_pages.ts";
import { assert, assertEquals, assertRejects } from "../../support/assert.ts";
import { readyThread } from "../../support/ready_thread.ts";

const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Bodies of several sizes: none, few bytes, and more than the pool of Node's buffers. */
const BODIES = [0, 1, 100, 70_000, 300_000].map((length) =>
  Uint8Array.from({ length }, (_, i) => i * i % 251)
);

/** The same bytes as a plain array. */
const plain = (bytes: Uint8Array) => new Uint8Array(bytes);

Deno.test("compression_thread: gives the bytes of Node's functions, and keeps the input", async () => {
  using thread = await readyThread();
  const before = BODIES.map(plain);
  const options = BODIES.map(() => LEVEL_1);
  const compressed = (await thread.run("compress", BODIES, options))!;
  assertEquals(compressed, BODIES.map((body) => plain(zstdCompressSync(body, LEVEL_1))));
  assertEquals(await thread.run("decompress", compressed, BODIES.map(() => ({}))), BODIES);
  assertEquals(BODIES, before);
});

Deno.test("compression_thread: answers requests in their order, also after a damaged body", async () => {
  using thread = await readyThread();
  const damaged = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const good = zstdCompressSync(BODIES[2]!);
  const results = await Promise.allSettled([
    thread.run("decompress", [good], [{}]),
    thread.run("decompress", [good, damaged], [{}, {}]),
    thread.run("decompress", [good, good], [{}, {}]),
  ]);
  const own = await assertRejects(() => Promise.try(() => zstdDecompressSync(damaged)), Error);
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals((results[1] as PromiseRejectedResult).reason.message, own.message);
  assertEquals((results[2] as PromiseFulfilledResult<unknown>).value, [BODIES[2], BODIES[2]]);
});

const FAILURES: [string, string][] = [
  ["does not start", "throw new Error('no')"],
  ["cannot be parsed", "}"],
  ["fails during a request", "onmessage = () => { throw new Error('no') }; postMessage('ready')"],
];
for (const [what, source] of FAILURES) {
  Deno.test(`compression_thread: gives no results if the thread ${what}`, async () => {
    using thread = startCompressionThread(source);
    for (let i = 0; i < 200; i++) {
      assertEquals(await thread.run("compress", [BODIES[1]!], [{}]), undefined);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  });
}

Deno.test("compression_thread: gives no results after its end, and ends requests in progress", async () => {
  const thread = await readyThread();
  const inProgress = thread.run("compress", [BODIES[4]!], [{}]);
  thread[Symbol.dispose]();
  assertEquals(await inProgress, undefined);
  assertEquals(await thread.run("compress", [BODIES[1]!], [{}]), undefined);
});

const stored = (content: Uint8Array, changes: Partial<StoredPage> = {}): StoredPage => ({
  body: content.length === 0 ? content : plain(zstdCompressSync(content)),
  size: content.length,
  codec: "ZSTD",
  count: 1,
  encoding: 0,
  levels: undefined,
  nulls: undefined,
  ...changes,
});

Deno.test("decompressAll: gives the same contents with and without a thread", async () => {
  using thread = await readyThread();
  const uncompressed = stored(BODIES[2]!, { codec: "UNCOMPRESSED", body: BODIES[2]! });
  const pages = [...BODIES.map((body) => stored(body)), uncompressed];
  const contents = [...BODIES, BODIES[2]!];
  assertEquals(await decompressAll(pages, undefined), contents);
  assertEquals(await decompressAll(pages, thread), contents);
  assertEquals(thread.used, 1);
});

const DAMAGE: [string, StoredPage][] = [
  ["is no frame", stored(BODIES[2]!, { body: BODIES[3]! })],
  ["is truncated", stored(BODIES[3]!, { body: plain(zstdCompressSync(BODIES[3]!)).slice(0, 90) })],
  ["is longer than its header says", stored(BODIES[2]!, { size: 99 })],
  ["is much longer than its header says", stored(BODIES[4]!, { size: 99 })],
  ["is shorter than its header says", stored(BODIES[2]!, { size: 101 })],
  ["has an unknown codec", stored(BODIES[2]!, { codec: "LZ4" })],
];
for (const [what, page] of DAMAGE) {
  Deno.test(`decompressAll: refuses a page that ${what}, with the same message in a thread`, async () => {
    using thread = await readyThread();
    const own = await assertRejects(() => Promise.try(() => decompress(page)), Error);
    const other = await assertRejects(
      () => decompressAll([stored(BODIES[1]!), page], thread),
      Error,
    );
    assertEquals(other.message, own.message);
  });
}

Deno.test("compressPages: gives the same file with and without a thread", async () => {
  using thread = await readyThread();
  const columns = [
    { name: "symbol", type: "STRING", nullable: true },
    { name: "retry_count", type: "INT32", nullable: false },
  ] as const;
  const dictionary = { entries: 1, values: Uint8Array.of(1, 0, 0, 0, 65) };
  const levels = Uint8Array.of(4, 1);
  const pages: Page[] = [
    { rows: 2, nulls: 0, levels, values: Uint8Array.of(0, 3), dictionary, extremes: {} },
    { rows: 2, nulls: 0, levels: new Uint8Array(0), values: new Uint8Array(8) },
  ];
  const files = await Promise.all([undefined, thread].map(async (each) => {
    const file = createPageFile(columns);
    file.writeCompressed(2, await compressPages(pages, each));
    return file.finish();
  }));
  const whole = createPageFile(columns);
  whole.write(2, pages);
  const body = whole.finish();
  assertEquals(files, [body, body]);
  assert(thread.used === 1);
});
