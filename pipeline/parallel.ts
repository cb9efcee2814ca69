/** The default number of concurrent promises. */
const PARALLEL = 4;

/** The most workers of a run. Each one has a session with the database, which has other work too. */
const MOST_WORKERS = 4;

/**
 * Returns the number of workers for the cores of a machine: none if it has less than four cores,
 * because the database and the main thread then need all cores.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { workersFor } from "./parallel.ts";
 * assertEquals([2, 4, 5, 64].map(workersFor), [0, 2, 3, 4]);
 * ```
 */
export function workersFor(cores: number): number {
  return cores < 4 ? 0 : Math.min(cores - 2, MOST_WORKERS);
}

/**
 * Maps items with a limited number of concurrent promises. Results keep the order of the items.
 * After a failure, no further work starts, and the failure is thrown once all running work has ended.
 *
 * @param atOnce the number of concurrent promises
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { inParallel } from "./parallel.ts";
 * assertEquals(await inParallel([1, 2, 3], (n) => Promise.resolve(n * n), 2), [1, 4, 9]);
 * ```
 */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atOnce: number = PARALLEL,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const failures: unknown[] = [];
  const worker = async () => {
    for (const [i, item] of queue) {
      if (failures.length > 0) return;
      try {
        results[i] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}

/**
 * Waits for the end of two promises. If both fail, the failure of the first is thrown, whichever
 * came earlier.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { allInOrder } from "./parallel.ts";
 * assertEquals(await allInOrder(Promise.resolve(1), Promise.resolve("a")), [1, "a"]);
 * const failures = [Promise.reject(new Error("one")), Promise.reject(new Error("two"))] as const;
 * await assertRejects(() => allInOrder(...failures), Error, "one");
 * ```
 */
export async function allInOrder<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const ended = await Promise.allSettled([first, second]);
  const failed = ended.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  return await Promise.all([first, second]);
}

/** The bounds of {@linkcode readAhead}. */
export interface AheadLimits<T> {
  /** The number of results that are in progress or waiting, without the result that the caller has. */
  readonly count: number;
  /** The total size of these results. A single result may be larger. */
  readonly size: number;
  /**
   * Whether the total size includes the result that the caller handles. A large result is then alone
   * in memory: the work for the next one begins when the caller requests it.
   */
  readonly countsCurrent?: boolean;
  /** The size of the result of an item. */
  sizeOf(item: T): number;
}

/**
 * Maps items in their order. The work for the first items begins at once. While the caller handles a
 * result, the work for the next items continues. After the caller stops, or after a failure, the
 * generator waits for the work in progress.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readAhead } from "./parallel.ts";
 * const squares = readAhead([1, 2, 3], (n) => Promise.resolve(n * n), {
 *   count: 2,
 *   size: 100,
 *   sizeOf: (n) => n,
 * });
 * assertEquals(await Array.fromAsync(squares), [1, 4, 9]);
 * ```
 */
export function readAhead<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
  { count, size, countsCurrent = false, sizeOf }: AheadLimits<T>,
): AsyncGenerator<R> {
  const waiting = Iterator.from(items);
  const started: { readonly result: Promise<R>; readonly bytes: number }[] = [];
  let next = waiting.next();
  let total = 0;
  const start = () => {
    while (!next.done) {
      const bytes = sizeOf(next.value);
      const full = started.length >= count || total + bytes > size;
      if (full && (started.length > 0 || total > 0)) return;
      const result = work(next.value);
      result.catch(() => {}); // the caller gets the error in the order of the items
      started.push({ result, bytes });
      total += bytes;
      next = waiting.next();
    }
  };
  const end = (bytes: number) => {
    total -= bytes;
    start();
  };
  async function* results(): AsyncGenerator<R> {
    try {
      yield undefined as R; // taken below, because a generator that has not begun ends without waiting
      while (started.length > 0) {
        const { result, bytes } = started[0]!;
        const done = await result;
        started.shift();
        if (countsCurrent) start();
        else end(bytes);
        yield done;
        if (countsCurrent) end(bytes);
      }
    } finally {
      await Promise.allSettled(started.map(({ result }) => result));
    }
  }
  start();
  const generator = results();
  void generator.next();
  return generator;
}

/**
 * Maps items concurrently, as {@linkcode inParallel}. The first failure aborts `stop`, and is
 * thrown once all running work has ended.
 *
 * @param work is expected to end soon when `stop` aborts
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { inParallelFailingFast } from "./parallel.ts";
 * const stop = new AbortController();
 * assertEquals(await inParallelFailingFast([1, 2], stop, (n) => Promise.resolve(n * n)), [1, 4]);
 * ```
 */
export async function inParallelFailingFast<T, R>(
  items: readonly T[],
  stop: AbortController,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  let failed: { readonly error: unknown } | undefined;
  const results = await inParallel([...items.entries()], async ([i, item]) => {
    if (failed !== undefined) return [];
    try {
      return [await work(item, i)];
    } catch (error) {
      failed ??= { error };
      stop.abort();
      return [];
    }
  });
  if (failed !== undefined) throw failed.error;
  return results.flat() as R[];
}

/**
 * A controller that also aborts when the given signal aborts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { stoppedBy } from "./parallel.ts";
 * const outer = new AbortController();
 * const stop = stoppedBy(outer.signal);
 * outer.abort();
 * assertEquals(stop.signal.aborted, true);
 * ```
 */
export function stoppedBy(signal: AbortSignal | undefined): AbortController {
  const stop = new AbortController();
  if (signal?.aborted) stop.abort(signal.reason);
  signal?.addEventListener("abort", () => stop.abort(signal.reason), { signal: stop.signal });
  return stop;
}
