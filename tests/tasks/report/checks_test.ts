import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import type { Content } from "../../../tasks/report/content.ts";
import { renderDocument } from "../../../tasks/report/document.ts";
import { readTemplate } from "../../../tasks/report/template.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { browserTest, until, violationsOn, withHtmlFile } from "../../support/browser.ts";
import { HOSTILE, REPORT } from "../../support/report_content.ts";
import { runTask } from "../../support/task.ts";

const CONTENT: Content = {
  command: "preflight",
  made: "2025-12-29 04:00:10",
  about: {
    commandLine: "deno task preflight --facts manifests",
    version: "1.2.3",
    lookedAt: [["manifests", HOSTILE]],
  },
  exit: { code: 1, means: "a check failed" },
  checks: [REPORT],
};

async function report(): Promise<string> {
  return await renderDocument(CONTENT, await readTemplate(DEFAULT_PROJECT, false));
}

Deno.test("renderDocument: says that nothing failed only if every day succeeded and a check judged", async () => {
  const template = await readTemplate(DEFAULT_PROJECT, false);
  const run = (day: string, exitCode: number) => ({
    ...{ day, exitCode, steps: [], samples: [], seconds: {} },
  });
  const check = (verdict: "pass" | "skip", exitCode: number) => ({
    ...{ command: "postflight", exitCode },
    results: [{ id: "row-counts", title: "", section: "data", verdict, findings: [] }],
  });
  const top = async (checks: unknown[], runs: unknown[] = []) => {
    const content = { command: "run", made: "2025-12-29 04:00:10", checks, runs };
    const text = await renderDocument(content as unknown as Content, template);
    return text.slice(text.indexOf("<header>"), text.indexOf("</header>"));
  };
  assertStringIncludes(await top([check("pass", 0)], [run("2025-12-28", 0)]), "No check failed.");
  assertStringIncludes(await top([], [run("2025-12-28", 0)]), "Every day succeeded.");
  for (
    const [header, says] of [
      [
        await top([check("pass", 0)], [run("2025-12-27", 0), run("2025-12-28", 1)]),
        "2025-12-28: the run failed with exit code 1",
      ],
      [await top([check("skip", 3)]), "Not everything was checked"],
      [await top([check("skip", 0)]), "Not everything was checked"],
      [await top([], [run("2025-12-28", 3)]), "2025-12-28: the run failed with exit code 3"],
    ] as const
  ) {
    assertStringIncludes(header, says);
    assert(!header.includes("headline pass"), header);
  }
});

