import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { answer } from "../../tasks/serve/answer.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { browserTest, violationsOn } from "../support/browser.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask, spawnTask } from "../support/task.ts";

/** Starts the task on a free port, and ends it with Ctrl-C on disposal. */
async function startServer(env: Readonly<Record<string, string>>) {
  const child = spawnTask("serve", ["--port", "0", "--interval", "1"], env);
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`serve did not start: ${await errors}`);
    text += value;
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0];
    if (url === undefined) continue;
    await reader.cancel();
    return {
      url,
      async end() {
        child.kill("SIGINT");
        return { code: (await child.status).code, stderr: await errors };
      },
    };
  }
}

function request(url: string, init: RequestInit & { readonly host?: string } = {}): Request {
  const { host = new URL(url).host, ...rest } = init;
  return new Request(url, { ...rest, headers: { host } });
}

Deno.test("serve: answers only to its own name, and only reads", async () => {
  let rendered = 0;
  const render = () => Promise.resolve(`page ${++rendered}`);
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
  const { headers } = await answer(request(url), 9878, render);
  assertEquals([headers.get("cache-control"), headers.get("x-frame-options")], [
    "no-store",
    "DENY",
  ]);
  const failed = await answer(request(url), 9878, () => Promise.resolve(undefined));
  assertEquals(failed.status, 503);
});

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
      const deadline = Date.now() + 60_000;
      while (await cell("2025-12-28 bronze: sealed").count() === 0) {
        assert(Date.now() < deadline, "the page still shows the old state");
        await page.getByRole("link", { name: "Read the lake again" }).click();
        await page.getByRole("group", { name: "State of each day" }).waitFor();
      }
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
    const { code, stderr } = await server.end();
    assertEquals(code, 130);
    assertStringIncludes(stderr, "Interrupted");
  }
});

Deno.test("serve: refuses a port that is none, and one in use", async () => {
  await using lake = await temporaryLake();
  const env = { LAKE_URL: `file://${lake.path}` };
  assertEquals((await runTask("serve", ["--port", "99999"], env)).code, 2);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, stderr } = await runTask("serve", ["--port", String(listener.addr.port)], env);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "another program listens there");
});
