import type { Page } from "playwright-core";
import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import type { About, Content } from "../../../tasks/report/content.ts";
import { renderDocument } from "../../../tasks/report/document.ts";
import { readTemplate } from "../../../tasks/report/template.ts";
import { startBrowser, type TestBrowser, withHtmlFile } from "../../support/browser.ts";
import { temporaryLake } from "../../support/lakes.ts";
import { outbox } from "../../support/postgres.ts";
import { calendarOf, HOSTILE, RESULTS } from "../../support/report_content.ts";
import { environment, runTask } from "../../support/task.ts";

// Makes the pictures of docs/report.md with the browser of the suite. Run it after a change of the
// page: deno test -P tests/tasks/report/pictures.ts

const PICTURES = new URL("../../../docs/pictures/", import.meta.url);

/** The part of a page that a picture shows. */
interface Part {
  /** The height in pixels. */
  readonly height: number;
  /** The element at the top of the picture; absent for the top of the page. */
  readonly from?: string;
}

/** The largest size of a picture in bytes. */
const MOST_BYTES = 200_000;

Deno.test({
  name: "pictures of the report",
  // Playwright keeps resources of its own until the browser is closed.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await Deno.mkdir(PICTURES, { recursive: true });
    const browser = await startBrowser();
    try {
      await takeChecks(browser);
      await takeCalendar(browser);
      const matrix = { height: 1000 };
      await takeOfCommand(browser, "connections", "reach", ["--matrix"], matrix, async (page) => {
        const picture = page.getByRole("group", { name: "Connections by" });
        await picture.getByRole("button").first().click();
      });
      const graph = { from: "#graph", height: 420 };
      await takeOfCommand(browser, "graph", "reach", ["--matrix"], graph, async (page) => {
        const picture = page.getByRole("group", { name: "Connections of" });
        await picture.getByRole("button", { name: /^Job\// }).click();
      });
      await takeTimeline(browser);
    } finally {
      await browser.close();
    }
  },
});

async function takeChecks(browser: TestBrowser): Promise<void> {
  const results = RESULTS.filter(({ id }) => id !== "late-writers").map((result) => ({
    ...result,
    findings: result.findings.filter(({ object }) => object !== HOSTILE),
  }));
  await takeOf(browser, "checks", {
    command: "preflight",
    about: aboutOf("deno task preflight --output html=preflight.html"),
    exit: { code: 1, means: "a check failed or the data is wrong" },
    checks: [{ command: "preflight", results, exitCode: 1 }],
  }, { height: 1000 });
}

async function takeCalendar(browser: TestBrowser): Promise<void> {
  await takeOf(
    browser,
    "calendar",
    {
      command: "status",
      about: aboutOf("deno task status --output html=lake.html"),
      exit: { code: 0, means: "success" },
      calendar: calendarOf(200),
    },
    { height: 1560 },
    async (page) => {
      await page.getByRole("button", { name: "2025-12-22 bronze" }).click();
    },
  );
}

async function takeTimeline(browser: TestBrowser): Promise<void> {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(20_000)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  await takeOfCommand(
    browser,
    "timeline",
    "run",
    ["2025-12-28"],
    { height: 1000 },
    async (page) => {
      await page.getByRole("button", { name: /^bronze copy/ }).click();
    },
    env,
  );
}

function aboutOf(commandLine: string): About {
  const lake = ["lake", "s3://rbs at https://eu2.contabostorage.com (default)"] as const;
  return { commandLine, version: "1.0.0", lookedAt: [lake] };
}

async function takeOf(
  browser: TestBrowser,
  name: string,
  content: Omit<Content, "made">,
  part: Part,
  prepare?: (page: Page) => Promise<void>,
): Promise<void> {
  const template = await readTemplate(DEFAULT_PROJECT, true);
  const text = await renderDocument({ ...content, made: "2025-12-29 04:00:10" }, template);
  await withHtmlFile(text, (url) => take(browser, name, url, part, prepare));
}

async function takeOfCommand(
  browser: TestBrowser,
  name: string,
  task: string,
  args: readonly string[],
  part: Part,
  prepare: (page: Page) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".html" });
  try {
    const { code, stderr } = await runTask(task, [...args, "--output", `html=${path}`], env);
    if (code !== 0) throw new Error(stderr);
    await take(browser, name, `file://${path}`, part, async (page) => {
      await namePlaces(page, `${task}.html`);
      await prepare(page);
    });
  } finally {
    await Deno.remove(path);
  }
}

async function take(
  browser: TestBrowser,
  name: string,
  url: string,
  { height, from }: Part,
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<void> {
  await browser.open(url, async (page) => {
    await prepare(page);
    const path = new URL(`${name}.png`, PICTURES).pathname;
    await page.evaluate("scrollTo(0, 0)");
    const top = from === undefined ? 0 : (await page.locator(from).boundingBox())!.y - 10;
    const clip = { x: 0, y: top, width: 1100, height };
    await page.screenshot({ path, fullPage: true, clip });
    const { size } = await Deno.stat(path);
    if (size > MOST_BYTES) throw new Error(`${path} has ${size} bytes`);
  }, { viewport: { width: 1100, height: 1000 } });
}

/** Names places and files that do not depend on this machine. */
async function namePlaces(page: Page, file: string): Promise<void> {
  const names = { database: "robson@db.example:5432/rbsdb", lake: "/var/lib/lake" };
  await page.evaluate(`
    for (const [what, name] of Object.entries(${JSON.stringify(names)})) {
      const title = [...document.querySelectorAll(".about dt")].find((each) => each.textContent === what);
      if (title) title.nextElementSibling.querySelector("code").textContent = name;
    }
    const command = document.querySelector(".about code");
    command.textContent = command.textContent.replace(/html=.*/, "html=${file}");
  `);
}
