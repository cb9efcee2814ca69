/** Number of requests that a run has in flight at the same time. */
const PARALLEL = 4;

/**
 * Maps items with a limited number of concurrent promises. Results keep the order of the items.
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
  const worker = async () => {
    for (const [i, item] of queue) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
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
