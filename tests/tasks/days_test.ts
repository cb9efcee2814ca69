import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { onOneDay } from "../support/one_day.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask } from "../support/task.ts";

// Commands for several days: the selected days, their order, and the exit code.

const LATE_EVENT = `
  INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                           event_type, source)
  VALUES ('99999999-9999-4999-8999-999999999999', 99, '2025-12-28T15:00:00Z', 9, 1, 'BTCUSDC',
          'EXECUTED', 'manual')`;

const NEXT_DAY = generatedEvents(7, { day: "2025-12-29" });

const json = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line));

Deno.test("days: accept a day as argument like --date", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const first = await runTask("run", ["2025-12-28"], env);
  assertEquals([first.code, first.stderr], [0, ""]);
  const before = await lake.contents();
  for (const task of ["bronze", "silver", "postflight"]) {
    assertEquals((await runTask(task, ["2025-12-28"], env)).code, 0, task);
  }
  assertEquals(await lake.contents(), before);
});

Deno.test("days: take today and yesterday from the database's clock, in flags and in JOB_DATE", () =>
  onOneDay(async () => {
    await using db = await outbox();
    await using lake = await temporaryLake();
    const env = environment(db.config, lake.path);
    const [row] = await db.query(`
      SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today,
             to_char((now() - interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS yesterday`);
    const runs: [string[], Record<string, string>, string][] = [
      [["yesterday"], {}, row!.yesterday!],
      [["--date", "yesterday"], {}, row!.yesterday!],
      [[], { JOB_DATE: "yesterday" }, row!.yesterday!],
      [["--date", "today"], {}, row!.today!],
      [[], {}, row!.today!],
    ];
    for (const [args, more, day] of runs) {
      const task = await runTask("bronze", [...args, "--output", "json"], { ...env, ...more });
      assertEquals(task.code, 0, task.stdout);
      assertEquals(new Set(json(task.stdout).map(({ date }) => date)), new Set([day]));
    }
  }));

Deno.test("days: --from and --to run the oldest day first, with headings and a table", async () => {
  const days = ["2025-12-27", "2025-12-28", "2025-12-29"];
  const events = days.map((day, seed) => generatedEvents(20 + seed, { day, seed }));
  await using db = await outbox({ events });
  await using lake = await temporaryLake();
  const { code, stdout, stderr } = await runTask(
    "run",
    ["--from", "2025-12-27", "--to", "2025-12-29"],
    environment(db.config, lake.path),
  );
  assertEquals([code, stderr], [0, ""]);
  const headings = stdout.match(/^\d{4}-\d\d-\d\d {2}\d of 3$/gm);
  assertEquals(headings, days.map((day, i) => `${day}  ${i + 1} of 3`));
  const table = stdout.slice(stdout.lastIndexOf("\n\n") + 2).trim().split("\n");
  assertMatch(table[0]!, /^day +bronze +silver +postflight +rows +exit$/);
  days.forEach((day, i) =>
    assertMatch(table[i + 1]!, new RegExp(`^${day} +sealed +sealed +\\d+ pass +${20 + i} +0$`))
  );
  assertEquals(table[4], "run: 3 days: 3 succeeded, 0 failed; exit 0");
});

Deno.test("days: --output json prints the date on each line, and a summary as the last line", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, NEXT_DAY] });
  await using lake = await temporaryLake();
  const { code, stdout } = await runTask(
    "run",
    ["--from", "2025-12-28", "--to", "2025-12-29", "--output", "json"],
    environment(db.config, lake.path),
  );
  assertEquals(code, 0, stdout);
  const lines = json(stdout);
  const [last] = lines.splice(-1);
  for (const line of lines) assertMatch(line.date, /^2025-12-2[89]$/);
  assertEquals([last.command, last.step, last.notBegun, last.exitCode], ["run", "days", 0, 0]);
  assertEquals(
    last.days.map(({ date, bronze, silver, rows, exitCode }: Record<string, unknown>) => [
      date,
      bronze,
      silver,
      rows,
      exitCode,
    ]),
    [["2025-12-28", "sealed", "sealed", 2, 0], ["2025-12-29", "sealed", "sealed", 7, 0]],
  );
});

