import { zstdCompressSync } from "node:zlib";
import type { Page } from "../../pipeline/lake/page_file.ts";
import { decompress, type StoredPage } from "../../pipeline/lake/parquet_pages.ts";
import {
  PAGE_THREAD_CODE,
  type PageCodec,
  startPageThread,
  THIS_THREAD,
  ThreadFailure,
} from "../../pipeline/page_thread.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { readyThread } from "../support/ready_thread.ts";
import { type BronzeEvent, replayParts, storeBronze } from "../support/replay.ts";

/** A stored page with bytes that rise. */
function pageOf(size: number, changes: Partial<StoredPage> = {}): StoredPage {
  const content = Uint8Array.from({ length: size }, (_, i) => i >> 4);
  const body = new Uint8Array(zstdCompressSync(content));
  const rest = { count: 1, encoding: 0, levels: undefined, nulls: undefined };
  return { body, size, codec: "ZSTD", ...rest, ...changes };
}

const SNAPPY = pageOf(3, { codec: "SNAPPY", body: Uint8Array.of(3, 2 << 2, 7, 8, 9) });
const PLAIN = pageOf(2, { codec: "UNCOMPRESSED", body: Uint8Array.of(5, 6) });
const EMPTY = pageOf(0, { body: new Uint8Array(0) });

Deno.test("page_thread: decompresses pages of every size and compression, and keeps them", async () => {
  using thread = await readyThread();
  for (
    const pages of [
      [pageOf(100), SNAPPY, EMPTY, pageOf(300_000), PLAIN, pageOf(1), pageOf(70_000)],
      [SNAPPY, PLAIN],
      [EMPTY],
      [],
    ]
  ) {
    const before = structuredClone(pages);
    const contents = await thread.decompress(pages);
    assertEquals(contents, pages.map(decompress));
    assertEquals(pages, before);
  }
  assertEquals(thread.used, 2);
});

/** A page whose values do not compress well. */
function newPage(size: number, changes: Partial<Page> = {}): Page {
  const values = Uint8Array.from(
    { length: size },
    (_, i) => Math.imul(i + size, 0x9e37_79b1) >>> 24,
  );
  return { rows: 1, nulls: 0, levels: Uint8Array.of(2, 1), values, ...changes };
}

async function compressed(codec: PageCodec, pages: readonly Page[]) {
  const compressor = codec.compressor();
  for (const page of pages) {
    const own = { ...page, values: page.values.slice() };
    await compressor.add(own);
    own.values.fill(0xff); // the caller overwrites the values
  }
  const found = await compressor.finish();
  const plain = (bytes: Uint8Array) => [...bytes];
  return found.map(({ values, dictionary, ...page }) => ({
    ...page,
    values: { ...values, bytes: plain(values.bytes) },
    dictionary: dictionary &&
      { ...dictionary, values: { ...dictionary.values, bytes: plain(dictionary.values.bytes) } },
  }));
}

Deno.test("page_thread: compresses pages to the same bytes in either thread", async () => {
  using thread = await readyThread();
  const dictionary = { entries: 1, values: Uint8Array.of(1, 0, 0, 0, 65) };
  for (
    const pages of [
      [newPage(20), newPage(30, { dictionary, extremes: { min: 1n, max: 2n } }), newPage(0)],
      [newPage(600_000), newPage(500_000), newPage(1_200_000), newPage(10)],
      [],
    ]
  ) {
    assertEquals(await compressed(thread, pages), await compressed(THIS_THREAD, pages));
  }
  assertEquals(thread.used, 5);
});

const DAMAGED: [string, StoredPage][] = [
  ["compressed with Zstandard", pageOf(9, { size: 8 })],
  ["that is no frame", pageOf(9, { body: Uint8Array.of(1, 2, 3) })],
];
for (const [what, damaged] of DAMAGED) {
  Deno.test(`page_thread: answers in order, also after a damaged page ${what}`, async () => {
    using thread = await readyThread();
    const [first, second, third] = await Promise.allSettled([
      thread.decompress([pageOf(10)]),
      thread.decompress([pageOf(20), damaged]),
      thread.decompress([pageOf(30)]),
    ]);
    assertEquals([first, third].map(({ status }) => status), ["fulfilled", "fulfilled"]);
    assertEquals((third as PromiseFulfilledResult<Uint8Array[]>).value[0]!.length, 30);
    const { reason } = second as PromiseRejectedResult;
    assert(reason instanceof ThreadFailure, "the other thread repeats the work");
    const own = await assertRejects(() => THIS_THREAD.decompress([damaged]), Error);
    assertEquals(reason.message, own.message);
  });
}

