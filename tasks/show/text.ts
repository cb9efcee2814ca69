import type { Column, Value } from "../../pipeline/contract/column.ts";
import { formatValue, printValue } from "../../pipeline/contract/value_text.ts";
import { plural } from "../../pipeline/progress.ts";
import type { RowQuery, RowsFound } from "../../pipeline/rows.ts";
import { type Cell, renderTable, textOf, widthOf } from "../cli/table.ts";
import { paint } from "../cli/terminal.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Quarantine } from "../../pipeline/quarantine.ts";

/** Options of {@linkcode renderRows}. */
export interface RowsOptions {
  /** Whether to use colours. */
  readonly colour: boolean;
  /** The maximum length of a line in characters; wider rows are printed column by column. */
  readonly width: number;
}

/** Renders rows as a table, or column by column for a single row or a narrow terminal. */
export function renderRows(
  { rows }: RowsFound,
  { columns }: Pick<RowQuery, "columns">,
  { colour, width }: RowsOptions,
): string[] {
  if (rows.length === 0) return [];
  const printed = rows.map((row) => row.map((value, i) => cellOf(value, columns[i]!)));
  if (rows.length > 1) {
    const widest = columns.map(({ name }, i) =>
      Math.max(widthOf(name), ...printed.map((cells) => widthOf(textOf(cells[i]))))
    );
    if (widest.reduce((sum, each) => sum + each + 2, -2) <= width) {
      const headings = columns.map(({ name, type }) => ({ title: name, align: sideOf(type) }));
      return renderTable(headings, printed, colour);
    }
  }
  const names = Math.max(...columns.map(({ name }) => name.length));
  return printed.flatMap((cells, i) => [
    ...(rows.length > 1 ? [paint(`row ${i + 1}`, "bold", colour)] : []),
    ...cells.map((cell, i) => {
      const value = typeof cell === "string" ? cell : paint(cell.text, cell.style, colour);
      return `  ${paint(columns[i]!.name.padEnd(names), "dim", colour)} ${value}`;
    }),
  ]);
}

/** Renders the number of rows, of matching rows and of printed rows. */
export function renderCount(
  { rows, matching, total, state }: RowsFound,
  { layer, day, conditions }: RowQuery,
): string {
  const all = `${layer} ${day}, ${state}: ${plural(total, "row")}`;
  const found = conditions.length === 0 ? all : `${all}, ${count(matching)} match`;
  if (rows.length === matching) return found;
  return `${found}; ${count(rows.length)} shown, see more with --limit`;
}

/**
 * A row as a line of JSON: integers of 64 bits and decimals as strings, so that no reader rounds them,
 * and instants in ISO 8601.
 */
export function renderJsonRow(row: readonly Value[], columns: readonly Column[]): string {
  return JSON.stringify(Object.fromEntries(columns.map(({ name, type }, i) => {
    const value = row[i]!;
    if (value === null || type === "INT32") return [name, value];
    return [name, formatValue(value, type)];
  })));
}

function cellOf(value: Value, { type }: Column): Cell {
  const text = printValue(value, type);
  return value === null ? { text, style: "dim" } : text;
}

function sideOf(type: Column["type"]): "left" | "right" {
  return /^(INT|DECIMAL)/.test(type) ? "right" : "left";
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

/**
 * Events in quarantine for people: each with its problems, and with the text that the database gives for
 * each of its columns.
 *
 * @param total how many there are in all
 */
export function renderQuarantine(
  day: Day,
  events: Quarantine["events"],
  total: number,
  colour: boolean,
): string[] {
  const lines = events.flatMap(({ event_id, problems, row }) => {
    const width = Math.max(...Object.keys(row).map((name) => name.length), 0);
    return [
      paint(event_id ?? "an event without event_id", "bold", colour),
      ...problems.map(({ column, problem }) =>
        `  ${paint("problem:", "red", colour)} ${column} ${printValue(problem, "STRING")}`
      ),
      ...Object.entries(row).map(([name, text]) => {
        const value = printValue(text, "STRING");
        const shown = text === null ? paint(value, "dim", colour) : value;
        return `  ${paint(name.padEnd(width), "dim", colour)} ${shown}`;
      }),
    ];
  });
  const shown = events.length === total ? "" : `; ${events.length} shown, see more with --limit`;
  return [...lines, `quarantine ${day}: ${plural(total, "event")}${shown}`];
}
