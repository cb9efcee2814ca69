/** Returns today in UTC, as `YYYY-MM-DD`. */
function today(): string {
  return Temporal.Now.plainDateISO("UTC").toString();
}

/**
 * Runs a test whose result depends on today. If the test fails and the day has ended meanwhile, the
 * test runs again, on the new day.
 */
export async function onOneDay(run: () => Promise<void>, clock = today): Promise<void> {
  const day = clock();
  try {
    await run();
  } catch (error) {
    if (clock() === day) throw error;
    await onOneDay(run, clock);
  }
}
