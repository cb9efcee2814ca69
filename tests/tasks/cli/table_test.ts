import { renderTable } from "../../../tasks/cli/table.ts";
import { assertEquals } from "../../support/assert.ts";

const COLUMNS = [{ title: "day" }, { title: "rows", align: "right" }, { title: "note" }] as const;

Deno.test("renderTable: fits columns to their widest cell, aligns numbers right, and trims lines", () => {
  const lines = renderTable(COLUMNS, [["2025-12-28", "1,000", ""], ["x", "2", "a note"]], false);
  assertEquals(lines, [
    "day          rows  note",
    "2025-12-28  1,000",
    "x               2  a note",
  ]);
});

Deno.test("renderTable: aligns the same with colour, and counts visible characters", () => {
  const rows = [[{ text: "späť 💥", style: "red" } as const, "1", "x"], ["b", "2", "y"]];
  const plain = renderTable(COLUMNS, rows, false);
  assertEquals(plain, ["day     rows  note", "späť 💥     1  x", "b          2  y"]);
  // deno-lint-ignore no-control-regex
  const colour = /\x1b\[\d+m/g;
  const uncoloured = renderTable(COLUMNS, rows, true).map((line) => line.replace(colour, ""));
  assertEquals(uncoloured, plain);
});

Deno.test("renderTable: prints only the heading without rows", () => {
  assertEquals(renderTable(COLUMNS, [], false), ["day  rows  note"]);
});

Deno.test("renderTable: renders more rows than a function can have arguments", () => {
  const rows = Array.from({ length: 300_000 }, () => ["2025-12-28", "1", ""]);
  assertEquals(renderTable(COLUMNS, rows, false).length, 300_001);
});
