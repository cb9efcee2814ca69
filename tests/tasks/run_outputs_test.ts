import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask } from "../support/task.ts";

// The files of `--output FORMAT=FILE` of the commands that work through days, and of status and reach.

const RANGE = ["--from", "2025-12-28", "--to", "2025-12-29"];

const LATE_EVENT = `
  INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                           event_type, source)
  VALUES ('99999999-9999-4999-8999-999999999999', 99, '2025-12-28T15:00:00Z', 9, 1, 'BTCUSDC',
          'EXECUTED', 'manual')`;

/** A folder, and a flag for a file in it. */
async function folder() {
  const path = await Deno.makeTempDir();
  return {
    flags: (...formats: string[]) =>
      formats.flatMap((each) => ["--output", `${each}=${path}/${each}`]),
    read: (format: string) => Deno.readTextFile(`${path}/${format}`),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test("run: writes each format into a file beside the text of the terminal", async () => {
  await using db = await outbox({
    events: [RUNBOOK_EVENTS, generatedEvents(7, { day: "2025-12-29" })],
  });
  await using lake = await temporaryLake();
  await using files = await folder();
  const env = environment(db.config, lake.path);
  const flags = files.flags("text", "json", "junit", "html");
  const { code, stdout, stderr } = await runTask("run", [...RANGE, ...flags], env);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(await files.read("text"), stdout);
  const lines = (await files.read("json")).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    lines.filter(({ step }) => step === "commit").map(({ command, date }) => `${command} ${date}`),
    ["bronze 2025-12-28", "silver 2025-12-28", "bronze 2025-12-29", "silver 2025-12-29"],
  );
  assertEquals(lines.filter(({ results }) => results !== undefined).length, 2);
  assertEquals([lines.at(-1).step, lines.at(-1).exitCode], ["days", 0]);
  const junit = await files.read("junit");
  assertEquals(junit.match(/<testsuite name=".*?"/g), [
    '<testsuite name="run 2025-12-28"',
    '<testsuite name="run 2025-12-29"',
  ]);
  assertMatch(junit, /<testsuites name="run" tests="\d+" failures="0" errors="0" skipped="0"/);
  assertStringIncludes(await files.read("html"), "<title>run");
});

Deno.test("run --output junit: prints only XML, in which a day that was not started is skipped", async () => {
  await using db = await outbox({
    events: [RUNBOOK_EVENTS, generatedEvents(7, { day: "2025-12-29" })],
  });
  await using lake = await temporaryLake();
  await using files = await folder();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", ["2025-12-28"], env)).code, 0);
  await db.query(LATE_EVENT);
  const flags = ["--output", "junit", ...files.flags("text", "json", "junit")];
  const { code, stdout, stderr } = await runTask("run", [...RANGE, ...flags], env);
  assertEquals(code, 1);
  assertMatch(stdout, /^<\?xml [^]*<\/testsuites>\n$/);
  const withoutTimes = (xml: string) => xml.replaceAll(/ time="[\d.]+"/g, "");
  assertEquals(withoutTimes(await files.read("junit")), withoutTimes(stdout));
  assertMatch(
    stdout,
    /<testcase classname="run.2025-12-28" name="bronze" time="[\d.]+">\n +<failure/,
  );
  assertMatch(stdout, /<testcase classname="run.2025-12-29" name="bronze">\n +<skipped/);
  assertMatch(stdout, /tests="6" failures="1" errors="0" skipped="5"/);
  const event = "99999999-9999-4999-8999-999999999999";
  for (const text of [stdout, stderr, await files.read("text"), await files.read("json")]) {
    assertStringIncludes(text, event);
  }
});

Deno.test("postflight --output junit: has a suite per day, and an error if the database is down", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", RANGE, env)).code, 0);
  const args = [...RANGE, "--keep-going", "--output", "junit"];
  const passed = await runTask("postflight", args, env);
  assertEquals([passed.code, passed.stderr], [0, ""]);
  assertEquals(passed.stdout.match(/<testsuite /g)?.length, 2);
  assert(!/<(failure|error)\b/.test(passed.stdout), passed.stdout);
  const down = await runTask("postflight", args, { ...env, DJANGO_DB_PORT: "1" });
  assertEquals(down.code, 3);
  for (const day of ["2025-12-28", "2025-12-29"]) {
    assertMatch(
      down.stdout,
      new RegExp(`classname="postflight.${day}.bronze" name="[^"]*"[^>]*>\\n +<error`),
    );
  }
});

Deno.test("run: a failure before the first day is an error in the file of JUnit", async () => {
  await using files = await folder();
  const env = { LAKE_URL: "file:///no/such/lake", DJANGO_DB_PASSWORD: "p" };
  for (const command of ["bronze", "silver", "run", "postflight"]) {
    const { code } = await runTask(command, ["2025-12-28", ...files.flags("junit")], env);
    assertEquals(code, 2);
    const junit = await files.read("junit");
    assertMatch(junit, /tests="1" failures="0" errors="1"/);
    assertMatch(junit, /<error message=".* exit code 2.*">[^]*no\/such\/lake[^]*<\/error>/);
  }
});

Deno.test("status: writes text and JSON into files", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await using files = await folder();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("bronze", ["2025-12-28"], env)).code, 0);
  const args = ["2025-12-28", ...files.flags("text", "json")];
  const { code, stdout } = await runTask("status", args, env);
  assertEquals([code, await files.read("text")], [0, stdout]);
  const json = await runTask("status", ["2025-12-28", "--output", "json"], env);
  assertEquals(await files.read("json"), json.stdout);
});

Deno.test("reach: writes text, JSON and lines of JSON into files", async () => {
  const formats = ["text", "json", "ndjson"];
  const flow = [
    "--from",
    "analytics-jobs/bronze-ingest-manual",
    "--to",
    "10.43.0.1",
    "--port",
    "443",
  ];
  for (const question of [flow, ["--matrix"]]) {
    await using files = await folder();
    const { code, stdout } = await runTask("reach", [...question, ...files.flags(...formats)]);
    assertEquals(await files.read("text"), stdout);
    for (const format of formats) {
      const alone = await runTask("reach", [...question, "--output", format]);
      assertEquals([alone.code, await files.read(format)], [code, alone.stdout]);
    }
  }
});
