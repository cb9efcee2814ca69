/** Milliseconds that anything may take that is waited for, unless told otherwise. */
const DEADLINE = 60_000;

/**
 * Asks again and again until something is so. What cannot be asked yet, and throws, is not so.
 *
 * @param what for the error, as in `the API server is ready`
 * @throws {Error} it took too long
 */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  within: AbortSignal = AbortSignal.timeout(DEADLINE),
): Promise<void> {
  let problem: unknown;
  while (
    !(await isSo().catch((error) => {
      problem = error;
      return false;
    }))
  ) {
    if (within.aborted) {
      const reason = problem === undefined ? "" : ` Last: ${(problem as Error).message}`;
      throw new Error(`It took too long until ${what}.${reason}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
