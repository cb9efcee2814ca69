import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { daysBetween, parseDay } from "../../pipeline/contract/window.ts";
import { renderMarker } from "../../pipeline/lake/marker.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { deadPort } from "../support/dead_port.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { validLines } from "../support/line_schema.ts";
import { onOneDay } from "../support/one_day.ts";
import { outbox } from "../support/postgres.ts";
import { bronzeCommit, publish, silverCommit } from "../support/published_days.ts";
import { environment, runTask, type TaskOutcome } from "../support/task.ts";
import { atTerminal, startOnTerminal } from "../support/terminal.ts";

// Runs the command like an operator, on a real Postgres and a directory.

const RANGE = ["--from", "2025-12-27", "--to", "2025-12-29"];
const DAY = parseDay("2025-12-28")!;

const LATE_EVENT = `
  INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                           event_type, source)
  VALUES ('99999999-9999-4999-8999-999999999999', 999999, '2025-12-28T15:00:00Z', 9, 1, 'BTCUSDC',
          'EXECUTED', 'manual')`;

/** Parses the lines of JSON. The last line is the total. */
function lines({ stdout }: TaskOutcome) {
  validLines(stdout);
  const all = stdout.trim().split("\n").map((line) => JSON.parse(line));
  return { days: all.slice(0, -1), total: all.at(-1) };
}

/** Returns the table line that begins with a word, and the lines below it. */
function lineOf({ stdout }: TaskOutcome, word: string): string {
  return new RegExp(`^${word}.*(?:\n {12}.*)*`, "m").exec(stdout)?.[0] ?? "";
}

Deno.test("status: reports every day as missing before any run, and names run as the next command", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const status = await runTask("status", RANGE, environment(db.config, lake.path));
  assertEquals([status.code, status.stderr], [0, ""]);
  for (const day of ["2025-12-27", "2025-12-28", "2025-12-29"]) {
    const expected = new RegExp(`missing +missing [^]*\n {12}next: deno task run --date ${day}$`);
    assertMatch(lineOf(status, day), expected);
  }
  assertMatch(lineOf(status, "2025-12-28"), / 2\n/); // the outbox has two events
  assert(!status.stdout.includes("\x1b"), "colour without a terminal");
});

Deno.test("status: covers the outbox's first day to today by default", () =>
  onOneDay(async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using lake = await temporaryLake();
    const env = environment(db.config, lake.path);
    const { days, total } = lines(await runTask("status", ["--output", "json"], env));
    const today = (await db.query("SELECT (now() AT TIME ZONE 'UTC')::date AS today"))[0]!.today;
    assertEquals([days[0].date, days.at(-1).date], ["2025-12-28", today]);
    assertEquals([total.days, total.outbox, total.exitCode], [days.length, "asked", 0]);
  }));

Deno.test("status: reports a sealed day after a run, and late events", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(300)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", ["--date", DAY], env)).code, 0);
  const of = async () => lines(await runTask("status", [DAY, "--output", "json"], env)).days;
  const [{ over, settled, bronze, silver, next, ...rest }] = await of();
  assertEquals([over, settled, bronze.state, silver.state, next], [
    true,
    true,
    "sealed",
    "sealed",
    null,
  ]);
  assertEquals([bronze.rows, rest.outbox], [302, { events: 302, difference: 0 }]);
  assertMatch(bronze.published, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const before = await lake.contents();

  await db.query(LATE_EVENT);
  const [late] = await of();
  assertEquals([late.outbox.difference, late.next], [1, "deno task amend --date 2025-12-28"]);
  await db.query("DELETE FROM stop_events WHERE event_seq >= 999999 OR operation_id = 1");
  const text = await runTask("status", [DAY], env);
  assertMatch(lineOf(text, DAY), / lost\n +next: deno task amend --date 2025-12-28/);
  assertEquals(await lake.contents(), before);
});

