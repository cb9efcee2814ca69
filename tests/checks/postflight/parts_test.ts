import type { PartFact } from "../../../checks/facts/lake_day.ts";
import { assertEquals } from "../../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  type DayFacts,
  facts,
  HEALTHY,
  listedObject,
  recommit,
  resultOf,
  SILVER,
  withFirst,
} from "../healthy/day.ts";

// bronze-parts and silver-parts judge the same way.

const LAYERS = [
  { id: "bronze-parts", layer: "bronze", fact: BRONZE },
  { id: "silver-parts", layer: "silver", fact: SILVER },
] as const;

function broken(layer: "bronze" | "silver", changes: Partial<PartFact>, keep?: "footer"): DayFacts {
  const { parts } = layer === "bronze" ? BRONZE : SILVER;
  const { stored: _, footer, ...first } = parts[0]!;
  const damaged = { ...first, ...(keep && { footer: footer! }), ...changes, collected: false };
  return facts({ [layer]: { parts: [damaged, ...parts.slice(1)] } });
}

for (const { id, layer, fact } of LAYERS) {
  const { key: object, bytes } = fact.parts[0]!.part;

  Deno.test(`parts: ${id} fails if a part is missing; checks of its rows are skipped`, async () => {
    const { others } = await assertOnly(id, broken(layer, {}), [
      {
        severity: "fail",
        object,
        problem: "the commit marker names this part, but the part does not exist",
      },
    ]);
    assertEquals(new Set(Object.values(others)), new Set(["skip"] as const));
    assertEquals(others["silver-rows"], "skip");
    assertEquals(others["parquet-schema"], "skip");
  });

  Deno.test(`parts: ${id} fails if a part has other bytes`, async () => {
    const problem = "it is not a Parquet file: it is cut off";
    const given = broken(layer, { stored: { bytes: 12, same: false }, problem });
    const says = `it has 12 bytes, but the commit marker says ${bytes.toLocaleString("en-US")}`;
    await assertOnly(id, given, [{ object, field: "bytes", problem: says }]);
  });

  Deno.test(`parts: ${id} fails if the marker names another size for the same content`, async () => {
    const stored = { bytes: bytes + 1, same: true };
    const { findings: [finding] } = await assertOnly(id, broken(layer, { stored }, "footer"), [
      { severity: "fail", object, field: "bytes" },
    ]);
    assertEquals(
      finding!.problem,
      `it has ${(bytes + 1).toLocaleString("en-US")} bytes, but the commit marker says ${
        bytes.toLocaleString("en-US")
      }`,
    );
  });

  Deno.test(`parts: ${id} fails if a part has another sha256`, async () => {
    const given = broken(layer, { stored: { bytes, same: false } }, "footer");
    const { others } = await assertOnly(id, given, [{ object, field: "sha256" }]);
    assertEquals(others["silver-status"], "skip");
  });

  Deno.test(`parts: ${id} fails if a part cannot be read, though it is as it was published`, async () => {
    const problem = "column operation_id contains a null";
    const given = broken(layer, { stored: { bytes, same: true }, problem }, "footer");
    await assertOnly(id, given, [{ object, problem: `it cannot be read: ${problem}` }]);
  });

  Deno.test(`parts: ${id} has a run repair an open day, and an operator a sealed one`, async () => {
    const damage = { stored: { bytes: 12, same: false }, collected: false };
    const { findings: [sealed] } = await assertOnly(
      id,
      facts({ [layer]: { parts: withFirst(fact.parts, damage) } }),
      [{ object }],
    );
    const restored = "from a backup, or in a bucket with versioning from an earlier version.";
    assertEquals(
      sealed!.fix,
      layer === "bronze" ? `Restore ${object} ${restored}` : "deno task amend --date 2025-12-28",
    );
    const { findings: [open] } = await assertOnly(
      id,
      facts({
        bronze: {
          ...recommit(BRONZE, { state: "open" }),
          ...(layer === "bronze" && { parts: withFirst(BRONZE.parts, damage) }),
        },
        silver: {
          ...recommit(SILVER, { state: "open" }),
          ...(layer === "silver" && { parts: withFirst(SILVER.parts, damage) }),
        },
      }),
      [{ object }],
    );
    const command = layer === "bronze" ? "run" : "silver";
    assertEquals(open!.fix, `deno task ${command} --date 2025-12-28`);
  });
}

const ID = "orphan-parts";
const CLEAN = "deno task clean --date 2025-12-28";
const object = "bronze/events/date=2025-12-28/part-00000-0ld.parquet";

Deno.test("orphan-parts passes, and reports the number of parts", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "4 parts in the day's folders");
});

Deno.test("orphan-parts fails for a part that no marker lists, and that belongs to no run", async () => {
  const listed = [listedObject(object, 25), ...BRONZE.listed];
  await assertOnly(ID, facts({ bronze: { listed } }), [
    { severity: "fail", object, problem: "no commit marker names it", fix: CLEAN },
  ]);
});

Deno.test("orphan-parts only warns of a part that a run may be about to publish", async () => {
  const listed = [listedObject(object, 23), ...BRONZE.listed];
  await assertOnly(ID, facts({ bronze: { listed } }), [{
    severity: "warn",
    object,
    problem: "no commit marker names it",
    fix:
      `Wait until all runs of that day have finished. To remove parts that remain after a day: ${CLEAN}`,
  }]);
});

Deno.test("orphan-parts distinguishes old and young parts, and lists at most a few", async () => {
  const keys = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => `bronze/events/date=2025-12-28/${i}.parquet`);
  const listed = [
    ...keys.map((key) => listedObject(key)),
    listedObject(object, 0),
    ...BRONZE.listed,
  ];
  await assertOnly(ID, facts({ bronze: { listed } }), [
    {
      severity: "fail",
      object: BRONZE.markerKey,
      problem: `no commit marker names these 8 parts: ${keys.slice(0, 5).join(", ")} and 3 more`,
    },
    { severity: "warn", object },
  ]);
});

Deno.test("orphan-parts examines every client's folder, even if silver has no part", async () => {
  for (const client of [2, 99]) {
    const object =
      `silver/stop_executions/client_id=${client}/date=2025-12-28/part-00000-0ld.parquet`;
    const listed = [...SILVER.listed, listedObject(object)];
    await assertOnly(ID, facts({ silver: { listed } }), [{ severity: "fail", object, fix: CLEAN }]);
  }
});
