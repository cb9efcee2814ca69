/** Default deadline in milliseconds. */
const DEADLINE = 180_000;

/**
 * Polls until a condition holds. A condition that throws does not hold yet.
 *
 * @param what the condition, for the error message, for example `the API server is ready`
 * @throws {Error} the deadline passed
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
      throw new Error(`Timed out waiting until ${what}.${reason}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
