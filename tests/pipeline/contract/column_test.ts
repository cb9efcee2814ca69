import { type Column, fingerprint } from "../../../pipeline/contract/column.ts";
import {
  EVENT_COLUMNS,
  EVENT_CONTRACT,
  EXECUTION_COLUMNS,
  EXECUTION_CONTRACT,
} from "../../../pipeline/contract/tables.ts";
import { assertEquals, assertNotEquals } from "../../support/assert.ts";

// Markers in the lake carry these fingerprints. If this test fails, the contract has changed, and the
// published days have another shape. Decide how to handle those days before you change a literal here.

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

Deno.test("column: the contracts have the fingerprints that markers in the lake carry", () => {
  assertEquals(
    EVENT_CONTRACT,
    "sha256:97d103e63939524b796960272bae9b97b2add0826e68f4c60d3edd5ef8ae4fc6",
  );
  assertEquals(
    EXECUTION_CONTRACT,
    "sha256:e77ca53285d8c5e7f5c38149c0003d94a02488150e12beea8f83c4fd810bae25",
  );
});

Deno.test("column: a fingerprint is the sha256 of a line per column", () => {
  // printf 'event_id STRING not null\n' | sha256sum
  assertEquals(
    fingerprint([{ name: "event_id", type: "STRING", nullable: false }]),
    "sha256:09dd0658a0748e3e96c110cbc5aa0ede3de85233d2613aa1f84e15542674e0af",
  );
});

const [FIRST, SECOND] = [EXECUTION_COLUMNS[0]!, EXECUTION_COLUMNS[1]!];
const CHANGES: [string, Column[]][] = [
  ["a column's name", [{ ...FIRST, name: "id" }, SECOND]],
  ["a column's type", [{ ...FIRST, type: "INT64" }, SECOND]],
  ["whether a column may be null", [{ ...FIRST, nullable: true }, SECOND]],
  ["the order of columns", [SECOND, FIRST]],
  ["a column more", [FIRST, SECOND, EXECUTION_COLUMNS[2]!]],
  ["a column less", [FIRST]],
];

for (const [what, columns] of CHANGES) {
  Deno.test(`column: ${what} changes the fingerprint`, () => {
    assertNotEquals(fingerprint(columns), fingerprint([FIRST, SECOND]));
  });
}
