import { createHash } from "node:crypto";
import type { Column } from "../../pipeline/contract/column.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import type { Part } from "../../pipeline/lake/marker.ts";
import {
  type FileColumn,
  type FileGroup,
  openPart,
  type PartReader,
} from "../../pipeline/lake/parquet_reader.ts";

/** A part that a marker names, and what lies in the lake under its key. */
export interface PartFact {
  /** What the marker says of it. */
  readonly part: Part;
  /** The object under that key; undefined where there is none. */
  readonly stored?: {
    readonly bytes: number;
    /** Whether its sha256 is the one that the marker says. */
    readonly same: boolean;
  };
  /** Its footer, where it has one that can be read. */
  readonly footer?: { readonly rows: number; readonly columns: readonly FileColumn[] };
  /** Why its footer or its rows cannot be read, though the object is there. */
  readonly problem?: string;
  /**
   * Whether all of its rows were read, as what the marker names and in the contract's types. Where
   * this is false, what was collected from the rows says nothing.
   */
  readonly collected: boolean;
}

/** Takes in the rows of a part, the columns that were asked for in their order. */
export type Collect = (group: FileGroup, part: Part) => void;

/**
 * Reads a part and gives its rows to a collector. A part that is damaged is a fact, not an error.
 *
 * @param columns the columns that are collected
 * @throws {Failure} the lake is out of reach or refuses
 */
export async function gatherPart(
  lake: Lake,
  part: Part,
  columns: readonly Column[],
  collect: Collect,
): Promise<PartFact> {
  const object = await lake.get(part.key);
  if (object === undefined) return { part, collected: false };
  const sha256 = createHash("sha256").update(object.bytes).digest("hex");
  const stored = { bytes: object.bytes.length, same: sha256 === part.sha256 };
  let reader: PartReader;
  try {
    reader = openPart(object.bytes);
  } catch (error) {
    return { part, stored, problem: `no Parquet file: ${reason(error)}`, collected: false };
  }
  const fact = { part, stored, footer: { rows: reader.rows, columns: reader.columns } };
  const typed = columns.every((column) => readable(column, reader.columns));
  if (!typed || !asPublished(fact)) return { ...fact, collected: false };
  try {
    for await (const group of reader.groups(columns.map(({ name }) => name))) {
      confirmValues(columns, group);
      collect(group, part);
    }
  } catch (error) {
    return { ...fact, problem: reason(error), collected: false };
  }
  return { ...fact, collected: true };
}

/** Whether the object under a part's key is, byte for byte, the one that the marker names. */
export function asPublished({ part, stored }: Pick<PartFact, "part" | "stored">): boolean {
  return stored !== undefined && stored.same && stored.bytes === part.bytes;
}

/** A column without a type holds nulls only, which is no other than a column of nulls with one. */
function readable({ name, type, nullable }: Column, columns: readonly FileColumn[]): boolean {
  const found = columns.find((column) => column.name === name);
  return found?.type === type || nullable && found?.type === "VOID";
}

/** Spark marks every column as nullable, so its files need a look for the nulls that may not be. */
function confirmValues(columns: readonly Column[], { columns: values }: FileGroup): void {
  columns.forEach(({ name, nullable }, i) => {
    if (!nullable && values[i]!.includes(null)) throw new Error(`a null in column ${name}`);
  });
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
