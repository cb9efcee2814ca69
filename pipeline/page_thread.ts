import { LARGEST_POOL } from "./lake/buffer_pool.ts";
import {
  COMPRESS_BYTES_CODE,
  compressBytes,
  type CompressedPage,
  compressPage,
  type Page,
  withCompressed,
} from "./lake/page_file.ts";
import {
  decompress,
  DECOMPRESS_ZSTD_CODE,
  type decompressZstd,
  type StoredPage,
} from "./lake/parquet_pages.ts";
import { sourceOf } from "./lake/thread_code.ts";

// A second thread decompresses and compresses pages, so that all other code becomes fast in one
// thread only. The thread is a worker without any permission. Its code is in a data URL, because a
// confined process must not read files of this project.

/** Decompresses and compresses pages. */
export interface PageCodec {
  /**
   * Decompresses the bodies of pages.
   *
   * @throws {Error} a page is damaged
   */
  decompress(pages: readonly StoredPage[]): Promise<Uint8Array[]>;
  /** Begins to compress pages. */
  compressor(): Compressor;
}

/** Compresses pages, in their order. */
export interface Compressor {
  /**
   * Takes a page. Its values may be overwritten when the promise is fulfilled, and in this thread
   * when the method returns.
   */
  add(page: Page): Promise<void>;
  /** Returns all pages. */
  finish(): Promise<CompressedPage[]>;
}

/** Decompresses and compresses in the calling thread. */
export const THIS_THREAD: PageCodec = {
  decompress: (pages) => Promise.try(() => pages.map(decompress)),
  compressor() {
    const pages: CompressedPage[] = [];
    return {
      add(page) {
        pages.push(compressPage(page));
        return Promise.resolve();
      },
      finish: () => Promise.resolve(pages),
    };
  },
};

/** A second thread. Until it is ready, and after it has ended, the calling thread does the work. */
export interface PageThread extends PageCodec, Disposable {
  /** True after the thread has started, until it fails or ends. */
  readonly isReady: boolean;
  /** Is fulfilled when the thread has started, or when it has failed or ended. */
  readonly ready: Promise<void>;
  /** The number of requests that the thread has answered. */
  readonly used: number;
}

/** The thread has failed at its work. Another thread must repeat the work, and finds the reason. */
export class ThreadFailure extends Error {}

/** A message to the thread. The thread answers each one, in their order. */
type Request =
  | { readonly do: "decompress"; readonly pages: readonly Pick<StoredPage, "body" | "size">[] }
  | { readonly do: "compress"; readonly contents: readonly Uint8Array[] };

/** A message from the thread. The first message is `ready`. */
type Answer = "ready" | { readonly error: string } | { readonly contents: Uint8Array[] };

/** The size of a request to compress, in bytes. A larger page has a request of its own. */
const BATCH_BYTES = 1 << 20;
/** The number of requests to compress that are in progress, of all compressors. */
const BATCHES_IN_PROGRESS = 12;

/**
 * Starts the thread. The thread ends when it is disposed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startPageThread } from "./page_thread.ts";
 * using thread = startPageThread();
 * assertEquals(thread.isReady, false); // it starts in the background
 * ```
 */
