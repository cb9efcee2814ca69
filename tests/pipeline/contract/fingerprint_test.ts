import type { Column } from "../../../pipeline/contract/column.ts";
import {
  EVENT_CONTRACT,
  EXECUTION_CONTRACT,
  fingerprint,
} from "../../../pipeline/contract/fingerprint.ts";
import { EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { assertEquals, assertNotEquals } from "../../support/assert.ts";

// Markers in the lake carry these fingerprints. If this test fails, the contract has changed, and the
// published days have another shape. Decide how to handle those days before you change a literal here.

Deno.test("fingerprint: the contracts have the fingerprints that markers in the lake carry", () => {
  assertEquals(
    EVENT_CONTRACT,
    "sha256:97d103e63939524b796960272bae9b97b2add0826e68f4c60d3edd5ef8ae4fc6",
  );
  assertEquals(
    EXECUTION_CONTRACT,
    "sha256:e77ca53285d8c5e7f5c38149c0003d94a02488150e12beea8f83c4fd810bae25",
  );
});

Deno.test("fingerprint: it is the sha256 of a line per column", () => {
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
  Deno.test(`fingerprint: ${what} changes it`, () => {
    assertNotEquals(fingerprint(columns), fingerprint([FIRST, SECOND]));
  });
}
