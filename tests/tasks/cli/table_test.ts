import { renderTable } from "../../../tasks/cli/table.ts";
import { assertEquals } from "../../support/assert.ts";

const COLUMNS = [{ title: "day" }, { title: "rows", align: "right" }, { title: "note" }] as const;

Deno.test("renderTable: columns as wide as their widest cell, numbers to the right, no blanks at the end", () => {
  const lines = renderTable(COLUMNS, [["2025-12-28", "1,000", ""], ["x", "2", "a note"]], false);
  assertEquals(lines, [
    "day          rows  note",
    "2025-12-28  1,000",
    "x               2  a note",
  ]);
});

Deno.test("renderTable: colour changes nothing but the colour, and characters count as people see them", () => {
  const rows = [[{ text: "späť 💥", style: "red" } as const, "1", "x"], ["b", "2", "y"]];
  const plain = renderTable(COLUMNS, rows, false);
  assertEquals(plain, ["day     rows  note", "späť 💥     1  x", "b          2  y"]);
  // deno-lint-ignore no-control-regex
  const colour = /\x1b\[\d+m/g;
  const uncoloured = renderTable(COLUMNS, rows, true).map((line) => line.replace(colour, ""));
  assertEquals(uncoloured, plain);
});

Deno.test("renderTable: without rows there is the heading", () => {
  assertEquals(renderTable(COLUMNS, [], false), ["day  rows  note"]);
});
