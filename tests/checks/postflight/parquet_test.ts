import { compareColumns } from "../../../checks/postflight/parquet.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  facts,
  HEALTHY,
  resultOf,
  SILVER,
  withColumns,
} from "../healthy/day.ts";

const SCHEMA = "parquet-schema";
const bronzeKey = BRONZE.parts[0]!.part.key;
const silverKey = SILVER.parts[0]!.part.key;

type Columns = Parameters<Parameters<typeof withColumns>[1]>[0];

function find(columns: Columns, name: string) {
  return columns.find((column) => column.name === name)!;
}

Deno.test("parquet-schema passes, and reports the number of compared columns", async () => {
  const { examined } = await resultOf(SCHEMA, HEALTHY);
  assertEquals(examined, "19 and 16 columns in 4 parts");
});

Deno.test("parquet-schema fails for a column of another type, in either layer", async () => {
  const change = (columns: Columns) => find(columns, "fill_price").type = "DOUBLE";
  const problem = "its type is DOUBLE, but should be DECIMAL(20,8)";
  const bronze = { parts: withColumns(BRONZE.parts, change) };
  await assertOnly(SCHEMA, facts({ bronze }), [{
    object: bronzeKey,
    field: "fill_price",
    problem,
  }]);
  const silver = { parts: withColumns(SILVER.parts, change) };
  await assertOnly(SCHEMA, facts({ silver }), [{
    object: silverKey,
    field: "fill_price",
    problem,
  }]);
});

Deno.test("parquet-schema fails for a column that is missing", async () => {
  const parts = withColumns(SILVER.parts, (columns) => columns.pop());
  await assertOnly(SCHEMA, facts({ silver: { parts } }), [
    { object: silverKey, field: "source", problem: "the column is missing (STRING)" },
  ]);
});

Deno.test("parquet-schema fails for a column that the contract does not have", async () => {
  const parts = withColumns(BRONZE.parts, (columns) => {
    columns.push({ name: "request_payload_hash", type: "STRING", nullable: true });
  });
  await assertOnly(SCHEMA, facts({ bronze: { parts } }), [{
    object: bronzeKey,
    field: "request_payload_hash",
    problem: "the contract has no such column (STRING)",
  }]);
});

Deno.test("parquet-schema fails for columns in another order, once", async () => {
  const parts = withColumns(BRONZE.parts, (columns) => columns.push(...columns.splice(1, 1)));
  await assertOnly(SCHEMA, facts({ bronze: { parts } }), [{
    object: bronzeKey,
    field: "occurred_at",
    problem: "the column is in the position of event_seq in the contract",
  }]);
});

Deno.test("parquet-schema tolerates nullable columns, as Spark writes them", async () => {
  const parts = withColumns(BRONZE.parts, (columns) => {
    for (const column of columns) column.nullable = true;
  });
  assertEquals((await resultOf(SCHEMA, facts({ bronze: { parts } }))).verdict, "pass");
});

Deno.test("parquet-schema fails for a column that may be null and is marked not null", async () => {
  const parts = withColumns(SILVER.parts, (columns) => find(columns, "side").nullable = false);
  await assertOnly(SCHEMA, facts({ silver: { parts } }), [{
    object: silverKey,
    field: "side",
    problem: "the column is marked not null, but the contract allows nulls",
  }]);
});

Deno.test("parquet-schema reports a difference of several parts once, for the day", async () => {
  const wrong = withColumns(BRONZE.parts, (columns) => find(columns, "side").type = "INT32");
  const parts = wrong.map((part) => ({
    ...part,
    footer: {
      rows: part.part.rows,
      columns: wrong[0]!.footer!.columns,
    },
  }));
  await assertOnly(SCHEMA, facts({ bronze: { parts } }), [{
    object: BRONZE.markerKey,
    field: "side",
    problem: "its type is INT32, but should be STRING, in 2 parts: " +
      BRONZE.parts.map(({ part }) => part.key).join(", "),
  }]);
});

Deno.test("parquet-schema reports a repeated column", () => {
  const columns = [...EVENT_COLUMNS, EVENT_COLUMNS[3]!];
  assertEquals(compareColumns(columns, EVENT_COLUMNS).map(({ field }) => field), ["operation_id"]);
});

const VOID = "parquet-void";

Deno.test("parquet-void passes, and reports the number of examined parts", async () => {
  assertEquals((await resultOf(VOID, HEALTHY)).examined, "the columns of 4 parts");
});

Deno.test("parquet-void fails for a column without a type, and explains how to cast it", async () => {
  const parts = withColumns(SILVER.parts, (columns) => {
    columns.find(({ name }) => name === "submitted_at")!.type = "VOID";
  });
  const { findings } = await assertOnly(VOID, facts({ silver: { parts } }), [{
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
  const { findings } = await assertOnly(VOID, facts({ bronze: { parts } }), [{
    field: "slippage_pct",
  }]);
  assertStringIncludes(findings[0]!.fix, 'lit(None).cast("decimal(10,4)")');
});