Deno.test("status: names the command that amends late and lost events, and then reports none", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(30)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  for (const layer of ["bronze", "silver"]) {
    assertEquals((await runTask(layer, [DAY], env)).code, 0);
  }
  const of = async () => lines(await runTask("status", [DAY, "--output", "json"], env)).days[0];
  await db.query(LATE_EVENT);
  await db.query("DELETE FROM stop_events WHERE operation_id = 1");
  const { outbox: { events, difference }, next } = await of();
  assertEquals([events, difference, next], [31, -1, "deno task amend --date 2025-12-28"]);

  const [, verb, ...args] = next.split(" ").slice(1);
  assertEquals((await runTask(verb, [...args, "--yes"], env)).code, 0);
  const amended = await of();
  assertEquals([amended.bronze.rows, amended.outbox, amended.amended, amended.next], [
    33,
    { events: 31, difference: 0 },
    { version: 1, lost: 2, altered: 0 },
    null,
  ] as unknown[]);
  assert(amended.settled);

  const where = ["--where", "operation_id=9", "--columns", "event_id"];
  const late = await runTask("show", ["bronze", DAY, ...where], env);
  assertStringIncludes(late.stdout, "99999999-9999-4999-8999-999999999999");
  assertStringIncludes(late.stdout, "33 rows, 1 match");
  const cleaned = await runTask("clean", [DAY, "--yes"], env);
  assertStringIncludes(cleaned.stdout, "nothing to remove");
});

Deno.test("status: reports what holds a day open", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await publish(lake, DAY, 2, { state: "open" });
  const env = environment(db.config, lake.path);
  const free = lineOf(await runTask("status", [DAY], env), DAY);
  assertMatch(free, /open .* open [^]*next: deno task run --date 2025-12-28$/);
  const writer = await db.connect();
  for (const sql of ["BEGIN", LATE_EVENT, "PREPARE TRANSACTION 'slow'"]) await writer.query(sql);
  const held = lineOf(await runTask("status", [DAY], env), DAY);
  assertMatch(held, /prepared transaction slow [^]*\n +next: deno task explain late-writers$/);
  await writer.query("ROLLBACK PREPARED 'slow'");
});

Deno.test("status: refuses days that have not begun, unless the lake has one", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  for (const args of [["2099-01-01"], ["--from", "2099-01-01"]]) {
    const { code, stdout, stderr } = await runTask("status", args, env);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(
      stderr,
      /^Cannot show the state of 2099-01-01: the day has not begun: it is \d{4}-\d\d-\d\d in UTC\. /,
    );
  }
  await publish(lake, parseDay("2099-01-01")!, 2);
  assertMatch((await runTask("status", ["2099-01-01"], env)).stdout, /^2099-01-01 +sealed/m);
});

Deno.test("status --check: exits with 1 while a past day is not sealed, else with 0", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  await publish(lake, DAY, 2, { state: "open" });
  assertEquals((await runTask("status", [DAY, "--check"], env)).code, 1);
  assertEquals((await runTask("status", [DAY], env)).code, 0);
  await publish(lake, DAY, 2);
  assertEquals((await runTask("status", [DAY, "--check"], env)).code, 0);
});

Deno.test("status --check: exits with 2 without the login of the outbox", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 2);
  const result = await runTask("status", [DAY, "--check"], { LAKE_URL: `file://${lake.path}` });
  assertEquals(result.code, 2);
  assertStringIncludes(result.stderr, "DJANGO_DB_PASSWORD");
});

Deno.test("status --check: exits with 1 for late events, and with 2 for a wrong password before that", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", [DAY], env)).code, 0);
  const codeOf = async (password = env.DJANGO_DB_PASSWORD!) =>
    (await runTask("status", [DAY, "--check"], { ...env, DJANGO_DB_PASSWORD: password })).code;
  assertEquals(await codeOf(), 0);
  await db.query(LATE_EVENT);
  assertEquals(await codeOf(), 1);
  await publish(lake, DAY, 2, { state: "open" });
  assertEquals([await codeOf(), await codeOf("wr0ng")], [1, 2]);
});

