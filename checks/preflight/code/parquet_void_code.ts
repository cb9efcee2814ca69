import { runEnds } from "../run_end.ts";
import { EVENT_COLUMNS, EXECUTION_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check, computeAgain } from "../../check.ts";
import type { Finding, NotJudged } from "../../finding.ts";
import { type Code, placeIn } from "../../source_code/code.ts";
import { type UntypedNull, untypedNullsIn } from "./untyped_nulls.ts";
import { sparkType } from "../../../pipeline/contract/column.ts";
import { type Judged, outcomeOf } from "../outcome.ts";
import type { Tree } from "../../facts/tree.ts";
import { manifestsTree } from "../platform.ts";

/** The part of parquet-void that judges job code, before a run. */
export const parquetVoidInCode: Check<"manifests"> = check({
  id: "parquet-void",
  title: "every null in job code has a type",
  phase: "before",
  needs: ["manifests"],
  run: ({ manifests }, share = computeAgain) =>
    outcomeOf(
      manifests,
      judgeNulls(manifestsTree(manifests, share)),
      "no Python or SQL code in the manifests",
    ),
});

/**
 * Judges whether every null in job code has a type.
 *
 * @returns undefined without any Python and SQL
 */
export function judgeNulls({ code }: Pick<Tree, "code">): Judged | undefined {
  const sources = code.filter(({ language }) => language === "python" || language === "sql");
  if (sources.length === 0) return undefined;
  const all = sources.flatMap((source) =>
    untypedNullsIn(source).map((found) => ({ ...found, source }))
  );
  const notJudged = all.flatMap(({ source, offset, written, unknown }): NotJudged[] => {
    if (unknown === undefined) return [];
    const { object, line } = placeIn(source, offset);
    return [{ object: `${written} in ${object}, line ${line}`, reason: unknown }];
  });
  return {
    examined: `checked ${plural(sources.length, "job source file")} for untyped nulls`,
    findings: all.filter(({ unknown }) => unknown === undefined)
      .map(({ source, ...found }) => untypedNullFinding(source, found)),
    ...(notJudged.length === 0 ? {} : { notJudged }),
  };
}

function untypedNullFinding(code: Code, { offset, written, column }: UntypedNull): Finding {
  const type = sparkType(column ?? "", [...EXECUTION_COLUMNS, ...EVENT_COLUMNS]);
  const name = column ?? "<column>";
  const isRows = written.startsWith("createDataFrame");
  const isCast = written.startsWith("cast(");
  return {
    severity: "fail",
    ...placeIn(code, offset),
    problem: isRows
      ? `${written} finds no type for ${column ?? "a column"}, which has only None`
      : `${written} creates a column without a type (VOID)`,
    why: isRows
      ? "Spark stops: it cannot determine the type"
      : isCast
      ? "Spark stops: it casts only a null to this type"
      : "Spark refuses to write the column, or writes a file that most readers refuse; with our " +
        `jobs, ${runEnds("after retries", "VOID")}`,
    fix: isRows
      ? `Give the rows a schema: createDataFrame(rows, "…, ${name} ${type}")`
      : isCast
      ? `Cast to the type of the column: cast("${type}")`
      : written.startsWith("expr(")
      ? `Cast the expression: expr("…").cast("${type}").alias("${name}")`
      : written.startsWith("udf ")
      ? `Give the function the type "${type}", as in @udf("${type}")`
      : written === "array()"
      ? `Add a type: array().cast("array<${type}>").alias("${name}")`
      : written === "create_map()"
      ? `Add a type: create_map().cast("map<string,${type}>").alias("${name}")`
      : /NULL/.test(written)
      ? `Add a type: CAST(NULL AS ${type}) AS ${name}`
      : `Add a type: lit(None).cast("${type}").alias("${name}")`,
  };
}
