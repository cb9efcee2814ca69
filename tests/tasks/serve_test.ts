import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { answer } from "../../tasks/serve/answer.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { browserTest, openTable, until, violationsOn } from "../support/browser.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { publish } from "../support/published_days.ts";
import { environment, runTask, spawnTask, startTask } from "../support/task.ts";

/** Starts the task on a free port, and ends it with Ctrl-C on disposal. */
async function startServer(env: Readonly<Record<string, string>>) {
  const child = spawnTask("serve", ["--port", "0", "--interval", "1"], env);
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let ended: ReturnType<typeof end> | undefined;
  const end = async () => {
    child.kill("SIGINT");
    return { code: (await child.status).code, stderr: await errors };
  };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`serve did not start: ${await errors}`);
    text += value;
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0];
    if (url === undefined) continue;
    await reader.cancel();
    return {
      url,
      /** Ends the task, if it still runs. */
      end: () => ended ??= end(),
    };
  }
}

function request(url: string, init: RequestInit & { readonly host?: string } = {}): Request {
  const { host = new URL(url).host, ...rest } = init;
  return new Request(url, { ...rest, headers: { host } });
}

Deno.test("serve: answers only to its own name, and only reads", async () => {
  let rendered = 0;
  const render = (isUpdate: boolean) =>
    Promise.resolve({ html: `${isUpdate ? "update" : "page"} ${++rendered}`, isRead: true });
  const url = "http://127.0.0.1:9878/";
  const status = async (...how: Parameters<typeof request>) =>
    (await answer(request(...how), 9878, render)).status;
  assertEquals(await status(url), 200);
  assertEquals(await status("http://localhost:9878/"), 200);
  for (const host of ["evil.example", "evil.example:9878", "127.0.0.1", "127.0.0.1:80", ""]) {
    assertEquals([host, await status(url, { host })], [host, 421]);
  }
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    assertEquals([method, await status(url, { method })], [method, 405]);
  }
  assertEquals(await status(`${url}preflight`), 404);
  assertEquals(rendered, 2);
  const update = await answer(request(`${url}update`), 9878, render);
  assertEquals(await update.text(), "update 3");
  const { headers } = await answer(request(url), 9878, render);
  assertEquals([headers.get("cache-control"), headers.get("x-frame-options")], [
    "no-store",
    "DENY",
  ]);
  const failing = () => Promise.resolve({ html: "why", isRead: false });
  const failed = await answer(request(url), 9878, failing);
  assertEquals([failed.status, await failed.text()], [503, "why"]);
  // An update is read by the page, and a status of failure would be an error in its console.
  assertEquals((await answer(request(`${url}update`), 9878, failing)).status, 200);
});

browserTest(
  "serve: an update keeps the place, and draws nothing without a change",
  async (browser) => {
    await using lake = await temporaryLake();
    for (const day of ["2025-11-27", "2025-11-28"]) await publish(lake, parseDay(day)!, 2);
    const server = await startServer({ LAKE_URL: `file://${lake.path}` });
    try {
      await browser.open(server.url, async (page) => {
        const cell = (name: string) => page.getByRole("button", { name });
        await cell("2025-11-28 silver: sealed").click();
        await openTable(page, "All days as a table", "The lake by day");
        await page.evaluate(
          "scrollTo(0, 200); document.querySelector('#pictures svg').dataset.first = 'yes'",
        );
        const ageOf = async () => Number(await page.locator("#live").getAttribute("data-age"));
        const age = await ageOf();
        await until("the page has newer data", async () => await ageOf() !== age);
        assertEquals(await page.locator("#pictures svg[data-first]").count(), 1, "it drew again");

        await publish(lake, parseDay("2025-11-26")!, 2);
        await cell("2025-11-26 bronze: sealed").waitFor({ state: "attached" });
        assertEquals(await page.locator("#pictures svg[data-first]").count(), 0);
        const place = await page.evaluate(`[
        document.querySelector('[aria-pressed="true"]').dataset.key,
        document.activeElement.tagName,
        document.querySelector("details.as-table").open,
        scrollY,
      ]`);
        assertEquals(place, ["2025-11-28 silver", "SUMMARY", true, 200]);
        const answer = await page.getByRole("region", { name: "The chosen day" }).innerText();
        assertStringIncludes(answer, "silver: sealed, ");
      });
    } finally {
      await server.end();
    }
  },
);

