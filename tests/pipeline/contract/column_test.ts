import type { Column } from "../../../pipeline/contract/column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { assertEquals } from "../../support/assert.ts";

// The published days have these columns. If this test fails, the contract has changed. Decide how to
// handle those days before you change a text here.

const BRONZE = `
  event_id STRING not null
  event_seq INT64
  occurred_at TIMESTAMP(MICROS,UTC) not null
  operation_id INT64 not null
  client_id INT64 not null
  symbol STRING not null
  event_type STRING not null
  trigger_price DECIMAL(20,8)
  stop_price DECIMAL(20,8)
  quantity DECIMAL(20,8)
  side STRING
  execution_token STRING
  payload_json STRING
  exchange_order_id STRING
  fill_price DECIMAL(20,8)
  slippage_pct DECIMAL(10,4)
  source STRING not null
  error_message STRING
  retry_count INT32
`;

const SILVER = `
  execution_id STRING not null
  operation_id INT64 not null
  client_id INT64 not null
  symbol STRING not null
  stop_price DECIMAL(20,8)
  trigger_price DECIMAL(20,8)
  quantity DECIMAL(20,8)
  side STRING
  status STRING not null
  triggered_at TIMESTAMP(MICROS,UTC)
  submitted_at TIMESTAMP(MICROS,UTC)
  executed_at TIMESTAMP(MICROS,UTC)
  exchange_order_id STRING
  fill_price DECIMAL(20,8)
  slippage_pct DECIMAL(10,4)
  source STRING not null
`;

function described(columns: readonly Column[]): string[] {
  return columns.map(({ name, type, nullable }) => `${name} ${type}${nullable ? "" : " not null"}`);
}

function lines(text: string): string[] {
  return text.trim().split("\n").map((line) => line.trim());
}

Deno.test("column: bronze has 19 columns in a fixed order", () => {
  assertEquals(EVENT_COLUMNS.length, 19);
  assertEquals(described(EVENT_COLUMNS), lines(BRONZE));
});

Deno.test("column: silver has 16 columns in a fixed order", () => {
  assertEquals(EXECUTION_COLUMNS.length, 16);
  assertEquals(described(EXECUTION_COLUMNS), lines(SILVER));
});
