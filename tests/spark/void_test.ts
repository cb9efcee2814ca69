import { REFUSED, WRITTEN } from "../checks/preflight/code/void_programs.ts";
import { REFUSED_SQL, WRITTEN_SQL } from "../checks/preflight/code/void_statements.ts";
import { assertEquals } from "../support/assert.ts";
import { missingSpark, sparkSubmit, sparkTest } from "./spark.ts";

/** Each statement runs once, on one row. */
const QUICK = [
  "spark.ui.enabled=false",
  "spark.sql.codegen.wholeStage=false", // compiling a statement costs more than it saves
  "spark.sql.adaptive.enabled=false",
  "spark.hadoop.fs.file.impl=org.apache.hadoop.fs.RawLocalFileSystem", // without checksums
].map((option) => `--conf=${option}`);

/** Runs each program of a list, and prints the numbers of those that fail. */
const DRIVER = `
import json, re, sys, tempfile
from pyspark.sql import SparkSession, Row, functions as F
from pyspark.sql.functions import *
from pyspark.sql.types import *
from pyspark.sql.window import Window

spark = SparkSession.builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
spark.sql("create table t using parquet as select 1 as id, 2 as x, 'q' as b, 3 as a, 4 as c")
frame = spark.createDataFrame([(1, 2, "q")], "id int, x int, b string")
folder = tempfile.mkdtemp()
frame.write.json(folder + "/in")
other = frame.withColumn("a", F.lit("s"))
failed = []
for i, (kind, text) in enumerate(json.loads(PROGRAMS)):
    words = set(re.findall(r"\\w+", text))
    if "typed" in words:
        spark.sql("create table typed (id int, x int, b string, a string) using parquet")
    path = f"{folder}/{i}"
    try:
        if kind == "sql":
            for statement in text.replace("$P", path).split(";"):
                spark.sql(statement)
        else:
            exec(text, dict(globals(), df=frame, p=path, inp=folder + "/in"))
    except Exception as error:
        failed.append(i)
    # A statement takes as long as a program. So only what the program can have made is dropped.
    for name in words & {"q", "typed"}:
        spark.sql(f"drop table if exists {name}")
    if "w" in words:
        spark.sql("drop view if exists w")
    spark.catalog.dropTempView("v")
print("FAILED", json.dumps(failed))
`;

sparkTest(
  "Spark stops the programs that parquet-void is tested with, and runs the others",
  await missingSpark(),
  async () => {
    const programs = [
      ...[...REFUSED, ...WRITTEN].map((text) => ["python", text]),
      ...[...REFUSED_SQL, ...WRITTEN_SQL].map((text) => ["sql", text]),
    ];
    const refused = new Set<string>([...REFUSED, ...REFUSED_SQL]);
    const list = JSON.stringify(JSON.stringify(programs));
    const { said } = await sparkSubmit(
      ["--master", "local[1]", "--driver-memory", "1g", ...QUICK],
      {},
      { name: "void.py", text: `PROGRAMS = ${list}\n${DRIVER}` },
    );
    const [, failed] = /^FAILED (.*)$/m.exec(said) ?? [undefined, `"${said.slice(-2_000)}"`];
    const expected = programs.flatMap(([, text], i) => refused.has(text!) ? [i] : []);
    const found = new Set(JSON.parse(failed!) as number[]);
    const wrong = programs.filter((_, i) => found.has(i) !== expected.includes(i));
    assertEquals(wrong, []);
  },
);
