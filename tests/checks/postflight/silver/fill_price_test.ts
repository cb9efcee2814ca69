import type { SilverRow } from "../../../../checks/facts/silver.ts";
import { assertEquals } from "../../../support/assert.ts";
import { assertOnly, facts, HEALTHY, resultOf, SILVER } from "../../healthy/day.ts";

const ID = "fill-price";
const [first, ...others] = SILVER.rows as [SilverRow, ...SilverRow[]];

Deno.test("fill-price passes if only a failed execution has no price", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "2 of 3 executions done");
});

Deno.test("fill-price warns of a completed row without a price", async () => {
  await assertOnly(ID, facts({ silver: { rows: [{ ...first, filled: false }, ...others] } }), [{
    severity: "warn",
    object: first.part,
    field: "fill_price",
    problem: "1 row with status EXECUTED and no fill_price: operation 11",
  }]);
});
