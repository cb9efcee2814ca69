import type { Finding, Result } from "../../../checks/finding.ts";
import { startCommands } from "../../../checks/report/github.ts";
import { assertEquals, assertMatch, assertNotMatch } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

/** The commands for results, without the lines for the log. */
const render = (...results: readonly Result[]) => {
  const report = startCommands();
  const shown = results.map(report.result).join("") + report.end({ command: "preflight", results });
  return shown.split("\n").filter((line) => line.startsWith("::")).map((line) => `${line}\n`).join(
    "",
  );
};
const all = () => render(...REPORT.results);

Deno.test("startCommands: prints a command per finding and per check without a verdict", async () => {
  await assertGolden("report.github", all());
});

Deno.test("startCommands: prints nothing for a check that passed", () => {
  assertEquals(render(REPORT.results[0]!), "");
});

Deno.test("startCommands: prints one notice for all checks that do not apply", () => {
  const idle = (id: string, reason: string): Result => (
    { id, title: "t", verdict: "not-applicable", reason, findings: [] }
  );
  assertEquals(
    render(idle("a", "no job"), REPORT.results[0]!, idle("b", "x"), idle("c", "no job")),
    "::notice title=3 checks do not apply::a, c: no job%0Ab: x\n",
  );
});

Deno.test("startCommands: prints one notice for all checks that passed in part", () => {
  const part = (id: string): Result => (
    {
      id,
      title: "t",
      verdict: "pass",
      examined: "1 job",
      unchecked: ["not checked: b"],
      findings: [],
    }
  );
  assertEquals(
    render(part("a"), REPORT.results[0]!, part("c")),
    "::notice title=2 checks passed in part::a: examined: 1 job; not checked: b%0A" +
      "c: examined: 1 job; not checked: b\n",
  );
});

Deno.test("startCommands: links a finding to its file and line", () => {
  const finding: Finding = {
    severity: "fail",
    object: "Job x",
    field: "spec",
    file: "a,b: 100%.yaml",
    line: 12,
    problem: "p",
    fix: "f",
  };
  const result: Result = { id: "image-deps", title: "t", verdict: "fail", findings: [finding] };
  assertEquals(
    render(result),
    "::error file=a%2Cb%3A 100%25.yaml,line=12,title=image-deps::" +
      "Job x spec: p%0Afix: f%0Adetails: deno task explain image-deps\n",
  );
});

Deno.test("startCommands: escapes text that would begin another command", () => {
  const finding: Finding = {
    severity: "warn",
    object: "o\r\n::set-env name=PATH::/evil",
    problem: "100%\n::error::",
    fix: "f\r::stop-commands::x",
  };
  const text = render({ id: "x", title: "t", verdict: "warn", findings: [finding] });
  assertEquals(text.trimEnd().split(/[\r\n]/).length, 1);
  assertMatch(text, /o%0D%0A::set-env/);
  assertMatch(text, /100%25%0A::error::/);
});

Deno.test("startCommands: prints only commands, without control characters", () => {
  for (const line of all().trimEnd().split("\n")) {
    assertMatch(line, /^::(error|warning|notice) title=/);
  }
  // deno-lint-ignore no-control-regex
  assertNotMatch(all(), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});