Deno.test("status and postflight: compare nothing with another database, and never suggest amend", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using other = await outbox({ events: [generatedEvents(300)] });
  await using lake = await temporaryLake();
  assertEquals((await runTask("run", [DAY], environment(db.config, lake.path))).code, 0);
  const env = environment(other.config, lake.path);
  const status = await runTask("status", [DAY], env);
  assertEquals(status.code, 2);
  assertStringIncludes(status.stdout, "outbox not read: Cannot compare the lake with the outbox");
  assertStringIncludes(status.stdout, "If the database was moved, run bronze once with ");
  const [day] = lines(await runTask("status", [DAY, "--output", "json"], env)).days;
  assertEquals([day.outbox, day.next], [null, null]);
  const postflight = await runTask("postflight", [DAY], env);
  assertEquals(postflight.code, 1);
  assertStringIncludes(postflight.stdout, "FAIL   lake-source");
  assertStringIncludes(postflight.stdout, "SKIP   row-counts");
  for (const { stdout } of [status, postflight]) {
    assert(!stdout.includes("deno task amend"), stdout);
  }
});

Deno.test("status: reports only the lake without a password, and prints a note", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 2);
  const status = await runTask("status", [DAY], { LAKE_URL: `file://${lake.path}` });
  assertEquals(status.code, 0);
  const why = "DJANGO_DB_PASSWORD is not set. Set it to the password of DJANGO_DB_USER: " +
    "deno task explain log-in";
  assert(status.stdout.endsWith(`\noutbox not read: ${why}\n`), status.stdout);
  const json = await runTask("status", [DAY, "--output", "json"], {
    LAKE_URL: `file://${lake.path}`,
  });
  assertEquals(lines(json).total.message, why);
  assertMatch(lineOf(status, DAY), /^2025-12-28 +sealed +2 +sealed +1 /);
});

Deno.test("status: exits with 3 for an unreachable database and with 2 for a refused login, and reports the lake", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  await publish(lake, DAY, 2);
  const env = environment(db.config, lake.path);
  const port = deadPort();
  const unreachable = await runTask("status", [DAY], { ...env, DJANGO_DB_PORT: String(port) });
  const refused = await runTask("status", [DAY], { ...env, DJANGO_DB_PASSWORD: "wr0ng" });
  assertEquals([unreachable.code, refused.code], [3, 2]);
  for (const outcome of [unreachable, refused]) {
    assertStringIncludes(outcome.stdout, "outbox not read: Cannot connect to Postgres");
    assert(
      outcome.stdout.endsWith("\nrunbook: deno task explain database-login\n"),
      outcome.stdout,
    );
    assertMatch(lineOf(outcome, DAY), /sealed/);
  }
});

Deno.test("status: prints the page about a record of the lake that cannot be used", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 2);
  await lake.put("_source.json", new TextEncoder().encode("{"));
  const env = { LAKE_URL: `file://${lake.path}` };
  const { code, stdout } = await runTask("status", [DAY], env);
  assertEquals(code, 1);
  assertMatch(stdout, /\nno run is possible: Cannot .*deno task explain lake-source\n/s);
  const { total } = lines(await runTask("status", [DAY, "--output", "json"], env));
  assertStringIncludes(total.record, "_source.json");
});

Deno.test("status: reports an unusable marker as the state of its day only", async () => {
  await using lake = await temporaryLake();
  await publish(lake, DAY, 2);
  await publish(lake, parseDay("2025-12-29")!, 2);
  await lake.put(bronzeMarkerKey(DAY), new TextEncoder().encode("{\x1b[2J"));
  const status = await runTask("status", RANGE, { LAKE_URL: `file://${lake.path}` });
  assertEquals(status.code, 0);
  assertMatch(
    lineOf(status, DAY),
    /unusable [^]*bronze: it is not JSON[^]*next: deno task postflight --date/,
  );
  assertMatch(lineOf(status, "2025-12-29"), /sealed/);
});

