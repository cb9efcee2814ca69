import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { deadPort } from "../support/dead_port.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { insertEvent } from "../support/events.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask } from "../support/task.ts";

/** The number of checks after a run. */
const CHECKS = POSTFLIGHT.length;

// Runs the commands like an operator, on a real Postgres and a directory.

const DAY = ["--date", "2025-12-28"];

const LATE_EVENT = `
  INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                           event_type, source)
  VALUES ('99999999-9999-4999-8999-999999999999', 99, '2025-12-28T15:00:00Z', 9, 1, 'BTCUSDC',
          'EXECUTED', 'manual')`;

Deno.test("run: publishes both layers, passes every check, and does the same when repeated", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(300)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const first = await runTask("run", DAY, env);
  assertEquals([first.code, first.stderr], [0, ""]);
  assertStringIncludes(first.stdout, "_commit.json, sealed");
  assertStringIncludes(
    first.stdout,
    `${CHECKS} checks: ${CHECKS} pass, 0 warn, 0 fail, 0 skip, 0 error`,
  );

  const again = await runTask("run", DAY, env);
  assertEquals(again.code, 0);
  assertEquals(again.stdout.match(/ verified /g)?.length, 2);
  assert(!again.stdout.includes("\x1b"), "colour without a terminal");
});

Deno.test("run --output json: prints only JSON lines, with the report of the checks as the last one", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const { code, stdout } = await runTask(
    "run",
    [...DAY, "--output", "json"],
    environment(db.config, lake.path),
  );
  assertEquals(code, 0);
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    lines.slice(0, -1).map(({ command, step }) => `${command} ${step}`),
    [
      ...["outbox", "fence", "snapshot", "part", "commit"].map((step) => `bronze ${step}`),
      ...["bronze", "replay", "parts", "commit"].map((step) => `silver ${step}`),
    ],
  );
  const report = lines.at(-1);
  assertEquals([report.command, report.date, report.exitCode], ["postflight", "2025-12-28", 0]);
  assertEquals(report.results.length, CHECKS);
});

Deno.test("run: stops at a late row of a sealed day, which bronze names and postflight counts", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", DAY, env)).code, 0);
  const before = await lake.contents();
  await db.query(LATE_EVENT);

  const bronze = await runTask("bronze", DAY, env);
  assertEquals(bronze.code, 1);
  assertStringIncludes(
    bronze.stderr,
    "event 99999999-9999-4999-8999-999999999999 is in the outbox",
  );

  const postflight = await runTask("postflight", [...DAY, "--output", "json"], env);
  assertEquals(postflight.code, 1);
  const failed = JSON.parse(postflight.stdout).results
    .filter(({ verdict }: { verdict: string }) => verdict !== "pass")
    .map(({ id, verdict }: { id: string; verdict: string }) => `${id} ${verdict}`);
  assertEquals(failed, ["row-counts fail"]);

  const run = await runTask("run", DAY, env);
  assertEquals(run.code, 1);
  assert(!run.stdout.includes("silver"), "run continued after bronze failed");
  assertEquals(await lake.contents(), before);
});

Deno.test("postflight: exits with 3 if the database is down, and reports the lake's checks", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", DAY, env)).code, 0);
  const port = deadPort();
  const { code, stdout } = await runTask("postflight", DAY, {
    ...env,
    DJANGO_DB_PORT: String(port),
  });
  assertEquals(code, 3);
  assertStringIncludes(stdout, "ERROR  row-counts");
  assertStringIncludes(stdout, "PASS   silver-status");
});

Deno.test("postflight: executions without a price belong to their client's part, or to the day", async () => {
  // The executions without a price of three clients, each with four executions, by day.
  const days = { "2025-12-26": [4, 4, 4], "2025-12-27": [0, 3, 0], "2025-12-28": [1, 0, 1] };
  const events = Object.entries(days).flatMap(([day, counts], d) =>
    counts.flatMap((count, c) =>
      [0, 1, 2, 3].map((i) => {
        const number = 100 * d + 10 * c + i + 1;
        return insertEvent(number, {
          occurred_at: `'${day}T10:00:00Z'`,
          operation_id: String(number),
          client_id: String(c + 1),
          fill_price: i < count ? "NULL" : "10.5",
        });
      })
    )
  );
  await using db = await outbox({ events: events.map((each) => `${each};\n`) });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const found: unknown[] = [];
  for (const day of Object.keys(days)) {
    const { stdout } = await runTask("run", [day, "--output", "json"], env);
    const { results } = JSON.parse(stdout.trim().split("\n").at(-1)!);
    const { findings } = results.find(({ id }: { id: string }) => id === "fill-price");
    const [{ object, problem }] = findings;
    found.push([object.replace(/part-.*/, "part"), /^\d+/.exec(problem)![0]]);
  }
  assertEquals(found, [
    ["silver/stop_executions/_commits/date=2025-12-26.json", "12"],
    ["silver/stop_executions/client_id=2/date=2025-12-27/part", "3"],
    ["silver/stop_executions/_commits/date=2025-12-28.json", "2"],
  ]);
});

