import { formatCount, plural } from "../../pipeline/progress.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("formatCount: groups the digits as toLocaleString does", () => {
  for (const count of [0, 7, 999, 1000, 10_000, 999_999, 1_000_000, 1_234_567_890, -1, -1000]) {
    assertEquals(formatCount(count), count.toLocaleString("en-US"));
  }
});

Deno.test("plural: only one is singular", () => {
  assertEquals([0, 1, 2, 1001].map((count) => plural(count, "row")), [
    "0 rows",
    "1 row",
    "2 rows",
    "1,001 rows",
  ]);
});
