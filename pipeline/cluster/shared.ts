/**
 * Waits for something until the signal aborts. What is left behind goes on, and nobody hears of it.
 *
 * @throws the signal's reason
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Makes something once for all who ask for it, also for those who ask while it is being made. Whoever
 * gives up does not end it for the others. It is made again after it failed, and when it is no longer
 * good.
 *
 * @param isGood whether what was made can still be used
 */
export function shared<T>(
  make: () => Promise<T>,
  isGood: (made: T) => boolean = () => true,
): (signal: AbortSignal) => Promise<T> {
  let made: Promise<T> | undefined;
  let old: T | undefined;
  const fresh = () => {
    const making = make();
    made = making;
    making.then((value) => old = value, () => {
      if (made === making) made = undefined;
    });
    return making;
  };
  return (signal) => {
    const isStale = old !== undefined && !isGood(old);
    if (isStale) [old, made] = [undefined, undefined];
    return unlessAborted(made ?? fresh(), signal);
  };
}
