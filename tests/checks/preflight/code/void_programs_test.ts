import { untypedNullsIn } from "../../../../checks/preflight/code/untyped_nulls.ts";
import type { Language } from "../../../../checks/source_code/code.ts";
import { assertEquals } from "../../../support/assert.ts";
import { REFUSED, WRITTEN } from "./void_programs.ts";
import { REFUSED_SQL, WRITTEN_SQL } from "./void_statements.ts";

/** The verdict of the check: it fails, passes, or lists the null as not judged. */
function verdict(language: Language, text: string): "fails" | "passes" | "not judged" {
  const found = untypedNullsIn({ language, file: "job", line: 1, text });
  if (found.length === 0) return "passes";
  return found.some(({ unknown }) => unknown === undefined) ? "fails" : "not judged";
}

Deno.test("parquet-void fails for the programs that Spark stops", () => {
  for (const text of REFUSED) {
    const expected = NOT_JUDGED.some((each) => text.includes(each)) ? "not judged" : "fails";
    assertEquals([text, verdict("python", text)], [text, expected]);
  }
  for (const text of REFUSED_SQL) {
    const expected = NOT_FOLLOWED.some((each) => text.includes(each)) ? "not judged" : "fails";
    assertEquals([text, verdict("sql", text)], [text, expected]);
  }
});

Deno.test("parquet-void passes the programs that Spark runs", () => {
  for (const text of WRITTEN) {
    const expected = NOT_JUDGED.some((each) => text.includes(each)) ? "not judged" : "passes";
    assertEquals([text, verdict("python", text)], [text, expected]);
  }
  for (const text of WRITTEN_SQL) {
    // Other code can read a view, and write the result of a query.
    const isOpen = NOT_FOLLOWED.some((each) => text.includes(each)) ||
      text.startsWith("create view") || text.endsWith("; select * from v");
    const expected = isOpen ? "not judged" : "passes";
    assertEquals([text, verdict("sql", text)], [text, expected]);
  }
});

Deno.test("parquet-void fails for a frame of pandas with a column of only None", () => {
  // The image has no pandas. Without a schema, Spark infers the types from the values.
  const head = "import pandas as pd\npdf = pd.DataFrame(";
  const write = "spark.createDataFrame(pdf).write.parquet(p)";
  for (
    const [text, expected] of [
      [`${head}{"id": [1, 2], "a": [None, None]})\n${write}`, "fails"],
      [`${head}{"id": [1]})\npdf["a"] = None\n${write}`, "fails"],
      [`${head}{"id": [1]}).assign(a=None)\n${write}`, "fails"],
      [`${head}[(1, None)], columns=["id", "a"])\n${write}`, "fails"],
      ['spark.createDataFrame(pd.DataFrame({"a": [None]})).write.parquet(p)', "fails"],
      [`${head}{"a": [None]})\npdf["a"] = pdf["a"].astype(str)\n${write}`, "not judged"],
      [`${head}{"a": [None]}).fillna("x")\n${write}`, "not judged"],
      [`${head}{"id": [1, 2], "a": [None, "x"]})\n${write}`, "passes"],
      [`${head}{"id": [1, 2], "a": [float("nan"), None]})\n${write}`, "passes"],
      [`${head}{"a": [None]}, dtype="float")\n${write}`, "passes"],
      [`${head}{"a": [None]})\nspark.createDataFrame(pdf, "a string").write.parquet(p)`, "passes"],
    ] as const
  ) assertEquals([text, verdict("python", text)], [text, expected]);
});

/** Code whose end depends on a table, a path or names that are not written in it. */
const NOT_JUDGED = [
  "F.array(F.lit(None)), text)",
  'udf.register("nothing"',
  "map(nothing",
  "if False:",
  "for i in []",
  "case 2:",
  "d.unionByName(df, allow",
  "d.unionByName(other, allow",
  'mode("append").saveAsTable',
  'if "a" in d.columns',
  ".unpivot(",
  "reduce(lambda q, r",
  "defaults.items()",
  'args={"v": None}',
  'from_json(F.lit("{}")',
  "NullType())(",
  "value or 'null'",
];

/** Statements that use a column in a way that is not followed. */
const NOT_FOLLOWED = [
  "z.id from (select named_struct",
  "as with c as (",
  "explode(l)",
  "select s.",
];
