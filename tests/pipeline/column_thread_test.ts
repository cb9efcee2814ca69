import {
  createColumnFold,
  type FoldedChunk,
  type FoldedColumn,
} from "../../pipeline/column_fold.ts";
import {
  COLUMN_THREAD_CODE,
  startColumnThread,
  ThreadFailure,
} from "../../pipeline/column_thread.ts";
import type { StoredPage } from "../../pipeline/lake/parquet_pages.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { readyThread } from "../support/ready_thread.ts";
import { type BronzeEvent, replayParts, storeBronze } from "../support/replay.ts";

const RETRIES: FoldedColumn = {
  name: "retry_count",
  type: "INT32",
  nullable: true,
  kind: "fixed",
  width: 4,
  rules: ["value"],
};
const PLAN = { ends: [2], isOpen: false };

/** Two events of different operations. */
const groups = () => [{ from: 0, to: 2, targets: Int32Array.of(1, 0), ranks: undefined }];

/** A row group with two plain values of INT32, 7 and 8. */
function chunkOf(changes: Partial<StoredPage> = {}): FoldedChunk {
  const body = Uint8Array.of(7, 0, 0, 0, 8, 0, 0, 0);
  const kept = { levels: undefined, nulls: undefined };
  const page = { body, size: 8, codec: "UNCOMPRESSED", count: 2, encoding: 0, ...kept, ...changes };
  const { codec } = page;
  const layout = { codec, type: "INT32", typeLength: undefined, nullable: false, rows: 2 };
  return { group: 0, type: "INT32", layout, pages: [page] };
}

/** The pages without references to larger buffers. */
const plain = (columns: unknown): unknown =>
  JSON.parse(
    JSON.stringify(columns, (_, value) =>
      value instanceof Uint8Array || value?.type === "Buffer" ? [...value.data ?? value] : value),
  );

const CHUNKS: [string, FoldedChunk][] = [
  ["without compression", chunkOf()],
  [
    "compressed with Snappy",
    chunkOf({ codec: "SNAPPY", body: Uint8Array.of(8, 7 << 2, 7, 0, 0, 0, 8, 0, 0, 0) }),
  ],
];
for (const [what, chunk] of CHUNKS) {
  Deno.test(`column_thread: gives the pages of the other thread for pages ${what}`, async () => {
    using thread = await readyThread();
    const before = structuredClone(chunk);
    thread.setRange(2, groups());
    const fold = thread.begin(RETRIES);
    await fold.fold([chunk]);
    assertEquals(chunk, before);
    const here = createColumnFold(RETRIES, 2, groups());
    here.fold([chunk]);
    const expected = here.finish(PLAN, [undefined]);
    assertEquals(plain(await fold.finish(PLAN, [undefined])), plain(expected));
    assertEquals(expected[0]!.pages[0]!.values.size, 8);
    assertEquals(thread.used, 1);
  });
}

const DAMAGED: [string, FoldedChunk][] = [
  ["without compression", chunkOf({ size: 9 })],
  ["compressed with Snappy", chunkOf({ codec: "SNAPPY", body: Uint8Array.of(8, 7 << 2, 7) })],
  ["that is too large for Snappy", chunkOf({ codec: "SNAPPY", size: 1 << 30 })],
  ["with an unknown compression", chunkOf({ codec: "LZO" })],
];
for (const [what, damaged] of DAMAGED) {
  Deno.test(`column_thread: answers in order, also after a damaged page ${what}`, async () => {
    using thread = await readyThread();
    thread.setRange(2, groups());
    const [first, second] = [thread.begin(RETRIES), thread.begin(RETRIES)];
    const results = await Promise.allSettled([
      first.fold([chunkOf()]),
      second.fold([damaged]),
      first.finish(PLAN, [undefined]),
    ]);
    assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    const here = createColumnFold(RETRIES, 2, groups());
    const own = await assertRejects(() => Promise.try(() => here.fold([damaged])), Error);
    const { reason } = results[1] as PromiseRejectedResult;
    assert(reason instanceof ThreadFailure, "the other thread repeats the work");
    assertEquals(reason.message, own.message);
  });
}

Deno.test("column_thread: rejects the requests in progress when it ends, and all later ones", async () => {
  const thread = await readyThread();
  thread.setRange(2, groups());
  const fold = thread.begin(RETRIES);
  const inProgress = fold.fold([chunkOf()]);
  thread[Symbol.dispose]();
  await assertRejects(() => inProgress, ThreadFailure);
  await assertRejects(() => fold.fold([chunkOf()]), ThreadFailure);
  assert(!thread.isReady);
});

Deno.test("column_thread: the code of the thread has every name that it uses", async () => {
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
  // The thread gets no pages that are compressed with Snappy.
  const snappy = "snappyUncompress is not defined";
  assertEquals(await undefinedNames(COLUMN_THREAD_CODE), [snappy]);
  const more = await undefinedNames(`${COLUMN_THREAD_CODE}\nmissing();`);
  assertEquals(more, [snappy, "missing is not defined"]);
  await Deno.remove(file);
});

const FAILURES: [string, string][] = [
  ["does not start", "throw new Error('no')"],
  ["cannot be parsed", "}"],
  ["fails during a request", "onmessage = () => { throw new Error('no') }; postMessage('ready')"],
];
for (const [what, source] of FAILURES) {
  Deno.test(`column_thread: a replay gives the same executions if the thread ${what}`, async () => {
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
    using thread = startColumnThread(source);
    await thread.ready;
    assertEquals((await replayParts(lake, parts, undefined, thread)).body, body);
    assertEquals([thread.isReady, thread.used], [false, 0]);
  });
}
