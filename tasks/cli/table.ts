import { paint, type Style } from "./terminal.ts";

/** A cell: a text, or a text with a style for terminals. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** A column of a table. */
export interface TableColumn {
  /** The heading of the column. */
  readonly title: string;
  /** The alignment; `right` for numbers. */
  readonly align?: "left" | "right";
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
  const widths = columns.map((_, i) =>
    lines.reduce((width, cells) => Math.max(width, widthOf(textOf(cells[i]))), 0)
  );
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
