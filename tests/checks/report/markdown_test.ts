import type { Finding } from "../../../checks/finding.ts";
import { renderMarkdown } from "../../../checks/report/markdown.ts";
import { marked } from "marked";
import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

const FINDING: Finding = { severity: "fail", object: "Job x", problem: "p", fix: "f" };
const report = (findings: readonly Finding[]) => ({
  command: "preflight",
  results: [{ id: "rbac", title: "t", verdict: "fail" as const, findings }],
});

Deno.test("renderMarkdown: prints the counts and a row for each finding and undecided check", async () => {
  await assertGolden("report.md", renderMarkdown(REPORT));
});

Deno.test("renderMarkdown: prints no table if nothing was found", () => {
  const text = renderMarkdown({ command: "preflight", results: [REPORT.results[0]!] });
  assertEquals(text, "preflight: 1 check: 1 pass, 0 warn, 0 fail, 0 skip, 0 error\n");
});

Deno.test("renderMarkdown: shows text that looks like markup as it is", async () => {
  const problem = "a | b <img src=x> *c* `d` [e](https://example.com) &lt; \\ $f$ ~~g~~ _h_ #1 @i";
  const html = await marked.parse(renderMarkdown(report([{ ...FINDING, problem }])), { gfm: true });
  const shown = [...html.matchAll(/<td>(.*)<\/td>/g)].map((match) => match[1]!);
  assertEquals(shown.length, 5);
  const unlinked = shown[3]!.replaceAll(/<a href="https:\/\/example.com">|<\/a>/g, "");
  assertEquals(/</.exec(unlinked), null);
  const words: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  const text = unlinked.replaceAll(/&(?:lt|gt|amp);/g, (entity) => words[entity]!);
  assertEquals(text, problem);
});

Deno.test("renderMarkdown: prints a cell with several lines as one row, and limits cells and rows", () => {
  const text = renderMarkdown(
    report([{ ...FINDING, file: "a.yaml", line: 3, problem: "1\n2\r3" }]),
  );
  assertStringIncludes(text, "| FAIL | rbac | a.yaml:3<br>Job x | 1<br>2<br>3 | f |");
  const long = renderMarkdown(report(Array(203).fill({ ...FINDING, fix: "f".repeat(3000) })));
  assertMatch(long, /\n3 more rows are in the other reports\.\n/);
  assertStringIncludes(long, `| ${"f".repeat(2000)}… |`);
});
