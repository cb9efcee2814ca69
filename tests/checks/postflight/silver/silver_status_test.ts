import type { SilverRow } from "../../../../checks/facts/silver.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { assertOnly, facts, HEALTHY, resultOf, SILVER } from "../../healthy/day.ts";

const ID = "silver-status";
const [first, ...others] = SILVER.rows as [SilverRow, ...SilverRow[]];

Deno.test("silver-status passes, and reports what it compared", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "3 rows, status and execution_id");
});

Deno.test("silver-status fails for a status that does not follow from the last event", async () => {
  const rows = [{ ...first, status: "PENDING" }, ...others];
  await assertOnly(ID, facts({ silver: { rows } }), [{
    severity: "fail",
    object: first.part,
    field: "status",
    problem: "1 row with a status that does not match the last event: " +
      'operation 11 ("PENDING", should be "EXECUTED")',
  }]);
});

Deno.test("silver-status fails for an execution_id that is not the last event's", async () => {
  const rows = [{ ...first, execution_id: "11111111-0000-4000-8000-000000000000" }, ...others];
  await assertOnly(ID, facts({ silver: { rows } }), [{
    object: first.part,
    field: "execution_id",
    problem: "1 row with an execution_id that is not the last event in bronze: operation 11 " +
      `(11111111-0000-4000-8000-000000000000, should be ${first.execution_id})`,
  }]);
});

Deno.test("silver-status names five rows and counts the rest", async () => {
  const rows = Array.from({ length: 8 }, () => ({ ...first, status: "BLOCKED" }));
  const { findings } = await resultOf(ID, facts({ silver: { rows } }));
  assertEquals(findings[0]!.problem.match(/operation 11/g)!.length, 5);
  assertEquals(findings[0]!.problem.endsWith(" and 3 more"), true);
});

Deno.test("silver-status attributes rows of several clients to the day, and names the clients", async () => {
  const rows = (SILVER.rows as readonly SilverRow[]).map((row) => ({ ...row, status: "BLOCKED" }));
  const { findings } = await resultOf(ID, facts({ silver: { rows } }));
  assertEquals(findings.map(({ object }) => object), [SILVER.markerKey]);
  for (const { operation_id: id, client_id } of SILVER.rows) {
    assertStringIncludes(findings[0]!.problem, `operation ${id} of client ${client_id} ("BLOCKED"`);
  }
});
