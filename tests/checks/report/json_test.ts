import { renderJson, renderJsonLine } from "../../../checks/report/json.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { validateReport } from "../../support/report_schema.ts";
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
    '{"version":1,"command":"postflight","exitCode":1,"results":[]}\n',
  );
});

Deno.test("renderJson: prints one form of each fix, and nothing of how it was made", () => {
  const results = REPORT.results.map((result) => ({
    ...result,
    findings: result.findings.map((each) => ({ ...each, fixInFiles: "Edit.", opens: ["jobs"] })),
  }));
  assertEquals(renderJson({ ...REPORT, results }), renderJson(REPORT));
});

Deno.test("renderJson: prints a document that docs/report.schema.json describes", () => {
  assertEquals(validateReport(JSON.parse(renderJson(REPORT))), []);
});

Deno.test("docs/report.schema.json: refuses a report with a missing, unknown or contradictory field", () => {
  const report = () => JSON.parse(renderJson(REPORT));
  const wrong: ((report: ReturnType<typeof JSON.parse>) => void)[] = [
    (report) => delete report.version,
    (report) => report.version = 2,
    (report) => report.seconds = 1,
    (report) => report.exitCode = 4,
    (report) => report.results[0].verdict = "good",
    (report) => delete report.results[0].examined,
    (report) => report.results[1].findings = [],
    (report) => delete report.results[3].reason,
    (report) => delete report.results[1].findings[0].fix,
    (report) => report.results[1].findings[0].line = 0,
  ];
  for (const change of wrong) {
    const changed = report();
    change(changed);
    assert(validateReport(changed).length > 0, String(change));
  }
});
