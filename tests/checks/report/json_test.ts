import { renderJson, renderJsonLine } from "../../../checks/report/json.ts";
import { assertEquals } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

Deno.test("json: an indented document", async () => {
  await assertGolden("report.json", renderJson(REPORT));
});

Deno.test("json: the same document on one line", async () => {
  const line = renderJsonLine(REPORT);
  await assertGolden("report.jsonl", line);
  assertEquals(line.indexOf("\n"), line.length - 1);
  assertEquals(JSON.parse(line), JSON.parse(renderJson(REPORT)));
});

Deno.test("json: keys keep their order, whatever the order in the results", () => {
  const results = REPORT.results.map((result) => ({
    ...Object.fromEntries(Object.entries(result).reverse()) as typeof result,
    findings: result.findings.map((finding) =>
      Object.fromEntries(Object.entries(finding).reverse()) as typeof finding
    ),
  }));
  assertEquals(renderJson({ ...REPORT, results }), renderJson(REPORT));
});

Deno.test("json: nothing but what the report has, and no date where there is none", () => {
  const { date: _, ...report } = REPORT;
  assertEquals(
    renderJsonLine({ ...report, results: [] }),
    '{"command":"postflight","exitCode":1,"results":[]}\n',
  );
});
