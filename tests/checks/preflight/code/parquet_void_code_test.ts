import { untypedNullsIn } from "../../../../checks/preflight/code/untyped_nulls.ts";
import type { Language } from "../../../../checks/source_code/code.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertFound,
  change,
  EXECUTORS,
  FILES,
  JOB,
  lineOf,
  LOOKALIKE,
} from "../../healthy/manifests.ts";

const ID = "parquet-void";
const written = (language: Language, text: string) =>
  untypedNullsIn({ language, file: "job", line: 1, text }).map(({ written }) => written);

const VOID = [
  ['f.withColumn("x", lit(None))', "lit(None)"],
  ['F.lit(None).alias("x")', "lit(None)"],
  ['functions.lit( None ).alias("x")', "lit(None)"],
  ['F.lit(\n    None,  # nothing\n).alias("x")', "lit(None)"],
  ['F.lit(None) \\\n  .alias("x")', "lit(None)"],
  ['F.lit(None).cast("void")', "lit(None)"],
  ["F.lit(None).cast(NullType())", "lit(None)"],
  ["from f import lit as L\nL(None)", "L(None)"],
  ['F.when(a, F.lit(None)).otherwise(F.lit(None)).alias("x")', "lit(None)"],
  ['F.when(a, F.lit(None)).alias("x")', "lit(None)"],
  ["empty = F.lit(None)\nf.select(empty)", "lit(None)"],
  ['F.expr("NULL").alias("x")', 'expr("NULL")'],
  ['spark.sql("SELECT a, NULL AS x FROM t")', "NULL AS x"],
  ['spark.sql("""\nSELECT a,\n  null x\nFROM t""")', "NULL AS x"],
  ['f.selectExpr("a", "NULL AS x")', "NULL AS x"],
  ['spark.sql("SELECT a, "\n          "NULL AS x")', "NULL AS x"],
  ['spark.sql("SELECT CAST(NULL AS void) AS x")', "NULL AS x"],
  ['spark.sql("SELECT a,\\nNULL AS x FROM t")', "NULL AS x"],
  ['spark.sql("SELECT a, (NULL) AS x FROM t")', "NULL AS x"],
  ['spark.sql("SELECT DISTINCT NULL AS x FROM t")', "NULL AS x"],
] as const;

for (const [code, told] of VOID) {
  Deno.test(`parquet-void finds ${JSON.stringify(code)}`, () => {
    const found = written("python", code);
    assertEquals(found[0]?.replace("CAST(NULL AS void)", "NULL AS x"), told);
  });
}

for (
  const code of [
    'F.lit(None).cast("timestamp")',
    'F.lit(None).alias("x").cast("timestamp")',
    "F.lit(None).cast(TimestampType()).alias('x')",
    'F.lit(\n  None\n)\\\n  .astype("int")',
    '(F.lit(None)).cast("int")',
    'F.when(a, F.lit(None)).otherwise(F.col("b"))',
    'F.when(a, F.col("b")).otherwise(F.lit(None))',
    'F.when(a, F.lit(None)).cast("int")',
    'F.coalesce(F.col("a"), F.lit(None))',
    'empty = F.lit(None)\nf.select(empty.cast("int"))',
    "lit(None).isNull()",
    "split(None)",
    "# lit(None)",
    'x = 1  # F.lit(None).alias("x")',
    '"""lit(None)"""',
    'def f():\n    """Not lit(None), and no SELECT NULL AS x."""',
    'print("lit(None) is void")',
    'spark.sql("SELECT CAST(NULL AS timestamp) AS x, TRY_CAST(NULL AS int) y FROM t")',
    'spark.sql("SELECT a FROM t WHERE b IS NOT NULL AND c IS NULL")',
    'spark.sql("SELECT coalesce(a, NULL) AS x, CASE WHEN a THEN b ELSE NULL END AS y, NULL::int AS z")',
    'spark.sql("SELECT a -- , NULL AS x\\n FROM t /* , NULL AS y */")',
    "spark.sql(\"SELECT ', NULL AS x' AS y\")",
    'print("it is empty, null as it were")',
  ]
) {
  Deno.test(`parquet-void passes ${JSON.stringify(code)}`, () => {
    assertEquals(written("python", code), []);
  });
}

Deno.test("parquet-void names file, line and the type that the contract has", async () => {
  const code = 'F.lit(None).alias("submitted_at")';
  const [finding] = await assertFound(
    ID,
    change(LOOKALIKE, 'print("copied', `frame.select(${code})\n    print("copied`),
    {
      severity: "fail",
      file: `manifests/${LOOKALIKE}`,
      line: 30,
      problem: "lit(None) creates a column without a type (VOID)",
    },
  );
  assertStringIncludes(finding!.fix, 'lit(None).cast("timestamp").alias("submitted_at")');
});

Deno.test("parquet-void reads SQL files", async () => {
  const [finding] = await assertFound(
    ID,
    change("replay.sql", "CAST(NULL AS timestamp) AS executed_at", "NULL AS slippage_pct"),
    {
      object: "manifests/replay.sql",
      line: 3,
      problem: "NULL AS slippage_pct creates a column without a type (VOID)",
    },
  );
  assertStringIncludes(finding!.fix, "CAST(NULL AS decimal(10,4)) AS slippage_pct");
});

Deno.test("parquet-void reads scripts of ConfigMaps and Jobs", async () => {
  const script = "data:\n  job.py: |\n    import x\n    y = F.lit(None).alias('z')\n";
  await assertFound(ID, change(EXECUTORS, "\ndata:\n", `\n${script}`), {
    object: "ConfigMap analytics-jobs/spark-executor-pod",
    field: "data.job.py",
    file: `manifests/${EXECUTORS}`,
    line: lineOf(EXECUTORS, "\ndata:") + 4,
  });
  const inline = "command: [python3, -c, \"import x; x.lit(None).alias('z')\"]";
  await assertFound(ID, {
    ...FILES,
    "other.yaml": FILES[JOB]!.replace("name: bronze-ingest-manual", "name: other")
      .replace("command: [/opt/spark/bin/spark-submit]", inline),
  }, { object: "Job analytics-jobs/other", field: "spec.template.spec.containers[0].command[2]" });
});

Deno.test("parquet-void reads here-documents of shell scripts", async () => {
  const script =
    "#!/bin/sh\nset -e\npython3 - <<'EOF'\nimport x\ny = F.lit(None).alias('z')\nEOF\necho\n";
  await assertFound(ID, { ...FILES, "run.sh": script }, { object: "manifests/run.sh", line: 5 });
});

Deno.test("parquet-void is fast for deeply nested and very long code", () => {
  for (const code of ["f(".repeat(200_000), `${"f(".repeat(50_000)}${")".repeat(50_000)}`]) {
    assertEquals(written("python", code), []);
  }
  assertEquals(written("python", "a.".repeat(300_000)), []);
  assertEquals(written("python", `x = "${"a ".repeat(300_000)}"`), []);
  assertEquals(written("sql", "NULL ".repeat(100_000)), []);
});
