import {
  COLUMN_FOLD_CODE,
  type ColumnPages,
  type createColumnFold,
  type EventTargets,
  type FoldedChunk,
  type FoldedColumn,
  type RowGroupPlan,
} from "./column_fold.ts";
import type { PageRest } from "./execution_pages.ts";
import type { CompressedPage } from "./lake/page_file.ts";
import { decompress, LARGEST_POOL, type StoredPage } from "./lake/parquet_pages.ts";
import { sourceOf } from "./lake/thread_code.ts";

// A second thread folds some of the columns. The thread is a worker without any permission. Its code
// is in a data URL, because a confined process must not read files of this project.

/** A second thread that folds columns. */
export interface ColumnThread extends Disposable {
  /** True after the thread has started, until it fails or ends. */
  readonly isReady: boolean;
  /** Is fulfilled when the thread has started, or when it has failed or ended. */
  readonly ready: Promise<void>;
  /** The number of columns of bronze that the thread has folded. */
  readonly used: number;
  /** Gives the thread the events of a range of operations. The columns of the range follow. */
  setRange(count: number, groups: readonly EventTargets[]): void;
  /** Begins to fold a column. */
  begin(column: FoldedColumn): ThreadFold;
}

/** A column that the thread folds. */
export interface ThreadFold {
  /**
   * Folds row groups as {@linkcode ColumnFold} does. The pages are copied.
   *
   * @throws {ThreadFailure} the thread has failed, or a page is damaged
   */
  fold(chunks: readonly FoldedChunk[]): Promise<void>;
  /** Returns the columns of silver. */
  finish(plan: RowGroupPlan, rests: readonly (PageRest | undefined)[]): Promise<ColumnPages[]>;
}

/** The thread has failed at its work. Another thread must repeat the work, and finds the reason. */
export class ThreadFailure extends Error {}

/** A message to the thread. The thread answers all but the first two kinds, in their order. */
type Request =
  | { readonly do: "range"; readonly count: number; readonly groups: readonly EventTargets[] }
  | { readonly do: "begin"; readonly id: number; readonly column: FoldedColumn }
  | { readonly do: "fold"; readonly id: number; readonly chunks: readonly FoldedChunk[] }
  | {
    readonly do: "finish";
    readonly id: number;
    readonly plan: RowGroupPlan;
    readonly rests: readonly (PageRest | undefined)[];
  };

/** A message from the thread. The first message is `ready`. */
type Answer = "ready" | "folded" | { readonly error: string } | {
  readonly columns: ColumnPages[];
};

/**
 * Starts the thread. The thread ends when it is disposed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startColumnThread } from "./column_thread.ts";
 * using thread = startColumnThread();
 * assertEquals(thread.isReady, false); // it starts in the background
 * ```
 */