Deno.test("page_thread: refuses a damaged page of another compression", async () => {
  using thread = await readyThread();
  const damaged = pageOf(9, { codec: "LZO" });
  const own = await assertRejects(() => THIS_THREAD.decompress([damaged]), Error);
  assertEquals(
    (await assertRejects(() => thread.decompress([damaged]), Error)).message,
    own.message,
  );
});

Deno.test("page_thread: rejects the requests in progress when it ends, and the others are done here", async () => {
  const thread = await readyThread();
  const compressor = thread.compressor();
  await compressor.add(newPage(10));
  const inProgress = [thread.decompress([pageOf(10)]), compressor.finish()];
  thread[Symbol.dispose]();
  for (const each of inProgress) await assertRejects(() => each, ThreadFailure);
  assert(!thread.isReady);
  assertEquals((await thread.decompress([pageOf(10)])).length, 1);
  assertEquals((await compressed(thread, [newPage(10)])).length, 1);
});

Deno.test("page_thread: the code of the thread has every name that it uses", async () => {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  const undefinedNames = async (code: string) => {
    await Deno.writeTextFile(file, code);
    const lint = [
      "lint",
      "--no-config",
      "--rules-tags=",
      "--rules-include=no-undef",
      "--json",
      file,
    ];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: lint }).output();
    const { diagnostics, errors } = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(errors, []);
    return diagnostics.map(({ message }: { message: string }) => message);
  };
  assertEquals(await undefinedNames(PAGE_THREAD_CODE), []);
  const more = await undefinedNames(`${PAGE_THREAD_CODE}\nmissing();`);
  assertEquals(more, ["missing is not defined"]);
  await Deno.remove(file);
});

/** A thread that fails at its requests to compress. */
const NO_COMPRESSION = PAGE_THREAD_CODE.replace(
  "zstdCompressSync(content",
  "missing(content",
);
/** A thread that answers a request, and fails at the next one. */
const ONE_ANSWER = `${PAGE_THREAD_CODE}
const answer = onmessage;
onmessage = (event) => {
  answer(event);
  onmessage = () => { throw new Error("no"); };
};`;
const FAILURES: [string, string, boolean][] = [
  ["does not start", "throw new Error('no')", false],
  ["cannot be parsed", "}", false],
  [
    "fails during a request",
    "onmessage = () => { throw new Error('no') }; postMessage('ready')",
    false,
  ],
  ["fails after a request", ONE_ANSWER, false],
  ["cannot compress", NO_COMPRESSION, true],
];
for (const [what, source, stays] of FAILURES) {
  Deno.test(`page_thread: a replay gives the same executions if the thread ${what}`, async () => {
    const events = Array.from({ length: 50 }, (_, i): BronzeEvent => ({
      event_id: `event-${i}`,
      event_seq: BigInt(i),
      event_type: "EXECUTED",
      operation_id: BigInt(i % 20),
      client_id: 1n,
      occurred_at: BigInt(i),
      symbol: "BTCUSDC",
      source: "ws",
    }));
    const lake = memoryLake();
    const parts = await storeBronze(lake, [[[events]]]);
    const { body } = await replayParts(lake, parts);
    // The parts of a day are in memory, or only its columns.
    for (const kept of [[], [0, 1 << 20]]) {
      using thread = startPageThread(source);
      await thread.ready;
      assertEquals((await replayParts(lake, parts, undefined, thread, ...kept)).body, body);
      assertEquals(thread.isReady, stays);
    }
  });
}

Deno.test("page thread: bounds the pages of all compressors that wait for the thread", async () => {
  // This thread never answers.
  using thread = startPageThread('self.onmessage = () => {}; self.postMessage("ready");');
  await thread.ready;
  const large = { rows: 1, nulls: 0, levels: new Uint8Array(0), values: new Uint8Array(1 << 20) };
  const compressors = [thread.compressor(), thread.compressor()];
  let added = 0;
  const adding = Promise.allSettled(compressors.map(async (compressor) => {
    for (let i = 0; i < 20; i++, added++) await compressor.add(large);
  }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(added > 8 && added < 16, `${added}`);
  thread[Symbol.dispose]();
  await adding;
});