browserTest(
  "serve: says when the lake or the server cannot be reached, and goes on",
  async (browser) => {
    await using lake = await temporaryLake();
    await publish(lake, parseDay("2025-11-28")!, 2);
    const server = await startServer({ LAKE_URL: `file://${lake.path}` });
    const hidden = `${lake.path}-hidden`;
    try {
      await browser.open(server.url, async (page) => {
        const alert = page.getByRole("alert");
        await Deno.rename(lake.path, hidden);
        await Deno.writeTextFile(lake.path, "no directory");
        await alert.filter({ hasText: "The lake could not be read." }).waitFor();
        assertEquals(await page.getByRole("button", { name: "2025-11-28 bronze" }).count(), 1);
        assertEquals(await violationsOn(page), []);
        await Deno.remove(lake.path);
        await Deno.rename(hidden, lake.path);
        await until("the page reads again", async () => await alert.textContent() === "");
        await page.getByRole("button", { name: "2025-11-28 bronze" }).waitFor();
        await server.end();
        await alert.filter({ hasText: "The server does not answer" }).waitFor();
        assertEquals(await page.getByRole("button", { name: "2025-11-28 bronze" }).count(), 1);
      }, { expected: /Failed to load resource/ });
    } finally {
      await server.end();
    }
  },
);

browserTest("serve: shows the state of a real lake, live, and ends at Ctrl-C", async (browser) => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const server = await startServer(env);
  try {
    await browser.open(server.url, async (page) => {
      const cell = (name: string) =>
        page.getByRole("group", { name: "State of each day" }).getByRole("button", { name });
      assertEquals(await cell("2025-12-28 bronze: missing").count(), 1);
      assertEquals((await runTask("run", ["2025-12-28"], env)).code, 0);
      const before = await lake.contents();
      await cell("2025-12-28 silver: sealed").waitFor(); // the page updates itself
      assertMatch(
        await page.locator("#live").innerText(),
        /^Read \d+ s ago\. The page updates itself/,
      );
      const runs = await page.getByRole("region", { name: "Last runs" }).innerText();
      assertMatch(runs, /2025-12-28\s+silver\s+sealed/);
      const html = await page.content();
      assertEquals(html.includes(db.config.password), false);
      assertEquals(await violationsOn(page), []);
      assertEquals(await lake.contents(), before);
    });
    const other = await fetch(server.url, { method: "POST", body: "x" });
    await other.body?.cancel();
    assertEquals(other.status, 405);
  } finally {
    assertEquals(await server.end(), { code: 0, stderr: "" });
  }
});

for (const [name, ...args] of [["serve", "--port", "0"], ["exporter", "--listen", "127.0.0.1:0"]]) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.test(`${name}: ${signal} is its end, so it exits with 0 and asks for no other run`, async () => {
      await using lake = await temporaryLake();
      const task = startTask(name!, args, { LAKE_URL: `file://${lake.path}` });
      await until("the server listens", () => Promise.resolve(task.printed().includes("http://")));
      task.kill(signal);
      const { code, stderr } = await task.outcome;
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
    });
  }
}

Deno.test("serve: refuses a port that is none, and one in use", async () => {
  await using lake = await temporaryLake();
  const env = { LAKE_URL: `file://${lake.path}` };
  assertEquals((await runTask("serve", ["--port", "99999"], env)).code, 2);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, stderr } = await runTask("serve", ["--port", String(listener.addr.port)], env);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "another program listens there");
});
