import { paint, type Style } from "./terminal.ts";

/** A cell of a table: its text, and how it looks on a terminal. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** A column of a table. */
export interface TableColumn {
  /** Its heading. */
  readonly title: string;
  /** On which side its cells have blanks; numbers have them on the left. */
  readonly align?: "left" | "right";
}

/**
 * A table as lines of text, a heading first. Each column is as wide as its widest cell, and blanks at
 * the end of a line are left out.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly Cell[])[],
  colour: boolean,
): string[] {
  const heading = columns.map(({ title }): Cell => ({ text: title, style: "dim" }));
  const lines = [heading, ...rows];
  const widths = columns.map((_, i) =>
    Math.max(...lines.map((cells) => widthOf(textOf(cells[i]))))
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

/** How many characters a text has, as a person counts them. */
export function widthOf(text: string): number {
  return [...text].length;
}

/** A cell's text; empty where there is no cell. */
export function textOf(cell: Cell | undefined): string {
  return typeof cell === "object" ? cell.text : cell ?? "";
}
