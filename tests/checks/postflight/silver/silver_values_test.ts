import type { SilverRow, WrongColumn } from "../../../../checks/facts/silver.ts";
import { assertEquals } from "../../../support/assert.ts";
import { assertOnly, BRONZE, facts, HEALTHY, resultOf, SILVER } from "../../healthy/day.ts";

const ID = "silver-values";
const [first, , third] = SILVER.rows as [SilverRow, SilverRow, SilverRow];
const { sha256 } = BRONZE.marker!;

/** A comparison in which the prices of rows are wrong. */
function wrongPrices(rows: readonly SilverRow[], count = rows.length) {
  const named = rows.map((row) => ({ row, silver: "1.50000000", bronze: "null" }));
  const wrong: WrongColumn[] = [{ name: "fill_price", count, named }];
  return { silver: { compared: { sha256, wrong } } };
}

Deno.test("silver-values passes, and names the columns that it compared", async () => {
  const { verdict, examined } = await resultOf(ID, HEALTHY);
  assertEquals(
    [verdict, examined],
    [
      "pass",
      "3 rows, byte by byte: symbol, stop_price, trigger_price, quantity, side, triggered_at, " +
      "submitted_at, executed_at, exchange_order_id, fill_price, slippage_pct, source",
    ],
  );
});

Deno.test("silver-values fails for a value that is not the latest one", async () => {
  await assertOnly(ID, facts(wrongPrices([first])), [{
    severity: "fail",
    object: first.part,
    field: "fill_price",
    problem: "1 row with another fill_price than the latest one in bronze: " +
      "operation 11 of client 1 (1.50000000, should be null)",
    fix: `deno task amend --date ${SILVER.day}`,
  }]);
});

Deno.test("silver-values attributes rows of several parts, or rows without a name, to the day", async () => {
  for (const wrong of [wrongPrices([first, third]), wrongPrices([first], 9)]) {
    const { findings } = await resultOf(ID, facts(wrong));
    assertEquals(findings.map(({ object }) => object), [SILVER.markerKey]);
  }
  const { findings } = await resultOf(ID, facts(wrongPrices([first], 9)));
  assertEquals(findings[0]!.problem.endsWith(" and 8 more"), true);
});

Deno.test("silver-values does not pass if silver was compared with another bronze, or not at all", async () => {
  const { compared: _, ...silver } = SILVER;
  const other = { ...SILVER, compared: { sha256: "0".repeat(64), wrong: [] } };
  for (const each of [silver, other]) {
    assertEquals((await resultOf(ID, { ...HEALTHY, silver: each })).verdict, "error");
  }
});

Deno.test("silver-values skips rows that silver-rows reports as missing", async () => {
  const { verdict, reason } = await resultOf(ID, facts({ silver: { rows: [] } }));
  assertEquals([verdict, reason], ["skip", "silver has no rows to check (see silver-rows)"]);
});

Deno.test("silver-values passes for a day without execution events", async () => {
  const { verdict, examined } = await resultOf(
    ID,
    facts({ bronze: { lastEvents: new Map() }, silver: { rows: [] } }),
  );
  assertEquals([verdict, examined], ["pass", `no execution events on ${SILVER.day}`]);
});
