import { scheduler } from "node:timers/promises";

/** The time that a work goes on before it gives way, in milliseconds. */
const WORK_MS = 4;
/** Other work waits if it has done nothing for this time, in milliseconds. */
const QUIET_MS = 0.1;
/** A turn of the event loop that takes longer had other work to do, in milliseconds. */
const EMPTY_TURN_MS = 0.02;
/** The longest time to give way, in milliseconds, so that both works go on. */
const MOST_MS = 50;

/**
 * Returns a function that lets other work of this thread go on until it waits. Work that only needs
 * the processor calls the function often, so that work that also waits for a server is never late.
 * If the last time was a few milliseconds ago, the function does nothing.
 *
 * @param mostMs the longest time to give way, in milliseconds
 *
 * @example
 * ```ts
 * import { givingWay } from "./give_way.ts";
 * const giveWay = givingWay();
 * let sum = 0;
 * for (let i = 0; i < 1000; i++) {
 *   await giveWay();
 *   sum += i;
 * }
 * ```
 */
export function givingWay(mostMs: number = MOST_MS): () => Promise<void> {
  let last = performance.now();
  return async () => {
    const began = performance.now();
    if (began - last < WORK_MS) return;
    last = began;
    for (let busy = began; last - busy < QUIET_MS && last - began < mostMs;) {
      const before = last;
      await scheduler.yield();
      last = performance.now();
      if (last - before > EMPTY_TURN_MS) busy = last;
    }
  };
}