Deno.test("postflight: exits with 1 before any run, and prints a line per check if it is asked to", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const brief = await runTask("postflight", DAY, env);
  assertEquals(brief.code, 1);
  assertStringIncludes(brief.stdout, "FAIL   bronze-committed");
  assertMatch(
    brief.stdout,
    /^\d+ more checks are undecided for the same reason as bronze-parts: /m,
  );
  const { stdout } = await runTask("postflight", [...DAY, "--verbose"], env);
  assertEquals(stdout.match(/^(PASS|WARN|FAIL|SKIP|ERROR) /gm)?.length, CHECKS);
});

Deno.test("postflight: may write nothing but the file of --metrics-file, enforced by Deno", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const written = async (...flags: string[]) => {
    const { stdout } = await runTask("postflight", [...DAY, "--verbose", ...flags], env);
    return /permissions .*; write (.*?);/.exec(stdout)?.[1];
  };
  assertEquals(await written(), "nothing");
  const file = `${await Deno.makeTempDir()}/a.prom`;
  const [path, temporary, ...more] = (await written("--metrics-file", file))!.split(", ");
  assertEquals([path, more], [await Deno.realPath(file), []]);
  assertMatch(temporary!, /\/a\.prom\.[0-9a-f-]{36}\.tmp$/);
});

Deno.test("run: prints no secret in any output, even on errors", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  const s3 = {
    ...env,
    LAKE_URL: "",
    S3_ENDPOINT: "http://127.0.0.1:1",
    AWS_ACCESS_KEY_ID: "AKIDSECRETID",
    AWS_SECRET_ACCESS_KEY: "s3cr3t/key+value",
  };
  const outputs = [
    await runTask("run", DAY, env),
    await runTask("bronze", DAY, { ...env, DJANGO_DB_PASSWORD: "wr0ng p4ss" }),
    await runTask("run", DAY, s3),
    await runTask("silver", [...DAY, "--output", "json"], s3),
    await runTask("postflight", [...DAY, "--output", "junit"], s3),
  ];
  const secrets = [db.config.password, "wr0ng p4ss", "AKIDSECRETID", "s3cr3t/key+value"];
  for (const { stdout, stderr } of outputs) {
    for (const secret of secrets) assert(!`${stdout}${stderr}`.includes(secret));
  }
  assertEquals(outputs.map(({ code }) => code), [0, 2, 3, 3, 3]);
});

for (const flags of [[], ["-q"]]) {
  Deno.test(`run ${flags.join(" ")}: ends with the reason if a day that is over stays open`, async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using lake = await temporaryLake();
    const writer = await db.connect();
    for (const sql of ["BEGIN", LATE_EVENT, "PREPARE TRANSACTION 'slow'"]) await writer.query(sql);
    try {
      const args = [...DAY, ...flags];
      const { code, stdout } = await runTask("run", args, environment(db.config, lake.path));
      assertEquals(code, 0);
      const lines = stdout.trimEnd().split("\n");
      assertMatch(
        lines.at(-1)!,
        /^run +open +warning: the day stays open: prepared transaction slow of .*; see deno task explain late-writers$/,
      );
      assert(lines.some((line) => /^bronze +fence +warning: the day stays open: /.test(line)));
      const checks = ["postflight", args, environment(db.config, lake.path)] as const;
      const unsealed = await runTask(...checks);
      assertEquals(unsealed.code, 0);
      assertMatch(
        unsealed.stdout,
        /^WARN +bronze-committed [^]* is over, and its bronze is still open$/m,
      );
      assertEquals((await runTask(checks[0], [...args, "--strict"], checks[2])).code, 1);
    } finally {
      await writer.query("ROLLBACK PREPARED 'slow'");
    }
  });
}
