import type { SilverFact, SilverRow } from "../../../../checks/facts/silver.ts";
import { assertEquals } from "../../../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  facts,
  HEALTHY,
  resultOf,
  SILVER,
  withFirst,
} from "../../healthy/day.ts";

const ID = "silver-rows";
const [first, second, third] = SILVER.rows as [SilverRow, SilverRow, SilverRow];

function silver(rows: readonly SilverRow[]) {
  return facts({ silver: { rows } satisfies Partial<SilverFact> });
}

Deno.test("silver-rows passes with one row per operation", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "3 rows of 3 operations");
});

Deno.test("silver-rows fails if an operation has no row", async () => {
  await assertOnly(ID, silver([first, third]), [{
    severity: "fail",
    object: SILVER.markerKey,
    field: "operation_id",
    problem: "no row for 1 operation with execution events: operation 12 of client 1",
  }]);
});

Deno.test("silver-rows names five operations without a row, and counts the rest", async () => {
  const known = BRONZE.lastEvents;
  const lastEvents = new Map(Array.from(known.keys(), (id) => [id, known.get(id)!]));
  for (let id = 21n; id < 28n; id++) lastEvents.set(id, known.get(11n)!);
  await assertOnly(ID, facts({ bronze: { lastEvents } }), [{
    problem: "no row for 7 operations with execution events: operation 21 of client 1, " +
      "operation 22 of client 1, operation 23 of client 1, operation 24 of client 1, " +
      "operation 25 of client 1 and 2 more",
  }]);
});

Deno.test("silver-rows fails for a row without an execution event", async () => {
  await assertOnly(ID, silver([...SILVER.rows, { ...first, operation_id: 99n }]), [{
    object: first.part,
    field: "operation_id",
    problem: "1 row without an execution event: operation 99",
  }]);
});

Deno.test("silver-rows fails for an operation with two rows", async () => {
  await assertOnly(ID, silver([first, second, second, third]), [{
    object: second.part,
    field: "operation_id",
    problem: "1 operation with more than one row: operation 12 (2 rows)",
  }]);
});

Deno.test("silver-rows fails for a row in another client's folder", async () => {
  await assertOnly(ID, silver([{ ...first, part: third.part }, second, third]), [{
    object: third.part,
    field: "client_id",
    problem: "1 row in another client's folder: operation 11 of client 1",
  }]);
});

Deno.test("silver-rows fails for a row of another client than its events", async () => {
  const stolen = { ...first, client_id: 2n, part: third.part };
  await assertOnly(ID, silver([stolen, second, third]), [{
    object: third.part,
    field: "client_id",
    problem: "1 row of another client than the events: " +
      "operation 11 (client 2, and its last event says 1)",
  }]);
});

Deno.test("silver-rows fails if a footer has other rows than the marker", async () => {
  const { footer, part } = SILVER.parts[0]!;
  const parts = withFirst(SILVER.parts, { footer: { ...footer!, rows: 5 } });
  await assertOnly(ID, facts({ silver: { parts } }), [{
    object: part.key,
    field: "rows",
    problem: "its footer says 5 rows, but the commit marker says 2",
  }]);
});

Deno.test("silver-rows fails if silver has no rows at all, and silver-status does not pass", async () => {
  const { others } = await assertOnly(ID, silver([]), [
    {
      problem: "no row for 3 operations with execution events: operation 11 of client 1, " +
        "operation 12 of client 1, operation 13 of client 2",
    },
  ]);
  assertEquals(others, { "silver-status": "skip", "silver-values": "skip" });
});

Deno.test("silver-rows attributes rows of several clients to the day, and names the clients", async () => {
  const { findings } = await resultOf(ID, silver([first, first, second, third, third]));
  const repeated = findings.filter(({ problem }) => problem.includes("more than one row"));
  assertEquals(repeated.map(({ object, problem }) => [object, problem]), [[
    SILVER.markerKey,
    "2 operations with more than one row: operation 11 of client 1 (2 rows), " +
    "operation 13 of client 2 (2 rows)",
  ]]);
  const extra = [{ ...first, operation_id: 98n }, { ...third, operation_id: 99n }];
  await assertOnly(ID, silver([...SILVER.rows, ...extra]), [{
    object: SILVER.markerKey,
    problem: "2 rows without an execution event: operation 98 of client 1, " +
      "operation 99 of client 2",
  }]);
});

Deno.test("silver-rows names both clients of an operation with two rows", async () => {
  const copy = { ...first, client_id: 2n, part: third.part };
  const { findings } = await resultOf(ID, silver([first, second, third, copy]));
  assertEquals(
    findings.map(({ problem }) => problem)[0],
    "1 operation with more than one row: operation 11 of client 1 and client 2 (2 rows)",
  );
});
