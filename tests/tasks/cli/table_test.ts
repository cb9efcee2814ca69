import { fitTable, renderTable } from "../../../tasks/cli/table.ts";
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

Deno.test("fitTable: leaves out columns in their order, until the lines fit or no column may leave", () => {
  const columns = [
    { title: "day" },
    { title: "note", leavesAs: 2 },
    { title: "rows", leavesAs: 1 },
  ] as const;
  const rows = [["2025-12-28", "a note", { text: "1,000", style: "red" } as const], ["x"]];
  const at = (width: number) => {
    const { columns: kept, rows: cells, left } = fitTable(columns, rows, width);
    return [renderTable(kept, cells, false)[1], ...left];
  };
  assertEquals(at(25), ["2025-12-28  a note  1,000"]);
  assertEquals(at(24), ["2025-12-28  a note", "rows"]);
  assertEquals(at(17), ["2025-12-28", "note", "rows"]);
  assertEquals(at(1), ["2025-12-28", "note", "rows"]);
});
