import { assertEquals } from "../../support/assert.ts";
import { assertOnly, BRONZE, facts, HEALTHY, listedObject, resultOf, SILVER } from "./healthy.ts";

const ID = "orphan-parts";
const CLEAN = "deno task clean --date 2025-12-28";
const object = "bronze/events/date=2025-12-28/part-00000-0ld.parquet";

Deno.test("orphan-parts passes, and says how many parts it saw", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "4 parts in the day's folders");
});

Deno.test("orphan-parts fails for a part that no marker names, and that belongs to no run", async () => {
  const listed = [listedObject(object, 25), ...BRONZE.listed];
  await assertOnly(ID, facts({ bronze: { listed } }), [
    { severity: "fail", object, problem: "no commit marker names it", fix: CLEAN },
  ]);
});

Deno.test("orphan-parts only warns of a part that a run may be about to publish", async () => {
  const listed = [listedObject(object, 23), ...BRONZE.listed];
  await assertOnly(ID, facts({ bronze: { listed } }), [{
    ...{ severity: "warn", object, problem: "no commit marker names it" },
    fix: `Let the runs of that day end. What is still there after a day: ${CLEAN}`,
  }]);
});

Deno.test("orphan-parts tells old and young parts apart, and names a few of many", async () => {
  const keys = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `bronze/events/date=2025-12-28/${i}.parquet`);
  const listed = [
    ...keys.map((key) => listedObject(key)),
    listedObject(object, 0),
    ...BRONZE.listed,
  ];
  await assertOnly(ID, facts({ bronze: { listed } }), [
    {
      severity: "fail",
      object: keys[0]!,
      problem: `no commit marker names it, nor ${keys.slice(1, 6).join(", ")} and 2 more`,
    },
    { severity: "warn", object },
  ]);
});

Deno.test("orphan-parts looks into every client's folder, also where silver has no part", async () => {
  for (const client of [2, 99]) {
    const object =
      `silver/stop_executions/client_id=${client}/date=2025-12-28/part-00000-0ld.parquet`;
    const listed = [...SILVER.listed, listedObject(object)];
    await assertOnly(ID, facts({ silver: { listed } }), [{ severity: "fail", object, fix: CLEAN }]);
  }
});