Deno.test("renderDocument: no value is HTML, and the file loads nothing", async () => {
  const text = await report();
  assertEquals(text.includes("<img"), false);
  assertEquals(text.match(/<script/g)?.length, text.match(/<\/script>/g)?.length);
  assertEquals(text.match(/<!--/g), null);
  assertEquals(text.includes("\u202e"), false);
  assertMatch(
    text,
    /Security-Policy" content="default-src &#39;none&#39;; script-src &#39;sha256-/,
  );
  const withoutScripts = text.replace(/<script[\s\S]*/, "");
  assertEquals(/<[^>]*\s(src|srcset|action|background)=/.test(withoutScripts), false);
  assertEquals(/url\(|@import/.test(withoutScripts), false);
});

browserTest("HTML report of checks: failures first, and every value is text", async (browser) => {
  await withHtmlFile(await report(), (url) =>
    browser.open(url, async (page) => {
      assertEquals(await page.title(), "preflight · deep-storage");
      const headings = await page.locator("section.checks > h3").allTextContents();
      assertEquals(headings, ["network", "image", "database", "cluster", "manifests"]);
      const verdicts = await page.locator("article.check").evaluateAll((all) =>
        all.map((each) => each.getAttribute("data-verdict"))
      );
      assertEquals(verdicts, ["fail", "pass", "error", "not-applicable", "warn", "skip", "pass"]);
      const outcome = await page.locator(".outcome li").allTextContents();
      assertEquals(outcome, ["image-pull: not decided", "egress-policy: failed"]);
      const finding = page.locator(".finding.warn").first();
      const shown = HOSTILE.replace("\u202e", "\uFFFD");
      assertEquals(await finding.locator("dd").nth(1).textContent(), shown);
      assertEquals(await finding.locator(".words").textContent(), shown);
      assertEquals(await finding.locator("button").count(), 0);
      assertEquals(await page.locator("img").count(), 0);
    }));
});

browserTest("HTML report of checks: the top says what, how, where and when", async (browser) => {
  await withHtmlFile(await report(), (url) =>
    browser.open(url, async (page) => {
      const header = await page.locator("header").innerText();
      for (
        const text of [
          "1 check failed.",
          "Exit code 1: a check failed.",
          "deno task preflight --facts manifests",
          "deep-storage 1.2.3",
          "2025-12-29 04:00:10 UTC",
          HOSTILE.slice(0, 20),
        ]
      ) assertStringIncludes(header, text);
      const tally = await page.getByRole("list", { name: "Checks by verdict" }).innerText();
      assertEquals(tally.split("\n").map((each) => each.trim().slice(2)), [
        "1 fail",
        "1 error",
        "1 warn",
        "1 skip",
        "2 pass",
        "1 not applicable",
      ]);
    }));
});

browserTest("HTML report of checks: a fix is copied by mouse and by keyboard", async (browser) => {
  await withHtmlFile(await report(), (url) =>
    browser.open(url, async (page) => {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      const [ofReport, ofPolicy, first, second, ...more] = await page.locator("button[data-copy]")
        .all();
      assertEquals(more.length, 0);
      const copied = () => page.evaluate("navigator.clipboard.readText()");
      await ofPolicy!.click();
      await page.getByText("The command is copied.").waitFor({ state: "attached" });
      assertStringIncludes(String(await copied()), "kubectl -n analytics-jobs patch networkpolicy");
      for (
        const [button, text] of [
          [first!, "COMMIT PREPARED 'a';"],
          [second!, "ROLLBACK PREPARED 'a';"],
          [ofReport!, "deno task preflight --facts manifests"],
        ] as const
      ) {
        await button.focus();
        await page.keyboard.press("Enter");
        await until(`the button copies ${text}`, async () => await copied() === text);
      }
    }));
});

browserTest("HTML report of checks: verdicts are hidden and shown", async (browser) => {
  await withHtmlFile(await report(), (url) =>
    browser.open(url, async (page) => {
      const visible = () => page.locator("article.check:visible").count();
      assertEquals(await visible(), 7);
      const pass = page.getByRole("checkbox", { name: "2 pass" });
      await pass.click();
      assertEquals(await visible(), 5);
      assertEquals(await page.getByRole("heading", { name: "manifests", exact: true }).count(), 0);
      await pass.focus();
      await page.keyboard.press("Space");
      assertEquals(await visible(), 7);
    }));
});

browserTest(
  "HTML report of checks: a runbook page opens, and links lead to others",
  async (browser) => {
    await withHtmlFile(await report(), (url) =>
      browser.open(url, async (page) => {
        const summary = page.getByText("Runbook: egress-policy");
        const body = page.locator("#page-egress-policy-0 .runbook");
        assertEquals(await body.isVisible(), false);
        await summary.focus();
        await page.keyboard.press("Enter");
        await body.waitFor();
        assert((await body.locator("h5").count()) >= 3);
        assertEquals(await body.locator("h1").count(), 0);
        assertEquals((await body.textContent())?.includes("<jobs.namespace>"), false);
        await page.evaluate("location.hash = '#page-dns-egress-0'");
        await page.locator("#page-dns-egress-0 .runbook").waitFor();
      }));
  },
);

browserTest(
  "HTML report of checks: no violation of accessibility, light and dark",
  async (browser) => {
    await withHtmlFile(await report(), async (url) => {
      for (const colorScheme of ["light", "dark"] as const) {
        await browser.open(url, async (page) => {
          await page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)");
          assertEquals(await violationsOn(page), []);
        }, { colorScheme });
      }
    });
  },
);

browserTest(
  "HTML report of checks: a printed report has the pages of failures",
  async (browser) => {
    await withHtmlFile(await report(), (url) =>
      browser.open(url, async (page) => {
        await page.emulateMedia({ media: "print" });
        await page.evaluate("dispatchEvent(new Event('beforeprint'))");
        assertEquals(await page.locator("#page-egress-policy-0 .runbook").isVisible(), true);
        assertEquals(await page.locator("#page-dns-egress-0 .runbook").isVisible(), false);
        assertEquals(await page.locator("button:visible").count(), 0);
        assert((await page.pdf()).length > 10_000);
      }));
  },
);

browserTest("preflight: --output html writes a report that opens", async (browser) => {
  const path = await Deno.makeTempFile({ suffix: ".html" });
  try {
    const args = ["--facts", "manifests", "--manifests", "manifests"];
    const { code } = await runTask("preflight", [...args, "--output", `html=${path}`]);
    assertEquals(code, 0);
    await browser.open(`file://${path}`, async (page) => {
      assertEquals(await page.locator("article.check.pass").count() > 10, true);
      assertEquals(await page.locator("article.check details").count() > 10, true);
      const header = await page.locator("header").innerText();
      assertStringIncludes(header, `deno task preflight ${args.join(" ")} --output html=${path}`);
      assertMatch(header, /Exit code 0: success\.[^]*Manifests\s+manifests/);
    });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("preflight: HTML needs a file, and one file only", async () => {
  const args = ["--facts", "manifests"];
  const none = await runTask("preflight", [...args, "--output", "html"]);
  assertEquals(none.code, 2);
  assertStringIncludes(none.stderr, "--output html=FILE");
  const two = ["--output", "html=/tmp/a.html", "--output", "html=/tmp/b.html"];
  const twice = await runTask("preflight", [...args, ...two]);
  assertEquals(twice.code, 2);
  assertStringIncludes(twice.stderr, "already receives HTML");
});
