import { type Column, sparkType } from "../../pipeline/contract/column.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import type { FileColumn } from "../../pipeline/lake/parquet_reader.ts";
import { plural } from "../../pipeline/progress.ts";
import { type Check, check } from "../check.ts";
import type { AnyLakeDay } from "../facts/lake_day.ts";
import type { Finding, Outcome } from "../finding.ts";
import { whyNoFooter } from "../skip_reasons.ts";
import { placeOfParts } from "./parts.ts";
import { repair } from "./remedy.ts";

/** The columns of every part match the contract: names, order, types and nullability. */
export const parquetSchema: Check<"bronze" | "silver"> = check({
  id: "parquet-schema",
  title: "the Parquet columns match the contract",
  phase: "after",
  needs: ["bronze", "silver"],
  run: ({ bronze, silver }) =>
    judgeFooters(
      [bronze, silver],
      [...differences(bronze, EVENT_COLUMNS), ...differences(silver, EXECUTION_COLUMNS)],
      `${EVENT_COLUMNS.length} and ${EXECUTION_COLUMNS.length} columns in ` +
        countFooters([bronze, silver]),
    ),
});

/** A difference between a column and the contract. */
export interface Difference {
  /** The column. */
  readonly field: string;
  /** The problem of the part. */
  readonly problem: string;
}

/** Returns one finding per difference, even if several parts have the same difference. */
function differences(fact: AnyLakeDay, contract: readonly Column[]): Finding[] {
  const seen = new Map<string, Difference & { keys: string[] }>();
  for (const { part, footer } of fact.parts) {
    if (footer === undefined) continue;
    for (const difference of compareColumns(footer.columns, contract)) {
      const id = `${difference.field} ${difference.problem}`;
      const known = seen.get(id);
      if (known === undefined) seen.set(id, { ...difference, keys: [part.key] });
      else known.keys.push(part.key);
    }
  }
  return [...seen.values()].map(({ field, problem, keys }): Finding => {
    const { object, where } = placeOfParts(keys, fact);
    return {
      severity: "fail",
      object,
      field,
      problem: `${problem}${where}`,
      why: "a reader of several days gets an error or wrong values from this day",
      fix: `Correct the job that wrote it. ${repair(fact, fact.markerKey)}`,
    };
  });
}

/** Returns the differences between a file's columns and a contract; empty if they match. */
export function compareColumns(
  file: readonly FileColumn[],
  contract: readonly Column[],
): Difference[] {
  const found = new Map(file.map((column) => [column.name, column]));
  const known = new Set(contract.map(({ name }) => name));
  const each = contract.flatMap((column) => compareColumn(found.get(column.name), column));
  const unknown = file.filter(({ name }) => !known.has(name)).map(({ name, type }) => ({
    field: name,
    problem: `the contract has no such column (${type})`,
  }));
  const twice = file.filter(({ name }, i) => file.findIndex((column) => column.name === name) !== i)
    .map(({ name }) => ({
      field: name,
      problem: "the file has the column twice",
    }));
  return [...each, ...unknown, ...twice, ...misplaced(file, contract, found)];
}

function compareColumn(file: FileColumn | undefined, column: Column): Difference[] {
  const { name: field, type, nullable } = column;
  if (file === undefined) return [{ field, problem: `the column is missing (${type})` }];
  // The parquet-void check reports columns without a type, and names their origin.
  if (file.type !== type && file.type !== "VOID") {
    return [{ field, problem: `its type is ${file.type}, but should be ${type}` }];
  }
  // Spark marks every column as nullable, so a nullable mark alone is no difference.
  if (nullable && !file.nullable) {
    return [{ field, problem: "the column is marked not null, but the contract allows nulls" }];
  }
  return [];
}

/** Finds the first column in the wrong position, among the columns that both sides have. */
function misplaced(
  file: readonly FileColumn[],
  contract: readonly Column[],
  found: ReadonlyMap<string, FileColumn>,
): Difference[] {
  const expected = contract.map(({ name }) => name).filter((name) => found.has(name));
  const shared = new Set(expected);
  const actual = [...new Set(file.map(({ name }) => name))].filter((name) => shared.has(name));
  const at = expected.findIndex((name, i) => actual[i] !== name);
  if (at === -1) return [];
  return [{
    field: actual[at]!,
    problem: `the column is in the position of ${expected[at]} in the contract`,
  }];
}

/** Every column of bronze and silver has a type. Before a run, `parquetVoidInCode` checks job code. */
export const parquetVoid: Check<"bronze" | "silver"> = check({
  id: "parquet-void",
  title: "every Parquet column has a type",
  phase: "after",
  needs: ["bronze", "silver"],
  run: ({ bronze, silver }) =>
    judgeFooters(
      [bronze, silver],
      [...untyped(bronze, EVENT_COLUMNS), ...untyped(silver, EXECUTION_COLUMNS)],
      `the columns of ${countFooters([bronze, silver])}`,
    ),
});

function untyped(fact: AnyLakeDay, contract: readonly Column[]): Finding[] {
  const seen = new Map<string, string[]>();
  for (const { part, footer } of fact.parts) {
    for (const { name, type } of footer?.columns ?? []) {
      if (type === "VOID") seen.set(name, [...seen.get(name) ?? [], part.key]);
    }
  }
  return [...seen].map(([name, keys]): Finding => {
    const { object, where } = placeOfParts(keys, fact);
    return {
      severity: "fail",
      object,
      field: name,
      problem: `the column has no type (VOID)${where}`,
      why: "a Spark job wrote lit(None) without a cast: most readers refuse such a " +
        "file, or infer another type for the column on each day",
      fix: `In the Spark job write lit(None).cast("${sparkType(name, contract)}") for ${name}. ` +
        repair(fact, fact.markerKey),
    };
  });
}

/** The lake days whose footers a check reads. */
export type LakeDays = readonly AnyLakeDay[];

/** Counts the footers that were read, as in `3 parts`. */
export function countFooters(layers: LakeDays): string {
  const parts = layers.flatMap(({ parts }) => parts);
  return plural(parts.filter(({ footer }) => footer !== undefined).length, "part");
}

/**
 * Returns the outcome of a check of footers. A wrong footer is a finding, even if other footers
 * could not be read. An unreadable footer prevents a pass.
 */
export function judgeFooters(
  layers: LakeDays,
  findings: readonly Finding[],
  examined: string,
): Outcome {
  if (findings.length > 0) return { examined, findings };
  const skip = layers.map(whyNoFooter).find((reason) => reason !== undefined);
  if (skip !== undefined) return { skip };
  if (layers.every(({ parts }) => parts.length === 0)) {
    const [first] = layers;
    return { examined: `the markers name no parts: no events on ${first!.day}`, findings: [] };
  }
  return { examined, findings };
}
