import type { ZstdOptions } from "node:zlib";

// Node's functions for Zstandard block the thread that calls them. A run that handles many pages
// therefore gives them to a second thread, and meanwhile handles others. The thread is a worker
// without any permission. Its code is in a data URL, because a confined process must not read files
// of this project.

/** A second thread that compresses and decompresses with Zstandard. */
export interface CompressionThread extends Disposable {
  /**
   * Handles bodies in the thread. They are copied, so the caller can keep using them.
   *
   * @param options the options of each body
   * @returns the results; undefined if the thread is not ready yet, or has failed, so that the
   *   caller must do the work
   * @throws {Error} a body cannot be decompressed; the message is that of Node's function
   */
  run(
    task: CompressionTask,
    bodies: readonly Uint8Array[],
    options: readonly ZstdOptions[],
  ): Promise<Uint8Array[] | undefined>;
}

/** The work that the thread does with bodies. */
export type CompressionTask = "compress" | "decompress";

/** Bodies one behind the other. One buffer moves to another thread faster than many. */
interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The length of each body. */
  readonly lengths: readonly number[];
}

/** A message to the thread. The thread answers requests in their order. */
interface Request extends Packed {
  readonly task: CompressionTask;
  readonly options: readonly ZstdOptions[];
}

/** A message from the thread. The first message is `ready`. */
type Answer = "ready" | Packed | { readonly error: string };

/**
 * Starts the thread. The thread ends when it is disposed.
 *
 * @example
 * ```ts
 * import { startCompressionThread } from "./compression_thread.ts";
 * using thread = startCompressionThread();
 * await thread.run("compress", [Uint8Array.of(1, 2, 3)], [{}]); // undefined until it is ready
 * ```
 */
export function startCompressionThread(source: string = SOURCE): CompressionThread {
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`, {
    type: "module",
    deno: { permissions: "none" },
  });
  const waiting: PromiseWithResolvers<Uint8Array[] | undefined>[] = [];
  let isReady = false;
  function end(): void {
    isReady = false;
    worker.terminate();
    for (const { resolve } of waiting.splice(0)) resolve(undefined);
  }
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    if (data === "ready") {
      isReady = true;
      return;
    }
    const { resolve, reject } = waiting.shift()!;
    if ("error" in data) reject(new Error(data.error));
    else resolve(unpack(data));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    end();
  };
  return {
    run(task, bodies, options) {
      if (!isReady) return Promise.resolve(undefined);
      const packed = pack(bodies);
      worker.postMessage({ task, options, ...packed } satisfies Request, [packed.bytes.buffer]);
      const request = Promise.withResolvers<Uint8Array[] | undefined>();
      waiting.push(request);
      return request.promise;
    },
    [Symbol.dispose]: end,
  };
}

function pack(bodies: readonly Uint8Array[]): Packed {
  const lengths = bodies.map(({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const body of bodies) {
    bytes.set(body, at);
    at += body.length;
  }
  return { bytes, lengths };
}

function unpack({ bytes, lengths }: Packed): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => bytes.subarray(at, at += length));
}

/** The code of the thread. It uses nothing from outside of its body except its parameters. */
function answerRequests(
  { zstdCompressSync, zstdDecompressSync }: typeof import("node:zlib"),
  packBodies: typeof pack,
  unpackBodies: typeof unpack,
): void {
  const parent = self as unknown as Worker;
  const largestPool = 1 << 16;
  parent.onmessage = ({ data }: MessageEvent<Request>) => {
    try {
      const handle = data.task === "compress" ? zstdCompressSync : zstdDecompressSync;
      const results = unpackBodies(data).map((body, i) => handle(body, data.options[i]!));
      const packed = packBodies(results);
      // Frees memory at once, instead of at some later garbage collection. Smaller buffers may be
      // parts of a pool.
      for (const { buffer } of [data.bytes, ...results]) {
        if (buffer.byteLength > largestPool) (buffer as ArrayBuffer).transfer(0);
      }
      parent.postMessage(packed satisfies Answer, [packed.bytes.buffer]);
    } catch (error) {
      parent.postMessage({ error: (error as Error).message } satisfies Answer);
    }
  };
  parent.postMessage("ready" satisfies Answer);
}

const SOURCE = `import * as zlib from "node:zlib"; (${answerRequests})(zlib, ${pack}, ${unpack});`;
