import { renderJson, renderJsonLine } from "../../../checks/report/json.ts";
import { assertEquals } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

Deno.test("renderJson: prints an indented document", async () => {
  await assertGolden("report.json", renderJson(REPORT));
});

Deno.test("renderJson: prints the same document on one line", async () => {
  const line = renderJsonLine(REPORT);
  await assertGolden("report.jsonl", line);
  assertEquals(line.indexOf("\n"), line.length - 1);
  assertEquals(JSON.parse(line), JSON.parse(renderJson(REPORT)));
});

Deno.test("renderJson: prints keys in a fixed order", () => {
  const results = REPORT.results.map((result) => ({
    ...Object.fromEntries(Object.entries(result).reverse()) as typeof result,
    findings: result.findings.map((finding) =>
      Object.fromEntries(Object.entries(finding).reverse()) as typeof finding
    ),
  }));
  assertEquals(renderJson({ ...REPORT, results }), renderJson(REPORT));
});

Deno.test("renderJson: prints only the fields of the report, and no date if there is none", () => {
  const { date: _, ...report } = REPORT;
  assertEquals(
    renderJsonLine({ ...report, results: [] }),
    '{"command":"postflight","exitCode":1,"results":[]}\n',
  );
});
