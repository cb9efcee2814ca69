/** How long to wait for the peer of a connection. */
export interface Patience {
  /** Returns the number of bytes received since the connection began. */
  received(): number;
  /** The longest time without any bytes, in milliseconds. */
  readonly silence: number;
  /** Called after this time without any bytes. The function must make the answer fail. */
  giveUp(): void;
  /** Called after about two seconds without any bytes, at most once for an answer. */
  tell(): void;
}

const TELL_AFTER_MS = 2000;

/**
 * Waits for an answer while bytes arrive. Time counts only while this process runs, so that sleep
 * of this machine does not count as silence of the peer.
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
  let isReported = false;
  const timer = setInterval(() => {
    const now = patience.received();
    quiet = now === received ? quiet + tick : 0;
    received = now;
    if (quiet >= silence) {
      patience.giveUp();
    } else if (quiet >= TELL_AFTER_MS && !isReported) {
      isReported = true;
      patience.tell();
    }
  }, tick);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
  }
}
