import { paint, type Style } from "./terminal.ts";

/** A cell: a text, or a text with a style for terminals. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** A column of a table. */
export interface TableColumn {
  /** The heading of the column. */
  readonly title: string;
  /** The alignment; `right` for numbers. */
  readonly align?: "left" | "right";
  /** When a narrow terminal leaves the column out: 1 is the first. Default: never. */
  readonly leavesAs?: number;
}

/** A table whose columns fit into a width. */
export interface FittedTable {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly Cell[])[];
  /** The titles of the columns that were left out. */
  readonly left: readonly string[];
}

/** Leaves out columns until the lines of the table fit into a width, or no more column may leave. */
export function fitTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly Cell[])[],
  width: number,
): FittedTable {
  const widths = widthsOf(columns, rows);
  const leaving = columns.filter(({ leavesAs }) => leavesAs !== undefined)
    .sort((a, b) => a.leavesAs! - b.leavesAs!);
  const left = new Set<TableColumn>();
  const isWide = () => {
    const kept = widths.filter((_, i) => !left.has(columns[i]!));
    return kept.reduce((sum, each) => sum + each + 2, -2) > width;
  };
  while (isWide() && leaving.length > 0) left.add(leaving.shift()!);
  const stays = (_: unknown, i: number) => !left.has(columns[i]!);
  return {
    columns: columns.filter(stays),
    rows: rows.map((cells) => cells.filter(stays)),
    left: columns.filter((column) => left.has(column)).map(({ title }) => title),
  };
}

/** The width of each column: that of its widest cell. */
function widthsOf(
  columns: readonly TableColumn[],
  rows: readonly (readonly Cell[])[],
): number[] {
  return columns.map(({ title }, i) =>
    rows.reduce((width, cells) => Math.max(width, widthOf(textOf(cells[i]))), widthOf(title))
  );
}

/**
 * Renders a table as lines of text, the heading first. Each column is as wide as its widest cell. Lines
 * have no trailing blanks.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly Cell[])[],
  colour: boolean,
): string[] {
  const heading = columns.map(({ title }): Cell => ({ text: title, style: "dim" }));
  const lines = [heading, ...rows];
  const widths = widthsOf(columns, rows);
  return lines.map((cells) => {
    const last = cells.findLastIndex((cell) => textOf(cell) !== "");
    return columns.slice(0, last + 1).map(({ align }, i) => {
      const text = textOf(cells[i]);
      const blanks = " ".repeat(widths[i]! - widthOf(text));
      const painted = typeof cells[i] === "object" ? paint(text, cells[i].style, colour) : text;
      if (align === "right") return blanks + painted;
      return i === last ? painted : painted + blanks;
    }).join("  ");
  });
}

/** Returns the number of characters (code points) of a text. */
export function widthOf(text: string): number {
  return [...text].length;
}

/** Returns the text of a cell, or an empty string for a missing cell. */
export function textOf(cell: Cell | undefined): string {
  return typeof cell === "object" ? cell.text : cell ?? "";
}
