import type { Column } from "../../pipeline/contract/column.ts";
import { parsePrinted } from "../../pipeline/contract/value_text.ts";
import { Failure } from "../../pipeline/errors.ts";
import { columnsOf, type Condition, type RowLayer } from "../../pipeline/rows.ts";

/** The default number of rows. */
export const DEFAULT_LIMIT = 20;

/**
 * Parses `--columns`.
 *
 * @returns all columns of the layer where it is not given
 * @throws {Failure} configuration: a column that the layer does not have, or one twice
 */
export function columnsAsked(layer: RowLayer, text: string | undefined): readonly Column[] {
  if (text === undefined) return columnsOf(layer);
  const names = text.split(",");
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw unusableFlag("columns", text, `${twice} is there twice`, "Name each column once.");
  }
  return names.map((name) => columnNamed(layer, name, "columns", text));
}

/**
 * Parses one `--where`: `column=value`, with the value as it is printed.
 *
 * @throws {Failure} configuration: a column that the layer does not have, or no value of its type
 */
export function conditionOf(layer: RowLayer, text: string): Condition {
  const at = text.indexOf("=");
  if (at < 1) throw unusableFlag("where", text, "it has no column name", "Write column=value.");
  const { name, type } = columnNamed(layer, text.slice(0, at), "where", text);
  try {
    return { column: name, matches: parsePrinted(text.slice(at + 1), type) };
  } catch (error) {
    const problem = `${name} is ${type}: ${(error as Error).message}`;
    throw unusableFlag("where", text, problem, "Write the value as show prints it.");
  }
}

/**
 * Parses `--limit`.
 *
 * @throws {Failure} configuration: it is no number of rows
 */
export function limitOf(text: string = String(DEFAULT_LIMIT)): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw unusableFlag("limit", text, "it is not a whole number of rows", "Give at most 999999.");
}

function columnNamed(layer: RowLayer, name: string, flag: string, text: string): Column {
  const columns = columnsOf(layer);
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  const known = columns.map(({ name }) => name).join(", ");
  throw unusableFlag(
    flag,
    text,
    `${layer} has no column ${JSON.stringify(name)}`,
    `Its columns are ${known}.`,
  );
}

function unusableFlag(flag: string, text: string, problem: string, remedy: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use --${flag} ${JSON.stringify(text)}`,
    problem,
    remedy,
  });
}
