/** How long to wait for the other side of a connection. */
export interface Patience {
  /** How many bytes have come since the connection began. */
  received(): number;
  /** How long nothing may come, in milliseconds. */
  readonly silence: number;
  /** Called once nothing has come for that long. It has to make the answer fail. */
  giveUp(): void;
  /** Called, at most once for an answer, when nothing has come for about two seconds. */
  tell(): void;
}

const TELL_AFTER_MS = 2000;

/**
 * Waits for an answer as long as bytes come. Only time counts in which this process would have seen
 * them: a machine that was asleep does not take its own sleep for the other side's silence.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { waitFor } from "./idle_timeout.ts";
 * const patience = { received: () => 0, silence: 1000, giveUp() {}, tell() {} };
 * assertEquals(await waitFor(Promise.resolve("answer"), patience), "answer");
 * ```
 */
export async function waitFor<T>(answer: Promise<T>, patience: Patience): Promise<T> {
  const { silence } = patience;
  const tick = Math.min(1000, Math.max(10, silence / 10));
  let received = patience.received();
  let quiet = 0;
  let told = false;
  const timer = setInterval(() => {
    const now = patience.received();
    quiet = now === received ? quiet + tick : 0;
    received = now;
    if (quiet >= silence) {
      patience.giveUp();
    } else if (quiet >= TELL_AFTER_MS && !told) {
      told = true;
      patience.tell();
    }
  }, tick);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
  }
}
