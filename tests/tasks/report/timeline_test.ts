import { generatedEvents, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { preciseTime } from "../../../pipeline/progress.ts";
import { recordSteps } from "../../../tasks/days/recorded_steps.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { browserTest, violationsOn } from "../../support/browser.ts";
import { temporaryLake } from "../../support/lakes.ts";
import { outbox } from "../../support/postgres.ts";
import { environment, runTask } from "../../support/task.ts";

const DAY = "2025-12-28";

Deno.test("recordSteps: places work on the clock of the steps", () => {
  const recorded: Parameters<typeof recordSteps>[1] = {};
  const observer = recordSteps("bronze", recorded, { step() {}, progress() {} });
  const began = preciseTime();
  observer.work!({ kind: "put", began, ended: began + 500, busy: 250 });
  observer.step({ step: "commit", says: "", data: {} });
  const [work] = recorded.work!;
  assertEquals([work!.layer, work!.kind, work!.busy], ["bronze", "put", 0.25]);
  assert(Math.abs(work!.ended - work!.began - 0.5) < 0.001);
  const [step] = recorded.steps!;
  assert(step!.began <= work!.began && work!.began <= step!.ended, "the work began in the step");
});

Deno.test("recordSteps: keeps every step, and a bounded number of samples", () => {
  const recorded: Parameters<typeof recordSteps>[1] = {};
  let printed = 0;
  const observer = recordSteps("bronze", recorded, { step: () => printed++, progress() {} });
  for (let i = 0; i < 3; i++) observer.step({ step: "part", says: `part ${i}`, data: {} });
  for (let i = 0; i < 2000; i++) observer.progress({ rows: 10, of: 10, parts: 0 });
  assertEquals([printed, recorded.steps!.map(({ says }) => says)], [
    3,
    ["part 0", "part 1", "part 2"],
  ]);
  const [first, second] = recorded.steps!;
  assertEquals(first!.ended, second!.began);
  assert(recorded.samples!.length < 400 && recorded.samples!.length > 100);
  assert(recorded.samples!.every(({ memory, at }) => memory > 0 && at > 0));
});

browserTest("HTML report of run: the timeline and the checks of a real run", async (browser) => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(300)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const path = await Deno.makeTempFile({ suffix: ".html" });
  try {
    const { code, stdout } = await runTask("run", [DAY, "--output", `html=${path}`], env);
    assertEquals(code, 0);
    assertMatch(stdout, /bronze {2}commit/);
    for (const colorScheme of ["light", "dark"] as const) {
      await browser.open(`file://${path}`, async (page) => {
        const bars = page.getByRole("group", { name: `Steps of ${DAY}` }).getByRole("button");
        const labels = await bars.evaluateAll((all) =>
          all.map((each) => each.getAttribute("aria-label"))
        );
        for (
          const step of [
            "bronze fence",
            "bronze copy",
            "bronze encode",
            "bronze put",
            "bronze marker",
            "silver marker",
            "postflight checks",
          ]
        ) {
          assert(labels.some((label) => label!.includes(step)), `${step} in ${labels.join("; ")}`);
        }
        for (const name of ["Rows per second", "Memory of the process"]) {
          assertEquals(await page.getByRole("img", { name }).count(), 1);
        }
        const region = page.getByRole("region", { name: "The chosen step" });
        await bars.first().focus();
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("Enter");
        assertMatch(await region.innerText(), /bronze/);
        const sides = async (name: RegExp) =>
          (await page.getByRole("button", { name }).first().boundingBox())!;
        const [copy, encode, put, marker] = await Promise.all(
          [/^bronze copy/, /^bronze encode/, /^bronze put/, /^bronze marker/].map(sides),
        );
        const rightOf = ({ x, width }: { x: number; width: number }) => x + width;
        assert(encode!.x >= copy!.x && encode!.x <= rightOf(copy!), "encode begins within copy");
        assert(put!.x >= rightOf(encode!) - 5, "the only part is stored when it is encoded");
        assert(marker!.x >= rightOf(put!) - 5, "the marker is stored after the part");
        await page.getByRole("button", { name: /^bronze marker/ }).click();
        assertStringIncludes(await region.innerText(), "_commit.json, sealed");
        await page.getByText(`The steps of ${DAY} as a table`).click();
        assert(
          await page.getByRole("table", { name: `Steps of ${DAY}` }).locator("tr").count() > 5,
        );
        assertEquals(await page.getByRole("heading", { name: `Checks of ${DAY}` }).count(), 1);
        assert(await page.locator("article.check.pass").count() > 5);
        assertEquals(await violationsOn(page), []);
      }, { colorScheme });
    }
  } finally {
    await Deno.remove(path);
  }
});

browserTest("HTML report of run and postflight: several days", async (browser) => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(30)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const path = await Deno.makeTempFile({ suffix: ".html" });
  const range = ["--from", "2025-12-27", "--to", DAY, "--output", `html=${path}`];
  try {
    assertEquals((await runTask("run", range, env)).code, 0);
    await browser.open(`file://${path}`, async (page) => {
      assertEquals(await page.getByRole("table", { name: "Days" }).locator("tbody tr").count(), 2);
      await page.getByLabel("Day:").selectOption(DAY);
      assertEquals(await page.getByRole("group", { name: `Steps of ${DAY}` }).count(), 1);
    });
    await db.query("DELETE FROM stop_events WHERE operation_id = 1");
    const failed = await runTask("run", [DAY, "--output", `html=${path}`], env);
    assertEquals(failed.code, 1);
    await browser.open(`file://${path}`, async (page) => {
      const text = await page.locator("#pictures").innerText();
      assertStringIncludes(text, `${DAY} failed`);
      assertStringIncludes(text, "Cannot "); // the message in the terminal
    });
    assertEquals((await runTask("postflight", [...range, "--keep-going"], env)).code, 1);
    await browser.open(`file://${path}`, async (page) => {
      assertEquals(await page.title(), "postflight 2025-12-27 · deep-storage");
      const titles = await page.getByRole("heading", { level: 2 }).allTextContents();
      assertEquals(titles, ["Checks of 2025-12-27", `Checks of ${DAY}`]);
      assert(await page.locator("article.check.fail").count() > 0);
    });
  } finally {
    await Deno.remove(path);
  }
});
