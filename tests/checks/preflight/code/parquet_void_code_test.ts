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
  ['F.when \\\n  (a, None).alias("x")', "when(…, None)"],
  ['f.select((F.when  # nothing\n  (a, None)).alias("x"))', "when(…, None)"],
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
  ['spark.sql("SELECT a, CASE WHEN a > 1 THEN NULL END AS x FROM t")', "NULL AS x"],
  ['spark.sql("SELECT CASE a WHEN 1 THEN NULL ELSE NULL END x FROM t")', "NULL AS x"],
  ['spark.createDataFrame(rows, "a int, x void")', "x void"],
  ['df.withColumn("a", lit(None)).select("a", "b")', "lit(None)"],
  ['df.withColumn("a", lit(None)).select("A")', "lit(None)"],
  ['df.withColumn("a", lit(None)).select("`a`")', "lit(None)"],
  ['df.withColumn("a", lit(None)).alias("t").select("t.*")', "lit(None)"],
  ['df.withColumn("a", lit(None)).select("t.a")', "lit(None)"],
  ['df.withColumn("a", lit(None)).select("b", col("a"))', "lit(None)"],
  ['df.withColumn("a", lit(None)).select(f"{name}")', "lit(None)"],
  ['df.withColumn("a", lit(None)).select("b", *names)', "lit(None)"],
  ['df.withColumn("a", lit(None)).withColumn("b", col("a")).select("b")', "lit(None)"],
  ['df.withColumn("a", lit(None)).withColumnRenamed("a", "b").select("b")', "lit(None)"],
  ['df.withColumn("a", lit(None)).selectExpr("a as b").select("b")', "lit(None)"],
  ['df.withColumn("a", lit(None)).toDF("b", "c").select("c")', "lit(None)"],
  ['df.withColumn("a", lit(None).alias("b")).select("a")', "lit(None)"],
  ['df.withColumn("a", when(col("x") > 1, None))', "when(…, None)"],
  ['df.withColumn("a", F.when(F.col("x") > 1, None).otherwise(None))', "when(…, None)"],
  ['df.withColumn("a", F.when(a, None).when(b, None))', "when(…, None)"],
  ['df.withColumn("a", F.when(a, None).otherwise(F.lit(None)))', "lit(None)"],
  ['df.select(F.when(a, None).alias("a"))', "when(…, None)"],
  ['df.withColumn("a", F.coalesce(F.lit(None), F.lit(None)))', "lit(None)"],
  ['df.withColumn("a", F.array(F.lit(None)))', "lit(None)"],
  ['df.withColumn("a", F.struct(F.lit(None).alias("b")))', "lit(None)"],
  ['df.withColumns({"a": F.lit(None)})', "lit(None)"],
  ['StructType([StructField("a", NullType(), True)])', "NullType()"],
  ['df = df.withColumn("a", lit(None))\ndf.write.parquet("p")', "lit(None)"],
  [
    'df = df.withColumn("a", lit(None))\ndf.count()\ndf.write.mode("append").save("p")',
    "lit(None)",
  ],
  [
    'a = df.withColumn("a", lit(None))\nb = a.filter(c)\nb.write.format("parquet").save("p")',
    "lit(None)",
  ],
  ['df.withColumn("a", lit(None)).write.mode("overwrite").parquet("p")', "lit(None)"],
  ['df.withColumn("a", lit(None)).write.saveAsTable("t")', "lit(None)"],
  ['df.withColumn("a", lit(None)).write.csv("p")', "lit(None)"],
  ['df.withColumn("a", lit(None)).write.option("header", True).csv("p")', "lit(None)"],
  ['df.withColumn("a", lit(None)).write.orc("p")', "lit(None)"],
  ['spark.read.json(i).withColumn("a", lit(None)).write.csv("p")', "lit(None)"],
  ['spark.read.json(i).withColumn("a", lit(None)).write.parquet("p")', "lit(None)"],
  [
    'spark.read.format("json").load(i).withColumn("a", lit(None)).write.format("csv").save("p")',
    "lit(None)",
  ],
  ['df.withColumn("a", lit(None)).write.option("x", f.json(y)).text("p")', "lit(None)"],
  ['df.withColumn("a", lit(None)).write.save("p", format="orc")', "lit(None)"],
  [
    'spark.sql("create table l using json as select id from t; create table u using parquet as select id, null as a from t")',
    "NULL AS a",
  ],
  [
    "spark.sql(\"create table u comment 'using json' as select id, null as a from t\")",
    "NULL AS a",
  ],
  ['df.withColumn("a", lit(None)).select("a").write.text("p")', "lit(None)"],
  ['df.withColumn("a", lit(None)).write.format("csv").saveAsTable("t")', "lit(None)"],
  ['df.withColumn("a", lit(None)).write.format("orc").save("p")', "lit(None)"],
  ['def f(df):\n    return df.withColumn("a", lit(None))', "lit(None)"],
  ['df = df.withColumn("a", lit(None))\nwrite(df)', "lit(None)"],
  ['df = df.withColumn("a", lit(None)).withColumn("b", col("b").cast("int"))', "lit(None)"],
  ['df = df.withColumn("a", lit(None)).withColumn("a", lit(None))', "lit(None)"],
  ['df.withColumn("a", F.when(c, F.when(d, lit(None))).otherwise(lit(None)))', "lit(None)"],
  ['df.withColumn("a", F.when(c, None).otherwise(F.when(d, None)))', "when(…, None)"],
  ['df.select(F.max(F.lit(None)).alias("a"))', "lit(None)"],
  ['df.select(F.collect_list(F.lit(None)).alias("a"))', "lit(None)"],
  ['df.withColumn("a", F.last(F.lit(None), True).over(w))', "lit(None)"],
  ['df.withColumn("a", F.create_map(F.lit("k"), F.lit(None)))', "lit(None)"],
  ['df.withColumn("a", F.nvl2(F.col("x"), F.lit(None), F.lit(None)))', "lit(None)"],
  ['df.withColumn("a", F.nullif(F.lit(None), F.col("b")))', "lit(None)"],
  ['df.withColumn("a", F.struct(F.lit(None).alias("b"), F.col("c")))', "lit(None)"],
  ['df.withColumn("a", F.lit(None)).na.fill(0)', "lit(None)"],
  ['df.withColumn("a", F.lit(None) if c else F.col("b"))', "lit(None)"],
  ['n = F.lit(None)\ndf.withColumn("a", F.when(c, n).otherwise(n))', "lit(None)"],
  [
    'n = F.lit(None)\ndf.withColumn("a", F.when(c, 1).otherwise(n)).withColumn("b", n)',
    "lit(None)",
  ],
  [
    'df.withColumn("a", F.expr("CASE WHEN x > 1 THEN NULL END"))',
    'expr("CASE WHEN x > 1 THEN NULL END")',
  ],
  ['df.withColumn("a", F.expr("(NULL)"))', 'expr("(NULL)")'],
  ['df.withColumn("a", F.expr("coalesce(NULL, NULL)"))', 'expr("coalesce(NULL, NULL)")'],
  ['df.withColumn("a", F.expr("IF(x > 1, NULL, NULL)"))', 'expr("IF(x > 1, NULL, NULL)")'],
  ['df.selectExpr("*", "null a").write.parquet(p)', "NULL AS a"],
  ['df.selectExpr("*", "if(true, null, null) as a").write.parquet(p)', "NULL AS a"],
  ['df.selectExpr("*", "coalesce(null, null) as a").write.parquet(p)', "NULL AS a"],
  ["spark.sql(\"select map('k', null) as a\").write.parquet(p)", "NULL AS a"],
  ['spark.sql("select array(null) as a").write.parquet(p)', "NULL AS a"],
  ["spark.sql(\"select named_struct('k', null) as a\").write.parquet(p)", "NULL AS a"],
  ['spark.sql("select max(null) as a").write.parquet(p)', "NULL AS a"],
  ['spark.sql("with t as (select null as a) select * from t").write.parquet(p)', "NULL AS a"],
  ['spark.sql("select null as a union all select null").write.parquet(p)', "NULL AS a"],
  ['spark.sql("SELECT id, NULL FROM t").write.parquet(p)', "NULL"],
  ['spark.sql("SELECT NULL, id FROM t").write.parquet(p)', "NULL"],
  ['spark.sql("SELECT id, NULL, 1 FROM t").write.parquet(p)', "NULL"],
  ['spark.sql("""-- a\nSELECT id, NULL FROM t""").write.parquet(p)', "NULL"],
  ['spark.sql("-- a\\nSELECT id, NULL AS b FROM t").write.parquet(p)', "NULL AS b"],
  ['spark.sql("\\tSELECT id,\\tNULL FROM t").write.parquet(p)', "NULL"],
  ['spark.sql("WITH t AS (SELECT 1 AS a) SELECT a, NULL FROM t").write.parquet(p)', "NULL"],
  ['df.selectExpr("id", "NULL").write.parquet(p)', "NULL"],
  ['spark.sql("SELECT id, coalesce(null, null) AS a FROM t").write.parquet(p)', "NULL AS a"],
  ['spark.sql("SELECT array() AS a FROM t").write.parquet(p)', "NULL AS a"],
  ['spark.sql("SELECT map() AS a FROM t").write.parquet(p)', "NULL AS a"],
  ["spark.sql(\"SELECT id, map('k', null) AS a FROM t\").write.parquet(p)", "NULL AS a"],
  ['df.withColumn("a", F.array())', "array()"],
  ['df.withColumn("a", F.create_map())', "create_map()"],
  ['from pyspark.sql.functions import array\ndf.withColumn("a", array())', "array()"],
  ['empty = None\ndf.withColumn("a", F.lit(empty))', "lit(empty)"],
  ['NONE = None\ndf.select("id", *[fn.lit(NONE).alias(c) for c in ("a", "b")])', "lit(NONE)"],
] as const;

