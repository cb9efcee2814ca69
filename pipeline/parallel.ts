/** How many requests a run has under way at once. */
const PARALLEL = 4;

/**
 * Maps with a few promises under way at once; results keep their order.
 *
 * @param atOnce how many
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
