import type { Finding, Result } from "../../../checks/finding.ts";
import { startCommands } from "../../../checks/report/github.ts";
import { renderJunit } from "../../../checks/report/junit.ts";
import { renderMarkdown } from "../../../checks/report/markdown.ts";
import { startText } from "../../../checks/report/text.ts";
import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { renderDocument } from "../../../tasks/report/document.ts";
import { readTemplate } from "../../../tasks/report/template.ts";
import { assertEquals } from "../../support/assert.ts";

// What a reader must know is in each form of a report.

type Render = (results: readonly Result[]) => string | Promise<string>;

const html: Render = async (results) =>
  await renderDocument({
    command: "preflight",
    made: "2025-12-29 04:00:10",
    checks: [{ command: "preflight", results, exitCode: 1 }],
  }, await readTemplate(DEFAULT_PROJECT, false));

const FORMS: Readonly<Record<string, Render>> = {
  text: (results) => {
    const text = startText();
    return results.map((each) => text.result(each)).join("");
  },
  markdown: (results) => renderMarkdown({ command: "preflight", results }),
  html,
  junit: (results) => renderJunit({ command: "preflight", results }),
  github: (results) => {
    const commands = startCommands();
    return results.map(commands.result).join("") + commands.end({ command: "preflight", results });
  },
};

const FINDING = { severity: "warn", object: "o", problem: "p", fix: "f" } as const;

const warning = (id: string, finding: Finding): Result => (
  { id, title: "t", verdict: "warn", examined: "1 Secret", findings: [finding] }
);

const UNCHECKED = ["not in the manifests, so not checked: robson/b"];

for (const [form, render] of Object.entries(FORMS)) {
  Deno.test(`reports: ${form} says what a check did not check, also if it passed`, async () => {
    const pass = {
      id: "a",
      title: "t",
      verdict: "pass",
      examined: "1 Secret",
      findings: [],
    } as const;
    for (const result of [warning("a", FINDING), pass]) {
      const shown = await render([{ ...result, unchecked: UNCHECKED }]);
      assertEquals(shown.split("1 Secret; not in the manifests, so not checked").length, 2, shown);
    }
  });

  Deno.test(`reports: ${form} prints a change once, because the second one can change more`, async () => {
    const commands = [
      { ...FINDING, fix: "kubectl -n jobs delete pod x1" },
      { ...FINDING, fix: "In Pod jobs/x1, remove spec.a[1].", fixInFiles: "the same" },
    ];
    for (const finding of commands) {
      const shown = await render([warning("a", finding), warning("b", finding)]);
      assertEquals(shown.split("the same as for a above").length, 2, shown);
    }
    const words = { ...FINDING, fix: "Ask who writes it." };
    const shown = await render([warning("a", words), warning("b", words)]);
    assertEquals(shown.split(words.fix).length, 3);
  });
}
