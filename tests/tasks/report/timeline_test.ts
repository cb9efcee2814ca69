import { generatedEvents, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { preciseTime } from "../../../pipeline/progress.ts";
import { recordSteps } from "../../../tasks/days/recorded_steps.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { browserTest, openTable, violationsOn } from "../../support/browser.ts";
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

Deno.test("recordSteps: keeps a bounded number of works, which cover the same time", () => {
  const recorded: Parameters<typeof recordSteps>[1] = {};
  const observer = recordSteps("silver", recorded, { step() {}, progress() {} });
  const start = preciseTime();
  // Two uploads at the same time, one pair after the other, with a pause after each pair.
  const pairs = 1500;
  for (let i = 0; i < 2 * pairs; i++) {
    const began = start + 10 * Math.floor(i / 2);
    observer.work!({ kind: "put", began, ended: began + 8, busy: 8 });
  }
  const works = recorded.work!;
  assert(works.length < 400 && works.length >= 200, `${works.length} works`);
  const [first, last] = [works[0]!, works.at(-1)!];
  assert(Math.abs(last.ended - first.began - (10 * pairs - 2) / 1000) < 0.001);
  const busy = works.reduce((sum, work) => sum + work.busy, 0);
  assert(busy >= 8 * pairs / 1000 - 0.001 && busy <= last.ended - first.began, `${busy} s`);
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
            "silver put",
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
        const puts = page.getByRole("button", { name: /^silver put/ });
        const silverPut = (await puts.last().boundingBox())!;
        const silverMarker = await sides(/^silver marker/);
        assert(silverPut.y > marker!.y, "silver comes after bronze");
        assert(
          silverMarker.y > silverPut.y,
          "the row of silver's marker is below that of its parts",
        );
        assert(silverMarker.x >= rightOf(silverPut) - 5, "the marker is stored after the parts");
        await puts.last().click(); // the bar in front of the others
        assertMatch(await region.innerText(), /Stored a part.* parts? for \d+ clients?/);
        await page.getByRole("button", { name: /^bronze marker/ }).click();
        assertStringIncludes(await region.innerText(), "_commit.json, sealed");
        const steps = await openTable(page, `The steps of ${DAY} as a table`, `Steps of ${DAY}`);
        assert(await steps.count() > 5);
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

browserTest("HTML report of silver: each part has a bar", async (browser) => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(300)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const path = await Deno.makeTempFile({ suffix: ".html" });
  try {
    assertEquals((await runTask("bronze", [DAY], env)).code, 0);
    const { code, stdout } = await runTask("silver", [DAY, "--output", `html=${path}`], env);
    assertEquals(code, 0);
    const [, parts] = /parts {7}(\d+) parts? for/.exec(stdout) ?? [];
    assert(Number(parts) > 1, stdout);
    await browser.open(`file://${path}`, async (page) => {
      const bars = page.getByRole("group", { name: `Steps of ${DAY}` });
      assertEquals(await bars.getByRole("button", { name: /^silver put/ }).count(), Number(parts));
      const text = await page.locator("#pictures").innerText();
      assertStringIncludes(text, "Put overlaps the other steps");
      assert(!text.includes("Copy"), text);
      assertEquals(await violationsOn(page), []);
    });
  } finally {
    await Deno.remove(path);
  }
});