export function startColumnThread(source: string = COLUMN_THREAD_CODE): ColumnThread {
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`, {
    type: "module",
    deno: { permissions: "none" },
  });
  const waiting: PromiseWithResolvers<Answer>[] = [];
  const started = Promise.withResolvers<void>();
  let isReady = false;
  let range: Request | undefined;
  let ids = 0;
  let used = 0;
  function end(): void {
    started.resolve();
    isReady = false;
    worker.terminate();
    for (const { reject } of waiting.splice(0)) reject(new ThreadFailure("the thread has ended"));
  }
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    if (data === "ready") {
      isReady = true;
      started.resolve();
    } else waiting.shift()!.resolve(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    end();
  };
  function post(message: Request, transfer: Transferable[] = []): void {
    if (!isReady) throw new ThreadFailure("the thread has ended");
    worker.postMessage(message, transfer);
  }
  async function ask(message: Request, transfer?: Transferable[]): Promise<Answer> {
    post(message, transfer);
    const request = Promise.withResolvers<Answer>();
    waiting.push(request);
    const answer = await request.promise;
    if (typeof answer === "object" && "error" in answer) throw new ThreadFailure(answer.error);
    return answer;
  }
  return {
    get isReady() {
      return isReady;
    },
    ready: started.promise,
    get used() {
      return used;
    },
    setRange(count, groups) {
      range = { do: "range", count, groups };
    },
    begin(column) {
      const id = ids++;
      if (range !== undefined) post(range);
      range = undefined;
      post({ do: "begin", id, column });
      return {
        async fold(chunks) {
          const { chunks: own, buffer } = packed(chunks);
          await ask({ do: "fold", id, chunks: own }, [buffer]);
        },
        async finish({ ends, isOpen }, rests) {
          const plan = { ends, isOpen };
          const { columns } = await ask({ do: "finish", id, plan, rests }) as {
            columns: ColumnPages[];
          };
          used++;
          return columns;
        },
      };
    },
    [Symbol.dispose]: end,
  };
}

/** Packs chunks. After a damaged page, the other thread repeats the work, and names the part. */
function packed(chunks: readonly FoldedChunk[]): ReturnType<typeof packChunks> {
  try {
    return packChunks(chunks);
  } catch (error) {
    throw new ThreadFailure((error as Error).message, { cause: error });
  }
}

/** Copies the pages of chunks into one buffer, which moves to another thread faster than many. */
function packChunks(
  chunks: readonly FoldedChunk[],
): { readonly chunks: FoldedChunk[]; readonly buffer: ArrayBuffer } {
  const own = chunks.map(({ pages, ...rest }) => ({ ...rest, pages: pages.map(forThread) }));
  let size = 0;
  for (const { pages } of own) {
    for (const { body, levels } of pages) size += body.length + (levels?.length ?? 0);
  }
  const packed = new Uint8Array(size);
  let at = 0;
  const copy = (bytes: Uint8Array) => {
    packed.set(bytes, at);
    return packed.subarray(at, at += bytes.length);
  };
  return {
    buffer: packed.buffer,
    chunks: own.map(({ pages, ...rest }) => ({
      ...rest,
      pages: pages.map(({ body, levels, ...page }) => ({
        ...page,
        body: copy(body),
        levels: levels && copy(levels),
      })),
    })),
  };
}

/** The thread has no code for other compressions than Zstandard. */
function forThread(page: StoredPage): StoredPage {
  if (page.codec === "ZSTD" || page.codec === "UNCOMPRESSED") return page;
  return { ...page, body: decompress(page), codec: "UNCOMPRESSED" };
}

/** Copies the pages of columns into one buffer. */
function packColumns(
  columns: readonly ColumnPages[],
): { readonly columns: ColumnPages[]; readonly buffer: ArrayBuffer } {
  let size = 0;
  for (const { pages } of columns) {
    for (const { values, dictionary } of pages) {
      size += values.bytes.length + (dictionary?.values.bytes.length ?? 0);
    }
  }
  const packed = new Uint8Array(size);
  let at = 0;
  const copy = ({ size, bytes }: CompressedPage["values"]) => {
    const { length } = bytes;
    packed.set(bytes, at);
    // Frees memory at once. Smaller buffers may be parts of a pool.
    if (length > LARGEST_POOL) (bytes.buffer as ArrayBuffer).transfer(0);
    return { size, bytes: packed.subarray(at, at += length) };
  };
  return {
    buffer: packed.buffer,
    columns: columns.map(({ pages, rest }) => ({
      rest,
      pages: pages.map(({ values, dictionary, ...page }) => ({
        ...page,
        values: copy(values),
        ...(dictionary && { dictionary: { ...dictionary, values: copy(dictionary.values) } }),
      })),
    })),
  };
}

/** The code of the thread. It uses only its parameters and the code that the thread gets. */
function answerRequests(create: typeof createColumnFold, pack: typeof packColumns): void {
  const parent = self as unknown as Worker;
  const columns = new Map<number, FoldedColumn>();
  const folds = new Map<number, ReturnType<typeof create>>();
  let count = 0;
  let groups: readonly EventTargets[] = [];
  function foldOf(id: number): ReturnType<typeof create> {
    const fold = folds.get(id) ?? create(columns.get(id)!, count, groups);
    folds.set(id, fold);
    return fold;
  }
  function answer(request: Request): void {
    switch (request.do) {
      case "range":
        ({ count, groups } = request);
        return;
      case "begin":
        columns.set(request.id, request.column);
        return;
      case "fold": {
        const { id, chunks } = request;
        foldOf(id).fold(chunks);
        // Frees memory at once, instead of at some later garbage collection.
        const buffer = chunks[0]?.pages[0]?.body.buffer;
        if (buffer instanceof ArrayBuffer) buffer.transfer(0);
        parent.postMessage("folded" satisfies Answer);
        return;
      }
      case "finish": {
        const { id, plan, rests } = request;
        const packed = pack(foldOf(id).finish(plan, rests));
        folds.delete(id);
        columns.delete(id);
        parent.postMessage({ columns: packed.columns } satisfies Answer, [packed.buffer]);
      }
    }
  }
  parent.onmessage = ({ data }: MessageEvent<Request>) => {
    try {
      answer(data);
    } catch (error) {
      parent.postMessage({ error: (error as Error).message } satisfies Answer);
    }
  };
  parent.postMessage("ready" satisfies Answer);
}

/** The code of the thread, a module. */
export const COLUMN_THREAD_CODE: string = [
  'import { zstdCompressSync, zstdDecompressSync } from "node:zlib";',
  COLUMN_FOLD_CODE,
  sourceOf([packColumns, answerRequests]),
  "answerRequests(createColumnFold, packColumns);",
].join("\n");
