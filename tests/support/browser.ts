import fs from "node:fs";
import type { Browser, Locator, Page } from "playwright-core";
import { assertEquals } from "./assert.ts";

/** Where Debian's package `chromium` has its program. */
const CHROMIUM = "/usr/bin/chromium";

const NEEDS = "needs Chromium: apt-get install chromium";

const missing = await Deno.stat(CHROMIUM).then(() => undefined, () => NEEDS);

/** Without background networking, the browser asks no server of its own. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Milliseconds to wait for an element, also on a busy machine. */
const DEADLINE = 180_000;

/** How a page is opened. */
export interface View {
  readonly colorScheme?: "light" | "dark";
  readonly viewport?: { readonly width: number; readonly height: number };
  /** The errors in the console that the test causes. */
  readonly expected?: RegExp;
}

/** A browser of the suite. */
export interface TestBrowser {
  /**
   * Opens a page, and closes it after the use. The page must print no error, and must ask no server
   * but that of its own address.
   */
  open<T>(url: string, use: (page: Page) => Promise<T>, view?: View): Promise<T>;
  close(): Promise<void>;
}

/** The browser of the tests of this file. A start takes seconds. */
let shared: Promise<TestBrowser> | undefined;
let closes = false;

/**
 * Adds a test with a browser, which all tests of a file share. Without Chromium, the test fails in CI
 * and is ignored elsewhere. Playwright keeps resources of its own until the browser is closed.
 */
export function browserTest(
  name: string,
  run: (browser: TestBrowser, t: Deno.TestContext) => Promise<void>,
): void {
  if (missing !== undefined && Deno.env.get("CI") !== "true") {
    return Deno.test({ name: `${name} (${missing})`, ignore: true, fn() {} });
  }
  if (!closes) Deno.test.afterAll(async () => await (await shared)?.close());
  closes = true;
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn(t) {
      if (missing !== undefined) throw new Error(missing);
      shared ??= startBrowser();
      await run(await shared, t);
    },
  });
}

/** Starts Chromium without a window. */
export async function startBrowser(): Promise<TestBrowser> {
  const browser = await launch();
  return {
    async open(url, use, { expected, ...view } = {}) {
      const context = await browser.newContext({ ...view, acceptDownloads: false });
      context.setDefaultTimeout(DEADLINE);
      try {
        const page = await context.newPage();
        const faults: string[] = [];
        page.on("console", (message) => {
          const isFault = ["error", "warning"].includes(message.type());
          if (isFault && !expected?.test(message.text())) faults.push(message.text());
        });
        page.on("pageerror", (error) => faults.push(String(error)));
        page.on("dialog", (dialog) => {
          faults.push(`dialog: ${dialog.message()}`);
          dialog.dismiss().catch(() => {});
        });
        page.on("request", (request) => {
          const isOwn = url.startsWith("http")
            ? new URL(request.url()).origin === new URL(url).origin
            : request.url().replace(/#.*/, "") === url.replace(/#.*/, "");
          if (!isOwn) faults.push(`request: ${request.url().slice(0, 200)}`);
        });
        await page.goto(url);
        const result = await use(page);
        assertEquals(faults, []);
        return result;
      } finally {
        await context.close();
      }
    },
    close: () => browser.close(),
  };
}

async function launch(): Promise<Browser> {
  // While it loads, Playwright looks for a file in /proc, which Deno shows only to a process with all
  // permissions.
  const { existsSync } = fs;
  fs.existsSync = (path) => !String(path).startsWith("/proc/") && existsSync(path);
  try {
    const { chromium } = await import("playwright-core");
    return await chromium.launch({
      executablePath: CHROMIUM,
      headless: true,
      args: ARGUMENTS,
      timeout: DEADLINE,
    });
  } finally {
    fs.existsSync = existsSync;
  }
}

/**
 * Waits until a condition of a page holds. Playwright's own function for it needs `eval` in the page,
 * which the page forbids.
 */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE;
  while (!await holds()) {
    if (Date.now() > deadline) throw new Error(`It does not become true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const AXE = new URL("../../node_modules/axe-core/axe.min.js", import.meta.url);

/** Looks for violations of accessibility rules with axe-core, contrast among them. */
export async function violationsOn(page: Page): Promise<string[]> {
  await page.evaluate(await Deno.readTextFile(AXE));
  const found = await page.evaluate("axe.run()") as {
    violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
    passes: { id: string }[];
  };
  const passed = found.passes.map(({ id }) => id);
  assertEquals(["color-contrast", "document-title"].filter((id) => !passed.includes(id)), []);
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 5).map(({ target, failureSummary }) =>
      `${id}: ${target.join(" ")}: ${failureSummary}`
    )
  );
}

/** Writes a text as an HTML file, and removes the file after the use. */
export async function withHtmlFile<T>(
  text: string,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const path = await Deno.makeTempFile({ suffix: ".html" });
  try {
    await Deno.writeTextFile(path, text);
    return await use(`file://${path}`);
  } finally {
    await Deno.remove(path);
  }
}

/**
 * Opens a table of the report, and returns its rows. The browser reports the opening later than the
 * click, and only then does the page make the table.
 */
export async function openTable(page: Page, summary: string, name: string): Promise<Locator> {
  await page.getByText(summary).click();
  const table = page.getByRole("table", { name });
  await table.waitFor();
  return table.locator("tbody tr");
}
