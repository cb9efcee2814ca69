import { scheduler } from "node:timers/promises";

/** The processor time between two pauses, in milliseconds. */
const WORK_MS = 4;
/** A pause ends when no other work has run for this time, in milliseconds. */
const QUIET_MS = 0.1;
/** Other work has run if a turn of the event loop takes longer than this, in milliseconds. */
const EMPTY_TURN_MS = 0.02;
/** The longest pause, in milliseconds. After it, the caller continues even if other work runs. */
const MOST_MS = 50;

/**
 * Returns a function that pauses the caller until all other work of this thread waits for something.
 * A long computation calls it often, so that it does not delay the answers to a server. A call does
 * nothing if the last pause was a few milliseconds ago.
 *
 * @param mostMs the longest pause, in milliseconds
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