Deno.test("status: prints consecutive missing days without events in one line, and each in JSON", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await publish(lake, parseDay("2025-12-20")!, 2);
  const range = ["--from", "2025-12-19", "--to", "2025-12-31"];
  const env = environment(db.config, lake.path);
  const { stdout } = await runTask("status", range, env);
  const table = stdout.split("\n").filter((line) => /^\d/.test(line));
  const expected = [
    /^2025-12-19 +missing [^]*\n {12}next: deno task run --date 2025-12-19$/,
    /^2025-12-20 +sealed /,
    /^2025-12-21 +missing +missing +0\n {12}the same for each day to 2025-12-27: 7 days\n {12}next: deno task run --from 2025-12-21 --to 2025-12-27$/,
    /^2025-12-28 +missing +missing +2\n {12}next: deno task run --date 2025-12-28$/,
    /^2025-12-29 +missing [^]* 3 days\n {12}next: deno task run --from 2025-12-29 --to 2025-12-31$/,
  ];
  assertEquals(table.length, expected.length, stdout);
  table.forEach((line, i) => {
    assertMatch(lineOf({ stdout } as TaskOutcome, line.slice(0, 10)), expected[i]!);
  });
  assertStringIncludes(stdout, "status: 13 days: 1 sealed; 13 of 13 need a command; ");
  const { days } = lines(await runTask("status", [...range, "--output", "json"], env));
  assertEquals(days.length, 13);
});

Deno.test("status: accepts an empty lake and an empty outbox", async () => {
  await using lake = await temporaryLake();
  const { code, stdout } = await runTask("status", [], { LAKE_URL: `file://${lake.path}` });
  assertEquals(code, 0);
  assertStringIncludes(stdout, "status: there are no days yet");
});

Deno.test("status: accepts one day or a range, and rejects both together", () =>
  onOneDay(async () => {
    await using lake = await temporaryLake();
    const of = async (...args: string[]) => {
      const outcome = await runTask("status", [...args, "--output", "json"], {
        LAKE_URL: `file://${lake.path}`,
      });
      return [outcome.code, outcome.code === 0 ? lines(outcome).total.days : undefined];
    };
    assertEquals(await of("2025-12-28"), [0, 1]);
    assertEquals(await of("--date", "yesterday"), [0, 1]);
    assertEquals(await of("--from", "yesterday", "--to", "today"), [0, 2]);
    assertEquals(await of("--from", "today", "--to", "yesterday"), [2, undefined]);
    assertEquals(await of("2025-12-28", "--from", "2025-12-27"), [2, undefined]);
    assertEquals(await of("2025-12-32"), [2, undefined]);
  }));

Deno.test("status: reads a thousand days from their markers alone", async () => {
  await using lake = await temporaryLake();
  const days = [...daysBetween(parseDay("2023-01-01")!, parseDay("2025-09-26")!)];
  assertEquals(days.length, 1000);
  await Deno.mkdir(lake.file("silver/stop_executions/_commits"), { recursive: true });
  for (const day of days) {
    const bronze = bronzeCommit(day, 10);
    await Deno.mkdir(lake.file(`bronze/events/date=${day}`), { recursive: true });
    await Deno.writeFile(lake.file(bronzeMarkerKey(day)), renderMarker(bronze));
    await Deno.writeFile(lake.file(silverMarkerKey(day)), renderMarker(silverCommit(bronze, 5)));
  }
  const range = ["--to", "2025-09-26", "--output", "json"];
  const outcome = await runTask("status", range, { LAKE_URL: `file://${lake.path}` });
  const { days: told, total } = lines(outcome);
  assertEquals(told.map(({ date }) => date), days);
  assertEquals([total.days, total.settled, outcome.code], [1000, 1000, 0]);
});

atTerminal(Deno.test)("status: fits into a terminal of 60 columns", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = { ...environment(db.config, lake.path), SEAL_GRACE_MINUTES: "0", NO_COLOR: "1" };
  assertEquals((await runTask("run", ["2025-12-28"], env)).code, 0);
  const task = startOnTerminal("status", ["2025-12-28"], env, 60);
  assertEquals(await task.outcome, { code: 0, restored: true });
  // deno-lint-ignore no-control-regex
  const shown = task.shown().replaceAll(/\x1b\[[\d;?]*[A-Za-z]|\r/g, "");
  assertMatch(shown, /day +bronze +events +silver +executions +outbox\n/);
  assertMatch(shown, /2025-12-28 +sealed +2 +sealed +1 +same\n/);
  assertStringIncludes(shown, "\na wider terminal also shows: size; published, UTC\n");
});
