import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { renderDocument } from "../../../tasks/report/document.ts";
import { readTemplate } from "../../../tasks/report/template.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { browserTest, openTable, violationsOn, withHtmlFile } from "../../support/browser.ts";
import { temporaryLake } from "../../support/lakes.ts";
import { outbox } from "../../support/postgres.ts";
import { calendarOf } from "../../support/report_content.ts";
import { environment, runTask } from "../../support/task.ts";

async function reportOf(days: number): Promise<string> {
  const content = { command: "status", made: "2025-12-29 04:00:10", calendar: calendarOf(days) };
  return await renderDocument(content, await readTemplate(DEFAULT_PROJECT, true));
}

browserTest(
  "HTML report of status: 1,000 days have a cell per layer, and the lines",
  async (browser) => {
    await withHtmlFile(await reportOf(1000), (url) =>
      browser.open(url, async (page) => {
        const cells = page.getByRole("group", { name: "State of each day" }).getByRole("button");
        assertEquals(await cells.count(), 2000);
        for (
          const name of ["Rows of bronze per day", "Late events per day", "Hours from the end"]
        ) {
          assertEquals(await page.getByRole("img", { name }).count(), 1);
        }
        assertEquals(await page.locator('g[data-mark="rect"] rect').count(), 1000);
        const [box, right] = await Promise.all([
          cells.first().boundingBox(),
          page.locator(".wide").evaluate((each) =>
            each.scrollWidth - each.scrollLeft - each.clientWidth
          ),
        ]);
        assert(box!.width > 10 && box!.height > 10, "a cell can be chosen with the mouse");
        assert(right < 2, "the newest days are visible");
        const rows = await openTable(page, "All days as a table", "The lake by day");
        assertEquals(await rows.count(), 1000);
        assertMatch(await rows.last().innerText(), /2025-12-28\s+not over yet/);
      }));
  },
);

browserTest(
  "HTML report of status: a day shows its parts by mouse and by keyboard",
  async (browser) => {
    await withHtmlFile(await reportOf(21), (url) =>
      browser.open(url, async (page) => {
        const picture = page.getByRole("group", { name: "State of each day" });
        const answer = page.getByRole("region", { name: "The chosen day" });
        await picture.getByRole("button", { name: "2025-12-22 bronze" }).click();
        assertStringIncludes(await answer.innerText(), "bronze/events/date=2025-12-22/part-00000");
        await page.keyboard.press("ArrowRight"); // the next day
        await page.keyboard.press("Enter");
        assertStringIncludes(await answer.innerText(), "date=2025-12-23");
        await page.keyboard.press("ArrowDown"); // silver of that day
        await page.keyboard.press("ArrowLeft");
        await page.keyboard.press("Space");
        assertStringIncludes(await answer.innerText(), "date=2025-12-22");
        assertEquals(
          await picture.locator('[aria-pressed="true"]').getAttribute("data-key"),
          "2025-12-22 silver",
        );
        await picture.getByRole("button", { name: "2025-12-26 silver: stale" }).click();
        assertStringIncludes(await answer.innerText(), "deno task run --date 2025-12-26");
        const top = await page.locator("header").innerText();
        assertStringIncludes(top, "of 21 days need work.");
        assertStringIncludes(top, "deno task run --date 2025-12-26");
      }));
  },
);

browserTest(
  "HTML report of status: a day has the same place in each picture",
  async (browser) => {
    for (const [days, day] of [[21, "2025-12-16"], [200, "2025-12-22"]] as const) {
      await withHtmlFile(await reportOf(days), (url) =>
        browser.open(url, async (page) => {
          const places = await page.evaluate(`(() => {
            const spans = [...document.querySelectorAll(".wide svg")].map((svg) => {
              const { left, right } = svg.getBoundingClientRect();
              const ticks = [...svg.querySelectorAll('[data-mark="x-axis tick label"] text')];
              return [left, right, ...ticks.map((each) => each.getBoundingClientRect().x)].map(Math.round);
            });
            const bars = document.querySelectorAll('g[data-mark="rect"] rect');
            const cell = document.querySelector('[data-key="${day} bronze"]');
            const bar = bars[bars.length - 1 - (Date.parse("2025-12-28") - Date.parse("${day}")) / 864e5];
            return { spans, cell: cell.getBoundingClientRect(), bar: bar.getBoundingClientRect() };
          })()`) as { spans: number[][]; cell: DOMRect; bar: DOMRect };
          assertEquals(places.spans.length, 4);
          for (const span of places.spans) assertEquals(span, places.spans[0]);
          assert(places.bar.left >= places.cell.left - 1, "the bar of the day is in its column");
          assert(places.bar.right <= places.cell.right + 1, "the bar of the day is in its column");
        }));
    }
  },
);

browserTest("HTML report of status: every state has a sign and words", async (browser) => {
  await withHtmlFile(await reportOf(21), (url) =>
    browser.open(url, async (page) => {
      const legend = await page.getByRole("list", { name: "Legend" }).innerText();
      for (const word of ["sealed", "open", "missing", "without events", "stale", "quarantine"]) {
        assertStringIncludes(legend, word);
      }
      const labels = await page.getByRole("group", { name: "State of each day" })
        .getByRole("button").evaluateAll((all) =>
          all.map((each) => each.getAttribute("aria-label"))
        );
      const states = new Set(labels.map((label) => label!.split(": ")[1]));
      assertEquals(states.size, 8);
    }));
});

browserTest(
  "HTML report of status: no violation of accessibility, light and dark",
  async (browser) => {
    await withHtmlFile(await reportOf(21), async (url) => {
      for (const colorScheme of ["light", "dark"] as const) {
        await browser.open(url, async (page) => {
          await page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)");
          await page.getByRole("button", { name: "2025-12-08 bronze" }).click();
          assertEquals(await page.locator("img").count(), 0); // a note is HTML
          assertEquals(await violationsOn(page), []);
        }, { colorScheme });
      }
    });
  },
);

browserTest("status: --output html shows the days of a real lake", async (browser) => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(30)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", ["2025-12-28"], env)).code, 0);
  const path = await Deno.makeTempFile({ suffix: ".html" });
  try {
    const args = ["--from", "2025-12-27", "--to", "2025-12-28", "--output", `html=${path}`];
    const { code, stdout } = await runTask("status", args, env);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "2025-12-28");
    await browser.open(`file://${path}`, async (page) => {
      const picture = page.getByRole("group", { name: "State of each day" });
      assertEquals(
        await picture.getByRole("button", { name: "2025-12-27 bronze: missing" }).count(),
        1,
      );
      await picture.getByRole("button", { name: "2025-12-28 silver: sealed" }).click();
      const answer = await page.getByRole("region", { name: "The chosen day" }).innerText();
      assertMatch(answer, /bronze: sealed, 32 rows/);
      const [part] = (await lake.contents()).keys().filter((key) => /bronze\/.*part/.test(key));
      assertStringIncludes(answer, part!.slice(part!.indexOf("bronze/")));
    });
  } finally {
    await Deno.remove(path);
  }
});
