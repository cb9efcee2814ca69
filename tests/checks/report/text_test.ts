import { renderResult, renderSummary, startText } from "../../../checks/report/text.ts";
import type { Result } from "../../../checks/finding.ts";
import { assertEquals, assertMatch, assertNotMatch } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

const all = (options?: { colour: boolean }) =>
  REPORT.results.map((result) => renderResult(result, options)).join("") +
  renderSummary(REPORT, options);

Deno.test("renderResult: prints one line per check with its findings below", async () => {
  await assertGolden("report.txt", all());
});

Deno.test("renderResult: prints the same text with and without colour", () => {
  // deno-lint-ignore no-control-regex
  const colour = /\x1b\[\d+m/g;
  const coloured = all({ colour: true });
  assertMatch(coloured, colour);
  assertEquals(coloured.replace(colour, ""), all());
});

Deno.test("renderResult: prints no control characters from outside", () => {
  // deno-lint-ignore no-control-regex
  assertNotMatch(all(), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

Deno.test("renderSummary: counts every verdict", () => {
  assertEquals(
    renderSummary(REPORT),
    "postflight 2025-12-28: 7 checks: 1 pass, 1 warn, 1 fail, 2 skip, 1 error, 1 not applicable\n",
  );
  assertEquals(
    renderSummary({ command: "preflight", results: REPORT.results.slice(0, 1) }),
    "preflight: 1 check: 1 pass, 0 warn, 0 fail, 0 skip, 0 error\n",
  );
});

Deno.test("startText: prints each section once, counts what was requested, and prints a cause once", () => {
  const results: Result[] = [
    { id: "a", title: "t", section: "one", verdict: "pass", examined: "all", findings: [] },
    {
      id: "b",
      title: "t",
      section: "one",
      verdict: "skip",
      reason: "left",
      requested: true,
      findings: [],
    },
    {
      id: "c",
      title: "t",
      section: "two",
      verdict: "skip",
      reason: "down",
      requested: true,
      findings: [],
    },
    { id: "d", title: "t", section: "three", verdict: "error", reason: "no answer", findings: [] },
    { id: "e", title: "t", section: "three", verdict: "skip", reason: "no answer", findings: [] },
    {
      id: "f",
      title: "t",
      section: "four",
      verdict: "error",
      reason: "no answer",
      examined: "half",
      findings: [],
    },
    {
      id: "g",
      title: "t",
      section: "four",
      verdict: "pass",
      examined: "all",
      unread: ["left"],
      findings: [],
    },
  ];
  const report = { command: "preflight", results };
  const render = (verbose: boolean) => {
    const text = startText({ idWidth: 1, verbose });
    return results.map(text.result).join("") + text.end(report);
  };
  assertEquals(
    render(false),
    [
      "one",
      "---",
      "PASS   a  all",
      "",
      "three",
      "-----",
      "ERROR  d  no answer",
      "",
      "four",
      "----",
      "PASS   g  all",
      "",
      "2 more checks are undecided for the same reason as d: e, f",
      "2 checks skipped as requested: left; down",
      "preflight: 7 checks: 2 pass, 0 warn, 0 fail, 3 skip, 2 error",
      "",
    ].join("\n"),
  );
  const ids = [...render(true).matchAll(/^[A-Z]+ +([a-g]) {2}/gm)].map(([, id]) => id);
  assertEquals(ids, ["a", "b", "c", "d", "e", "f", "g"]);
  assertMatch(render(true), /^ERROR {2}f {2}partially checked \(half\): no answer$/m);
});

Deno.test("startText: a command is on a line of its own, and a change of the cluster is printed once", () => {
  const text = startText();
  const create = "printf '%s\\n' '{}' | kubectl create -f -";
  const fixOf = (id: string, fix: string) => {
    const finding = { severity: "fail", object: "o", problem: "p", fix } as const;
    const shown = text.result({
      id,
      title: "t",
      verdict: "fail",
      examined: "e",
      findings: [finding],
    });
    const lines = shown.split("\n");
    const first = lines.findIndex((line) => line.startsWith("           fix "));
    return lines.slice(first, lines.findIndex((line) => line.includes("runbook:")))
      .map((line) => line.slice(20));
  };
  assertEquals(fixOf("a", `${create}. To narrow the rule, add labels.`), [
    create,
    "To narrow the rule, add labels.",
  ]);
  assertEquals(fixOf("b", `${create}. To narrow the rule, add labels.`), [
    "the same as for a above",
  ]);
  assertEquals(fixOf("b", `${create}. To narrow the rule, add labels.`), [
    "the same as for a above",
  ]);
  for (const id of ["c", "d"]) {
    assertEquals(fixOf(id, "Ask, then: deno task run. If it stays: deno task explain x"), [
      "Ask, then:",
      "deno task run",
      "If it stays:",
      "deno task explain x",
    ]);
  }
  assertEquals(fixOf("e", "Add to the manifests:\nkind: A\nspec:\n  b: 1"), [
    "Add to the manifests:",
    "kind: A",
    "spec:",
    "  b: 1",
  ]);
  assertEquals(fixOf("e", "Add to the manifests:\nkind: A\nspec:\n  b: 1"), ["the same as above"]);
  assertEquals(fixOf("f", "Remove it, or less.\n\nIn a, replace b with:\nc: 1"), [
    "Remove it, or less.",
    "In a, replace b with:",
    "c: 1",
  ]);
  assertEquals(fixOf("f", "one\ntwo"), ["one\uFFFDtwo"]);
});

Deno.test("renderResult: a failure says that its condition is not true", () => {
  const result = { id: "a", title: "it holds", examined: "e", findings: [] } as const;
  assertMatch(renderResult({ ...result, verdict: "fail" }), /^FAIL {3}a +not true: it holds\n$/);
  assertMatch(renderResult({ ...result, verdict: "warn" }), /^WARN {3}a +it holds\n$/);
});

Deno.test("startText: never leaves out a result that has findings", () => {
  const text = startText();
  const finding = { severity: "warn", object: "o", problem: "p", fix: "f" } as const;
  const result = {
    title: "t",
    verdict: "error",
    reason: "no answer",
    findings: [finding],
  } as const;
  assertMatch(text.result({ id: "a", ...result }), /warning {2}p/);
  assertMatch(text.result({ id: "b", ...result }), /warning {2}p/);
});

Deno.test("renderResult: a finding does not hide what was not checked", () => {
  const finding = { severity: "warn", object: "o", problem: "p", fix: "f" } as const;
  const result = { id: "a", title: "t", findings: [finding] } as const;
  const unchecked = ["not in the manifests, so not checked: a/b"];
  for (const verdict of ["warn", "fail"] as const) {
    const shown = renderResult({ ...result, verdict, examined: "1 Secret", unchecked });
    assertEquals(shown.split("\n")[1]!.trim(), `examined: 1 Secret; ${unchecked}`);
    assertNotMatch(renderResult({ ...result, verdict, examined: "1 Secret" }), /examined/);
  }
});