Deno.test("days: stop at a failed day, or continue with --keep-going", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, NEXT_DAY] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", ["2025-12-28"], env)).code, 0);
  await db.query(LATE_EVENT);
  const range = ["--from", "2025-12-28", "--to", "2025-12-29"];

  const stopped = await runTask("run", range, env);
  assertEquals(stopped.code, 1);
  assertStringIncludes(stopped.stdout, "run: 2 days: 0 succeeded, 1 failed, 1 not started; exit 1");
  assert(!(await lake.contents()).has("bronze/events/date=2025-12-29/_commit.json"));

  const went = await runTask("run", [...range, "--keep-going"], env);
  assertEquals(went.code, 1);
  assertMatch(went.stdout, /^2025-12-28 +failed +- +- .*1$/m);
  assertMatch(went.stdout, /^2025-12-29 +sealed +sealed +\d+ pass +7 +0$/m);
  assertStringIncludes(went.stdout, "run: 2 days: 1 succeeded, 1 failed; exit 1");
});

Deno.test("days: stop at once for a wrong configuration, and write nothing", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const future = await runTask("run", ["--from", "2025-12-28", "--to", "2999-01-01"], env);
  assertEquals(future.code, 2);
  const soon = await runTask("run", ["--from", "yesterday", "--to", "2099-01-01"], {
    ...env,
    DJANGO_DB_PASSWORD: "wr0ng p4ss",
  });
  assertEquals(soon.code, 2);
  assertEquals([...await lake.contents()], []);
});

Deno.test("postflight, silver, show, amend: a day that has not begun is no day to run", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const refused = await runTask("postflight", ["2099-01-01"], env);
  assertEquals([refused.code, refused.stdout], [2, ""]);
  assertMatch(
    refused.stderr,
    /^Cannot check 2099-01-01: by the database's clock it is [-\d]{10} in UTC\. Give an earlier day\.\n$/,
  );
  for (const [name, ...args] of [["silver"], ["show", "bronze"], ["amend"]] as const) {
    const { code, stderr } = await runTask(name, [...args, "2099-01-01"], env);
    assertEquals(code, name === "amend" ? 2 : 1, name);
    assertMatch(
      stderr,
      /(2099-01-01 has not begun in UTC\. Give|the day has not begun; .* Use) an earlier day/,
    );
    assert(!stderr.includes("deno task run") && !stderr.includes("deno task bronze"), stderr);
  }
});

Deno.test("days: reject a day in the future before writing any day", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const [row] = await db.query(`
    SELECT to_char((now() + interval '3 days') AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day`);
  const { code, stderr } = await runTask(
    "run",
    ["--from", "yesterday", "--to", row!.day!],
    environment(db.config, lake.path),
  );
  assertEquals(code, 2);
  assertStringIncludes(stderr, `Cannot use the days until ${row!.day}`);
  assertEquals([...await lake.contents()], []);
});

Deno.test("days: run --dry-run prints the plan, and changes nothing", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const fresh = await runTask("run", ["2025-12-28", "--dry-run"], env);
  assertEquals([fresh.code, fresh.stderr], [0, ""]);
  assertStringIncludes(fresh.stdout, "a run would publish 1 part, sealed");
  assertStringIncludes(fresh.stdout, "a run would build silver from the new bronze");
  const range = ["--from", "2025-12-28", "--to", "2025-12-29"];
  const several = await runTask("run", [...range, "--dry-run"], env);
  assertMatch(several.stdout, /^2025-12-28 +would be sealed +- +- +2 +0$/m);
  assertStringIncludes(several.stdout, "2 could be run, 0 failed; nothing was stored; exit 0");
  assertEquals([...await lake.contents()], []);

  assertEquals((await runTask("bronze", ["2025-12-28"], env)).code, 0);
  const before = await lake.contents();
  const again = await runTask("run", ["2025-12-28", "--dry-run"], env);
  assertEquals(again.code, 0);
  assertMatch(again.stdout, /^bronze +verified/m);
  assertMatch(again.stdout, /^silver +dry-run +nothing was stored; a run would publish/m);
  assertEquals(await lake.contents(), before);
});

Deno.test("days: --silence limits how long Postgres may send nothing", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const other = await db.connect();
  await other.query("BEGIN; LOCK TABLE stop_events IN ACCESS EXCLUSIVE MODE");
  const args = ["2025-12-28", "--silence", "1"];
  const { code, stderr } = await runTask("bronze", args, environment(db.config, lake.path));
  await other.query("ROLLBACK");
  assertEquals(code, 3, stderr);
  assertStringIncludes(stderr, "--silence");
  assertEquals([...await lake.contents()], []);
});
