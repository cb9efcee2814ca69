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

Deno.test("fill-price attributes rows of several clients to the day, and names the clients", async () => {
  const rows = SILVER.rows as readonly SilverRow[];
  const unfilled = rows.map((row) => ({ ...row, status: "EXECUTED", filled: false }));
  assertEquals((await resultOf(ID, facts({ silver: { rows: unfilled } }))).findings, [{
    severity: "warn",
    object: SILVER.markerKey,
    field: "fill_price",
    problem: "3 rows with status EXECUTED and no fill_price: operation 11 of client 1, " +
      "operation 12 of client 1, operation 13 of client 2",
    why: "no event of the operation on this day has the price, so slippage and profit cannot be " +
      "computed from silver",
    fix: "Look the order up at the exchange by its exchange_order_id, and have the backend write " +
      "the price with its EXECUTED event.",
  }]);
});