for (const [code, told] of VOID) {
  Deno.test(`parquet-void finds ${JSON.stringify(code)}`, () => {
    const found = written("python", code);
    assertEquals(found[0]?.replace("CAST(NULL AS void)", "NULL AS x"), told);
  });
}

for (
  const code of [
    'spark.sql("select 1 as b, null as a").show()',
    'df.union(spark.sql("SELECT NULL AS x")).write.parquet(p)',
    'spark.sql("INSERT INTO t SELECT id, NULL FROM u")',
    'spark.sql("SELECT id FROM t WHERE EXISTS (SELECT NULL FROM u)").write.parquet(p)',
    'spark.sql("SELECT 1 UNION ALL SELECT NULL").write.parquet(p)',
    'spark.sql("SELECT a, coalesce(a, NULL) FROM t").write.parquet(p)',
    'cur.execute("SELECT a, NULL FROM t")',
    'df.withColumn("a", F.array().cast("array<string>"))',
    'df.withColumn("a", F.coalesce(F.col("a"), F.array()))',
    'df.withColumn("a", F.when(c, F.col("a")).otherwise(F.create_map()))',
    'df.withColumn("a", F.size(F.array()))',
    "x = array()",
    'empty = None\nfor empty in rows:\n    df.withColumn("a", F.lit(empty))',
    'empty = None\nif c:\n    empty = 1\ndf.withColumn("a", F.lit(empty))',
    'empty = None\ndf.withColumn("a", F.lit(empty).cast("int"))',
    'spark.sql("select x from values (1), (null) as t(x)").write.parquet(p)',
    'spark.sql("select null as a union all select 1 as a").write.parquet(p)',
    'spark.sql("select 1 as a union all select null as a").write.parquet(p)',
    'spark.sql("with t as (select null as a) select cast(a as int) as a from t").write.parquet(p)',
    'spark.sql("with t as (select null as a, 1 as b) select b from t").write.parquet(p)',
    'df.withColumn("a", lit(None)).to(StructType([])).write.parquet(p)',
    'spark.sql("select null as a, x from t").write.json("p")',
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
    'df.filter(col("x").eqNullSafe(lit(None)))',
    'df.filter(col("x") == lit(None)).write.parquet("p")',
    'df.where(lit(None) != col("x"))',
    'df.withColumn("a", col("x") + lit(None))',
    'df.withColumn("a", col("x").isin(lit(None), 1))',
    'df.withColumn("a", F.concat(F.col("x"), F.lit(None)))',
    'df.join(other, F.col("x").eqNullSafe(F.lit(None)))',
    'df.withColumn("a", lit(None)).select("b", "c")',
    'spark.sql("SELECT CASE WHEN a THEN NULL WHEN b THEN 1 END AS x FROM t")',
    'spark.sql("SELECT CAST(CASE WHEN a THEN NULL END AS int) AS x FROM t")',
    'spark.createDataFrame(rows, "a int, voided int")',
    'df.withColumn("a", when(col("x") > 1, None).otherwise(1))',
    'df.withColumn("a", when(col("x") > 1, 1).otherwise(None))',
    'df.withColumn("a", F.when(a, None).when(b, F.col("c")))',
    'df.withColumn("a", F.when(a, None).cast("int"))',
    'df.withColumn("a", F.when(a, F.lit(None)).otherwise("x"))',
    'df.withColumn("a", F.array(F.lit(None), F.lit(1)))',
    'df.withColumn("a", when(col("x") > 1, "y").otherwise(lit(None)))',
    'n = F.lit(None)\ndf.withColumn("a", F.when(c, 1).otherwise(n))',
    'n = F.lit(None)\ndf.withColumn("a", F.coalesce(n, F.col("b"))).withColumn("b", n.cast("int"))',
    'df.withColumn("a", F.when(c, F.when(d, lit(None))).otherwise(1))',
    'df.withColumn("a", F.when(c, 1).otherwise(F.coalesce(lit(None), lit(None))))',
    'df.withColumn("a", F.coalesce(F.when(c, lit(None)), col("b")))',
    'df.withColumn("a", F.upper(F.lit(None)))',
    'df.select(F.sum(F.lit(None)).alias("a"))',
    'df.withColumn("a", F.create_map(F.lit("k"), F.lit(None), F.lit("l"), F.lit(1)))',
    'df.withColumn("a", F.nvl2(F.col("x"), F.lit(None), F.col("n")))',
    "df.select(F.row_number().over(Window.orderBy(F.lit(None))))",
    'df.orderBy(F.lit(None)).write.parquet("p")',
    'df.withColumn("a", F.to_json(F.struct(F.lit(None).alias("z"))))',
    'df.union(df.select("x", F.lit(None))).write.parquet("p")',
    'df.unionByName(other.withColumn("n", F.lit(None))).write.parquet("p")',
    'df.withColumn("a", F.expr("IF(x > 1, NULL, 1)"))',
    'df.withColumn("a", F.expr("NULL + 1"))',
    'df.withColumn("a", lit(None)).withColumn("a", col("a").cast("int")).write.parquet("p")',
    'df = df.withColumn("a", lit(None))\ndf = df.withColumn("a", col("b"))\ndf.write.parquet("p")',
    'df = df.withColumn("a", lit(None))\ndf = df.select(col("a").cast("int"))\ndf.write.parquet("p")',
    'df = df.withColumn("a", lit(None))\ndf = df.selectExpr("cast(a as int) as a")\ndf.write.parquet("p")',
    'df = df.withColumn("a", lit(None)).drop("a")\ndf.write.parquet("p")',
    'df = df.withColumn("a", lit(None))\ndf = df.select([col(c).cast(t) for c, t in types])\ndf.write.parquet("p")',
    'df.withColumn("a", lit(None)).show()',
    'df.withColumn("a", lit(None)).count()',
    'x = df.withColumn("a", lit(None))\nprint(x.count())\nx.show()',
    'x = df.withColumn("a", lit(None))\nx.show()\ndf.write.parquet("p")',
    'df.withColumn("a", lit(None)).write.json("p")',
    'spark.read.csv(i).withColumn("a", lit(None)).write.json("p")',
    'spark.read.csv(i).withColumn("a", lit(None)).write.mode("overwrite").json("p")',
    'spark.read.parquet(i).withColumn("a", lit(None)).write.json("p")',
    'spark.read.text(i).withColumn("a", lit(None)).write.jdbc(url, "t")',
    'spark.read.orc(i).withColumn("a", lit(None)).write.insertInto("t")',
    'spark.read.format("csv").load(i).withColumn("a", lit(None)).write.format("json").save("p")',
    '(spark.read.option("header", True).csv(i)\n  .withColumn("a", lit(None))\n  .write.option("x", 1).json("p"))',
    'd = spark.read.csv(i)\ne = d.withColumn("a", lit(None))\ne.write.format("json").option("x", 1).save("p")',
    'df.withColumn("a", lit(None)).write.option("x", f.text(y)).json("p")',
    'df.withColumn("a", lit(None)).write.save("p/{}".format(day), format="json")',
    'd = df.withColumn("a", lit(None))\nspark.createDataFrame(d.rdd, schema).write.parquet("p")',
    'd = df.withColumn("a", lit(None))\nspark.createDataFrame(d.collect(), schema).write.parquet("p")',
    'spark.sql("create table u using json as select id, null as a from t")',
    "spark.sql(\"insert overwrite directory 'p' using json select id, null as a from t\")",
    'df.withColumn("a", lit(None)).write.mode("append").json("p")',
    'df.withColumn("a", lit(None)).write.format("delta").save("p")',
    'df.withColumn("a", lit(None)).write.jdbc(url, "t")',
    'df.withColumn("a", lit(None)).write.insertInto("t")',
    'x = df.withColumn("a", lit(None))\nx.write.format("json").mode("append").save("p")',
    'x = df.withColumn("a", lit(None))\ny = other.unionByName(x)\ny.write.parquet("p")',
    'cur.execute("SELECT a, NULL AS x FROM t")',
    'q = "SELECT a, NULL AS x FROM t"\ncursor.execute(q)',
    'spark.read.format("jdbc").option("query", "SELECT a, NULL AS x FROM t").load()',
    'q = "(SELECT a, NULL AS x FROM t) q"\nspark.read.option("dbtable", q).load()',
    'spark.read.jdbc(url, "(SELECT a, NULL AS x FROM t) q")',
    'spark.read.jdbc(url=u, table="(SELECT a, NULL AS x FROM t) q")',
    'spark.read.options(dbtable="(SELECT a, NULL AS x FROM t) q").load()',
    'spark.read.options(**{"query": "SELECT a, NULL AS x FROM t"}).load()',
    'df = df.with_columns(pl.lit(None).alias("a"))\ndf.write_parquet("p")',
    'pd.read_sql("SELECT a, NULL AS x FROM t", conn)',
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

Deno.test("parquet-void does not parse Python that only imports pyspark.sql, which takes long", () => {
  const text = "from pyspark.sql import DataFrame\n\ndef f(sql: str) -> None:\n" +
    "    'Stops when a value is null.'\n    print({}.values())";
  const python = () => {
    throw new Error("it was parsed");
  };
  assertEquals(untypedNullsIn({ language: "python", file: "job", line: 1, text, python }), []);
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

Deno.test("parquet-void leaves out only the statements of SQL that write JSON", () => {
  const [json, parquet] = [
    "CREATE TABLE l USING json AS SELECT id, NULL AS a FROM t",
    "CREATE TABLE u USING parquet AS SELECT id, NULL AS b FROM t",
  ];
  const named =
    '-- USING json\nCREATE TABLE u COMMENT "USING json; it\'s" AS SELECT NULL AS c FROM t';
  const path =
    "CREATE TABLE l USING json OPTIONS (path 'a;b', x \"c;d\") AS SELECT NULL AS d FROM t";
  for (
    const [text, ...found] of [
      [json],
      [path],
      [`${json};\n${path};\n`],
      [parquet, "NULL AS b"],
      [`${json};\n${parquet};\n`, "NULL AS b"],
      [`${parquet};\n${json};\n`, "NULL AS b"],
      [`${parquet};\n${json};\n${named}`, "NULL AS b", "NULL AS c"],
      [named, "NULL AS c"],
      [`MERGE INTO u USING json ON u.id = json.id; ${parquet}`, "NULL AS b"],
    ] as const
  ) {
    assertEquals([text, written("sql", text)], [text, found]);
    const [first] = untypedNullsIn({ language: "sql", file: "job", line: 1, text: text });
    if (found.length > 0) assertEquals(text.slice(first!.offset).startsWith("NULL AS"), true);
  }
});

Deno.test("parquet-void does not judge SQL that Postgres runs", async () => {
  for (
    const text of [
      "INSERT INTO t SELECT a, NULL AS x FROM u ON CONFLICT DO NOTHING",
      "INSERT INTO t SELECT a, NULL AS x FROM u RETURNING id",
      "\\set day 1\nSELECT a, NULL AS x FROM u",
    ]
  ) assertEquals([text, written("sql", text)], [text, []]);
  const script = "psql <<'EOF'\nSELECT a, NULL AS x FROM t;\nEOF\n";
  await assertFound(ID, { ...FILES, "run.sh": script });
  // spark-sql only prints the result of a query.
  const shown = script.replace("psql", "spark-sql");
  await assertFound(ID, { ...FILES, "run.sh": shown });
  const spark = shown.replace("SELECT", "CREATE TABLE q AS SELECT");
  await assertFound(ID, { ...FILES, "run.sh": spark }, { object: "manifests/run.sh", line: 2 });
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
