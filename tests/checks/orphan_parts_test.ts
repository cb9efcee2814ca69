import { assertEquals } from "../support/assert.ts";
import { assertOnly, BRONZE, facts, HEALTHY, resultOf, SILVER } from "./healthy.ts";

const ID = "orphan-parts";

Deno.test("orphan-parts passes, and says how many parts it saw", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "4 parts in the day's folders");
});

Deno.test("orphan-parts fails for a part of bronze that no marker names", async () => {
  const object = "bronze/events/date=2025-12-28/part-00000-0ld.parquet";
  await assertOnly(ID, facts({ bronze: { listed: [object, ...BRONZE.listed] } }), [{
    ...{ severity: "fail", object, problem: "no commit marker names it" },
    fix: "deno task clean --date 2025-12-28",
  }]);
});

Deno.test("orphan-parts names a few of many, and counts the rest", async () => {
  const keys = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `bronze/events/date=2025-12-28/${i}.parquet`);
  await assertOnly(ID, facts({ bronze: { listed: [...keys, ...BRONZE.listed] } }), [{
    object: keys[0]!,
    problem: `no commit marker names it, nor ${keys.slice(1, 6).join(", ")} and 2 more`,
  }]);
});

Deno.test("orphan-parts fails for a part of silver, also of a client without executions", async () => {
  for (const client of [2, 99]) {
    const object =
      `silver/stop_executions/client_id=${client}/date=2025-12-28/part-00000-0ld.parquet`;
    await assertOnly(ID, facts({ silver: { listed: [...SILVER.listed, object] } }), [
      { object, fix: "deno task clean --date 2025-12-28" },
    ]);
  }
});
