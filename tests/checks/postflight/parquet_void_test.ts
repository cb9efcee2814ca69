import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { assertOnly, BRONZE, facts, HEALTHY, resultOf, SILVER, withColumns } from "./healthy.ts";

const ID = "parquet-void";

Deno.test("parquet-void passes, and says how many parts it looked at", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, "the columns of 4 parts");
});

Deno.test("parquet-void fails for a column without a type, and says how to cast it", async () => {
  const parts = withColumns(SILVER.parts, (columns) => {
    columns.find(({ name }) => name === "submitted_at")!.type = "VOID";
  });
  const { findings } = await assertOnly(ID, facts({ silver: { parts } }), [{
    severity: "fail",
    object: SILVER.parts[0]!.part.key,
    field: "submitted_at",
    problem: "the column has no type (VOID)",
  }]);
  assertStringIncludes(findings[0]!.fix, 'lit(None).cast("timestamp") for submitted_at');
});

Deno.test("parquet-void names the type that the column's cast must have", async () => {
  const parts = withColumns(BRONZE.parts, (columns) => {
    columns.find(({ name }) => name === "slippage_pct")!.type = "VOID";
  });
  const { findings } = await assertOnly(ID, facts({ bronze: { parts } }), [{
    field: "slippage_pct",
  }]);
  assertStringIncludes(findings[0]!.fix, 'lit(None).cast("decimal(10,4)")');
});
