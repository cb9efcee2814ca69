import { untypedNullsIn } from "../../../../checks/preflight/code/untyped_nulls.ts";
import type { Language } from "../../../../checks/source_code/code.ts";
import { assertEquals } from "../../../support/assert.ts";
import { REFUSED, REFUSED_SQL, WRITTEN, WRITTEN_SQL } from "./void_programs.ts";

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
  for (const text of REFUSED_SQL) assertEquals([text, verdict("sql", text)], [text, "fails"]);
});

Deno.test("parquet-void passes the programs that Spark runs", () => {
  for (const text of WRITTEN) {
    const expected = NOT_JUDGED.some((each) => text.includes(each)) ? "not judged" : "passes";
    assertEquals([text, verdict("python", text)], [text, expected]);
  }
  for (const text of WRITTEN_SQL) {
    // Other code can read a view, and write the result of a query.
    const isOpen = text.startsWith("create view") || text.endsWith("; select * from v");
    const expected = isOpen ? "not judged" : "passes";
    assertEquals([text, verdict("sql", text)], [text, expected]);
  }
});

/** Code whose end depends on a table, a path or names that are not written in it. */
const NOT_JUDGED = [
  "d.unionByName(df, allow",
  "d.unionByName(other, allow",
  'mode("append").saveAsTable',
  'if "a" in d.columns',
  ".unpivot(",
  "reduce(lambda q, r",
];
