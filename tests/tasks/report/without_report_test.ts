import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { browserTest, violationsOn } from "../../support/browser.ts";
import { runTask, startTask } from "../../support/task.ts";

/** A file with an old report, in a folder of its own. */
async function oldReport(name: string) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/${name}`;
  await Deno.writeTextFile(path, "the old report ".repeat(1000));
  return {
    folder,
    path,
    read: () => Deno.readTextFile(path),
    async [Symbol.asyncDispose]() {
      await Deno.chmod(folder, 0o700); // a test may have closed it
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const PASSWORD = "s3cr3t/p4ss word";

/** A lake that does not exist, and a database that nothing serves. */
const NOWHERE = {
  DJANGO_DB_HOST: "127.0.0.1",
  DJANGO_DB_PORT: "1",
  DJANGO_DB_NAME: "rbsdb",
  DJANGO_DB_USER: "robson",
  DJANGO_DB_PASSWORD: PASSWORD,
  LAKE_URL: "file:///no/such/lake",
};

browserTest("HTML report: a command that fails replaces an old report", async (browser) => {
  const manifests = ["--manifests", "/no/such/folder"];
  const cases: [string, string[], number, Record<string, string>, RegExp][] = [
    ["status", [], 2, NOWHERE, /no\/such\/lake/],
    ["run", ["2025-12-28"], 2, NOWHERE, /no\/such\/lake/],
    ["bronze", ["2025-12-28"], 2, {}, /DJANGO_DB_/],
    ["postflight", ["--timeout", "x"], 2, NOWHERE, /--timeout/],
    ["reach", ["--matrix", ...manifests], 2, {}, /no\/such\/folder/],
    ["preflight", ["--facts", "manifests", ...manifests], 2, {}, /no\/such\/folder/],
  ];
  for (const [task, args, exitCode, env, message] of cases) {
    await using old = await oldReport("report.html");
    const { code, stderr } = await runTask(task, [...args, "--output", `html=${old.path}`], env);
    assertEquals([task, code, stderr.length > 0], [task, exitCode, true]);
    await browser.open(`file://${old.path}`, async (page) => {
      assertEquals(await page.title(), `${task} failed · deep-storage`);
      const text = await page.locator("body").innerText();
      assertStringIncludes(text, `Exit code: ${exitCode}`);
      assertMatch(text, message);
      assertMatch(stderr.replace(/\n/g, " "), message);
      const all = await page.content();
      for (const each of [PASSWORD, encodeURIComponent(PASSWORD), "old report"]) {
        assert(!all.includes(each), `${task}: ${each}`);
      }
      assertEquals(await violationsOn(page), []);
    });
  }
});

browserTest("HTML report: the failure inside of the worker has its message", async (browser) => {
  await using lake = await oldReport("report.html");
  const env = { ...NOWHERE, LAKE_URL: `file://${lake.folder}` };
  const args = ["yesterday", "--output", `html=${lake.path}`];
  const { code, stderr } = await runTask("run", args, env);
  assertEquals(code, 3);
  await browser.open(`file://${lake.path}`, async (page) => {
    const text = await page.locator("pre").innerText();
    assertStringIncludes(text, "127.0.0.1:1");
    assertStringIncludes(stderr, text.split("\n")[0]!);
  });
});

Deno.test("HTML report: a command that Ctrl-C or a signal ends leaves no old report", async () => {
  for (
    const [signal, title] of [
      ["SIGINT", "<title>run was interrupted"],
      ["SIGKILL", "<title>run has not finished"],
    ] as const
  ) {
    // Accepts, and sends nothing. Each command has its own, so that no connection is an earlier one.
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const env = { ...NOWHERE, DJANGO_DB_PORT: String(listener.addr.port) };
    await using old = await oldReport("report.html");
    const args = ["yesterday", "--output", `html=${old.path}`];
    const task = startTask("run", args, { ...env, LAKE_URL: `file://${old.folder}` });
    const connection = await listener.accept();
    assertStringIncludes(await old.read(), "<title>run has not finished");
    task.kill(signal);
    const outcome = await task.outcome;
    connection.close();
    if (signal === "SIGINT") assertEquals(outcome.code, 130);
    const text = await old.read();
    assertStringIncludes(text, title);
    assertEquals(text.includes("the old report"), false);
  }
});

Deno.test("preflight: a failure replaces old reports in every format", async () => {
  for (const format of ["json", "junit", "text", "github"]) {
    await using old = await oldReport("report");
    const args = ["--manifests", "/no/such/folder", "--output", `${format}=${old.path}`];
    const { code } = await runTask("preflight", args);
    assertEquals(code, 2);
    const text = await old.read();
    assertEquals(text.includes("the old report"), false);
    if (format !== "json") continue;
    const { exitCode, message } = JSON.parse(text);
    assertEquals(exitCode, 2);
    assertStringIncludes(message, "/no/such/folder");
  }
});

Deno.test("preflight: a failure replaces the metrics of an earlier run", async () => {
  await using old = await oldReport("preflight.prom");
  const args = ["--manifests", "/no/such/folder", "--metrics-file", old.path];
  assertEquals((await runTask("preflight", args)).code, 2);
  const text = await old.read();
  assertStringIncludes(text, 'deep_storage_run_exit_code{command="preflight"} 2\n');
  assertEquals(/old report|check_verdict/.test(text), false);
});

Deno.test("--output and --metrics-file: a file that cannot be written is refused before the work", async () => {
  await using old = await oldReport("report.html");
  await Deno.chmod(old.folder, 0o555);
  // Root can write into every folder, but no file has such a long name.
  const closed = Deno.uid() === 0 ? `${old.folder}/${"x".repeat(253)}` : `${old.folder}/x`;
  const day = "2025-12-28";
  const cases = [
    ["preflight", "--facts", "manifests", "--output", `junit=${closed}.xml`],
    ["preflight", "--facts", "manifests", "--output", `html=${closed}.html`],
    ["preflight", "--facts", "manifests", "--metrics-file", `${closed}.prom`],
    ["run", day, "--output", `html=${closed}.html`],
    ["run", day, "--metrics-file", `${closed}.prom`],
    ["status", "--metrics-file", `${closed}.prom`],
    ["reach", "--matrix", "--output", `html=${closed}.html`],
  ];
  for (const [task, ...args] of cases) {
    const { code, stdout, stderr } = await runTask(task!, args, NOWHERE);
    assertEquals([task, args, code, stdout], [task, args, 2, ""]);
    assertMatch(stderr, /writable/);
  }
});

Deno.test("--output: a refused command line changes no file", async () => {
  await using old = await oldReport("report.html");
  const before = await old.read();
  const args = ["--output", `html=${old.path}`, "--output", "pdf"];
  assertEquals((await runTask("preflight", args)).code, 2);
  assertEquals(await old.read(), before);
});
