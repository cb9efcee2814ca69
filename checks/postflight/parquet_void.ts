import type { Column } from "../../pipeline/contract/column.ts";
import { EVENT_COLUMNS } from "../../pipeline/contract/events.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/executions.ts";
import { type Check, check } from "../check.ts";
import type { Finding } from "../finding.ts";
import type { AnyLayer } from "../facts/layer.ts";
import { repair } from "./remedy.ts";
import { countFooters, judgeFooters } from "./footers.ts";
import { sparkType } from "../spark/spark_type.ts";

/** No column of either layer lacks a type. Before a run, `parquetVoidInCode` judges job code. */
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

function untyped(fact: AnyLayer, contract: readonly Column[]): Finding[] {
  const seen = new Map<string, string[]>();
  for (const { part, footer } of fact.parts) {
    for (const { name, type } of footer?.columns ?? []) {
      if (type === "VOID") seen.set(name, [...seen.get(name) ?? [], part.key]);
    }
  }
  return [...seen].map(([name, keys]): Finding => {
    const others = keys.length === 1 ? "" : `, nor in ${keys.length - 1} more of the day's parts`;
    return {
      severity: "fail",
      object: keys[0]!,
      field: name,
      problem: `the column has no type (VOID)${others}`,
      why:
        "a Spark job wrote lit(None) without a cast, aliased or not: most readers refuse such a " +
        "file, or give the column another type on every day",
      fix: `In the Spark job write lit(None).cast("${sparkType(name, contract)}") for ${name}. ` +
        repair(fact, fact.markerKey),
    };
  });
}