export function startPageThread(source: string = PAGE_THREAD_CODE): PageThread {
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`, {
    type: "module",
    deno: { permissions: "none" },
  });
  const waiting: PromiseWithResolvers<Answer>[] = [];
  const started = Promise.withResolvers<void>();
  let isReady = false;
  let hasEnded = false;
  let used = 0;
  function end(): void {
    started.resolve();
    isReady = false;
    hasEnded = true;
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
  async function ask(message: Request, buffer: ArrayBuffer): Promise<Uint8Array[]> {
    if (!isReady) throw new ThreadFailure("the thread has ended");
    worker.postMessage(message, [buffer]);
    const request = Promise.withResolvers<Answer>();
    waiting.push(request);
    const answer = await request.promise as Exclude<Answer, "ready">;
    if ("error" in answer) throw new ThreadFailure(answer.error);
    used++;
    return answer.contents;
  }
  /** The requests to compress in progress, of all compressors. The thread answers them in order. */
  const compressing: Promise<Uint8Array[]>[] = [];
  function compressor(): Compressor {
    const pages: Page[] = [];
    const answers: Promise<Uint8Array[]>[] = [];
    let batch = new Uint8Array(0);
    let contents: Uint8Array[] = [];
    let at = 0;
    function send(): void {
      if (contents.length === 0) return;
      const answer = ask({ do: "compress", contents }, batch.buffer);
      answers.push(answer);
      compressing.push(answer);
      const done = () => void compressing.shift();
      answer.then(done, done); // a failure is reported by finish
      batch = new Uint8Array(0);
      contents = [];
      at = 0;
    }
    function add(content: Uint8Array): void {
      if (at + content.length > batch.length) {
        send();
        batch = new Uint8Array(Math.max(BATCH_BYTES, content.length));
      }
      batch.set(content, at);
      contents.push(batch.subarray(at, at += content.length));
    }
    return {
      async add(page) {
        pages.push(page);
        add(page.values);
        if (page.dictionary !== undefined) add(page.dictionary.values);
        await compressing.at(-BATCHES_IN_PROGRESS);
      },
      async finish() {
        send();
        const compressed = (await Promise.all(answers)).flat().values();
        return pages.map((page) => withCompressed(page, () => compressed.next().value!));
      },
    };
  }
  return {
    get isReady() {
      return isReady;
    },
    ready: started.promise,
    get used() {
      return used;
    },
    async decompress(pages) {
      if (!isReady && !hasEnded) await receiveMessages();
      if (!isReady) return await THIS_THREAD.decompress(pages);
      const { own, buffer } = packed(pages.filter(isZstd));
      const found = own.length === 0 ? [] : await ask({ do: "decompress", pages: own }, buffer);
      const contents = found.values();
      return pages.map((page) => isZstd(page) ? contents.next().value! : decompress(page));
    },
    compressor: () => isReady ? compressor() : THIS_THREAD.compressor(),
    [Symbol.dispose]: end,
  };
}

/** Receives the messages that have arrived. Takes one or two milliseconds. */
function receiveMessages(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The thread has no code for other compressions. */
function isZstd({ codec }: StoredPage): boolean {
  return codec === "ZSTD";
}

/** Copies the bodies of pages into one buffer, which moves to another thread faster than many. */
function packed(pages: readonly StoredPage[]) {
  const all = new Uint8Array(pages.reduce((sum, { body }) => sum + body.length, 0));
  let at = 0;
  const own = pages.map(({ body, size }) => {
    all.set(body, at);
    return { body: all.subarray(at, at += body.length), size };
  });
  return { own, buffer: all.buffer };
}

/** The code of the thread. It uses only its parameters and the code that the thread gets. */
function answerRequests(inflate: typeof decompressZstd, deflate: typeof compressBytes): void {
  const parent = self as unknown as Worker;
  function answer(request: Request): void {
    if (request.do === "decompress") {
      const contents = request.pages.map((page) => {
        const content = inflate(page);
        // Smaller buffers may be parts of a pool.
        return content.length > LARGEST_POOL ? content : content.slice();
      });
      free(request.pages[0]!.body);
      const buffers = contents.map(({ buffer }) => buffer as ArrayBuffer);
      parent.postMessage({ contents } satisfies Answer, buffers);
      return;
    }
    const compressed = request.contents.map(deflate);
    free(request.contents[0]!);
    const all = new Uint8Array(compressed.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    const contents = compressed.map((bytes) => {
      all.set(bytes, at);
      return all.subarray(at, at += bytes.length);
    });
    for (const bytes of compressed) if (bytes.length === bytes.buffer.byteLength) free(bytes);
    parent.postMessage({ contents } satisfies Answer, [all.buffer]);
  }
  /** Frees memory at once, instead of at some later garbage collection. */
  function free({ buffer }: Uint8Array): void {
    (buffer as ArrayBuffer).transfer(0);
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
export const PAGE_THREAD_CODE: string = [
  'import { zstdCompressSync, zstdDecompressSync } from "node:zlib";',
  DECOMPRESS_ZSTD_CODE,
  COMPRESS_BYTES_CODE,
  sourceOf([answerRequests], { LARGEST_POOL }),
  "answerRequests(decompressZstd, compressBytes);",
].join("\n");
