import { assertEquals, assertRejects } from "./assert.ts";
import { onOneDay } from "./one_day.ts";

/** Runs a test once for each day, which ends during the test. Only the last test succeeds. */
async function runs(...days: string[]): Promise<number> {
  let count = 0;
  const run = () =>
    ++count === days.length ? Promise.resolve() : Promise.reject(new Error(`failure ${count}`));
  await onOneDay(run, () => days[count]!);
  return count;
}

Deno.test("onOneDay: runs a test again only if it failed and the day has ended", async () => {
  assertEquals(await runs("2025-12-28"), 1);
  assertEquals(await runs("2025-12-28", "2025-12-29", "2025-12-30"), 3);
  await assertRejects(() => runs("2025-12-28", "2025-12-28"), Error, "failure 1");
  await assertRejects(() => runs("2025-12-28", "2025-12-29", "2025-12-29"), Error, "failure 2");
});
