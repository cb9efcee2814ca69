import { silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { environment, runTaskIn } from "../support/task.ts";

// The table of the outbox has another name, in a schema that the search_path does not have. Both
// names need quotes. A table stop_events without events lies beside it.

const TABLE = `"Shop's Data"."Stop ""Events"" \\1"`;
const DAY = "2025-12-28";

async function otherOutbox(): Promise<Outbox> {
  const db = await outbox({ events: [RUNBOOK_EVENTS] });
  await db.query(`CREATE TABLE decoy (LIKE stop_events INCLUDING ALL);
    CREATE SCHEMA "Shop's Data";
    ALTER TABLE stop_events SET SCHEMA "Shop's Data";
    ALTER TABLE "Shop's Data".stop_events RENAME TO "Stop ""Events"" \\1";
    ALTER TABLE decoy RENAME TO stop_events;`);
  return db;
}

/** Runs a command in a folder with a project file that names a table. */
async function withProject(
  db: Outbox,
  table: string,
  use: (
    run: (command: string, args: readonly string[], env?: Record<string, string>) => Promise<
      { code: number; stdout: string; stderr: string }
    >,
    lake: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/lake`);
    const project = JSON.stringify({ database: { table } });
    await Deno.writeTextFile(`${folder}/deep-storage.json`, project);
    const common = environment(db.config, `${folder}/lake`);
    await use(
      (command, args, env = {}) =>
        runTaskIn(folder, command, args, { ...common, SEAL_GRACE_MINUTES: "0", ...env }),
      `${folder}/lake`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("every command reads the table that the project file names", async () => {
  await using db = await otherOutbox();
  await withProject(db, TABLE, async (run) => {
    const preflight = await run("preflight", [
      "--facts",
      "database",
      "--only",
      "table-name,database-login,late-writers",
    ]);
    assertEquals([preflight.code, preflight.stderr], [0, ""]);
    assertStringIncludes(preflight.stdout, `  ${TABLE} in robson@`);

    const copied = await run("run", [DAY]);
    assertEquals([copied.code, copied.stderr], [0, ""]);
    assertStringIncludes(copied.stdout, `bronze  outbox      ${TABLE} in `);
    assertStringIncludes(copied.stdout, "2 events, event_seq 1 to 2");
    assertStringIncludes(copied.stdout, "2 events, each compared with the outbox");

    const status = await run("status", ["--output", "json"]);
    const [day] = status.stdout.split("\n").map((line) => JSON.parse(line || "{}"));
    assertEquals([status.code, day.date, day.outbox.events], [0, DAY, 2]);
    const shown = await run("show", ["bronze", DAY, "--output", "json"]);
    assertEquals(shown.stdout.trim().split("\n").length, 2);

    await db.query(`DELETE FROM ${TABLE} WHERE event_seq = 2`);
    const amended = await run("amend", [DAY, "--dry-run"]);
    assertStringIncludes(amended.stdout, `1 event no longer in ${TABLE}, kept in bronze`);
    const after = await run("postflight", [DAY]);
    assertEquals(after.code, 1);
    assertStringIncludes(after.stdout, "FAIL   row-counts");
  });
});

Deno.test("OUTBOX_TABLE counts more than the project file, and the file more than stop_events", async () => {
  await using db = await otherOutbox();
  await withProject(db, "nowhere", async (run) => {
    const file = await run("bronze", [DAY, "--dry-run"]);
    assertEquals(file.code, 2);
    assertStringIncludes(file.stderr, "Cannot find table nowhere in ");
    const variable = await run("bronze", [DAY, "--dry-run"], { OUTBOX_TABLE: TABLE });
    assertEquals([variable.code, variable.stderr], [0, ""]);
    assertStringIncludes(variable.stdout, "2 events, event_seq 1 to 2");
    const decoy = await run("bronze", [DAY, "--dry-run"], { OUTBOX_TABLE: "public.Stop_Events" });
    assertStringIncludes(decoy.stdout, "outbox      public.stop_events in ");
    assertStringIncludes(decoy.stdout, "no events");
    const invalid = await run("bronze", [DAY], { OUTBOX_TABLE: "stop events" });
    assertEquals(invalid.code, 2);
    assertStringIncludes(
      invalid.stderr,
      'Cannot use OUTBOX_TABLE="stop events": stop events needs double quotes. Set it to a table ' +
        'as in SQL: events, shop.events or shop."Stop Events".',
    );
  });
});

Deno.test("every command that grows a lake refuses another table, until it is named as a new name", async () => {
  await using db = await otherOutbox();
  await withProject(db, TABLE, async (run) => {
    assertEquals((await run("run", [DAY])).code, 0);
    const wrong = { OUTBOX_TABLE: "stop_events" };
    const commands: [string, string[]][] = [
      ["bronze", [DAY]],
      ["run", ["--pending"]],
      ["run", ["--from", "2025-12-27", "--to", "2025-12-29", "--keep-going"]],
      ["amend", [DAY, "--yes"]],
    ];
    for (const [command, args] of commands) {
      const { code, stderr } = await run(command, args, wrong);
      assertEquals(code, 2, `${command} ${args}`);
      assertStringIncludes(stderr, "/public.stop_events. Nothing was changed.");
    }
    const status = await run("status", [], wrong);
    assertEquals(status.code, 2);
    assertStringIncludes(status.stdout, "outbox not read: Cannot compare the lake with the outbox");
    const postflight = await run("postflight", [DAY], wrong);
    assertEquals(postflight.code, 1);
    assertStringIncludes(postflight.stdout, "FAIL   lake-source");
    assertStringIncludes(postflight.stdout, "SKIP   row-counts");
    const facts = ["--facts", "database,lake"];
    const preflight = await run("preflight", facts, wrong);
    assertEquals(preflight.code, 1);
    assertStringIncludes(preflight.stdout, "FAIL   lake-source");
    assertStringIncludes((await run("preflight", facts)).stdout, "PASS   lake-source");
    for (const { stdout } of [status, postflight, preflight]) {
      assert(!stdout.includes("deno task amend"), stdout);
      assertStringIncludes(stdout, "--earlier-source ");
      assertStringIncludes(stdout, "deno task explain lake-source");
    }
    const spark = await run("bronze", [DAY, "--engine", "spark", "--earlier-source", "x"]);
    assertEquals(spark.code, 2);
    assertStringIncludes(spark.stderr, "Cannot use --earlier-source with --engine spark");

    await db.query(`DROP TABLE stop_events; ALTER TABLE ${TABLE} SET SCHEMA public;
      ALTER TABLE "Stop ""Events"" \\1" RENAME TO stop_events`);
    const { stderr } = await run("bronze", [DAY], wrong);
    const [, earlier = ""] = /--earlier-source '(.*)'/.exec(stderr)!;
    const named = earlier.replaceAll(`'\\''`, "'");
    const renamed = await run("run", [DAY, "--earlier-source", named], wrong);
    assertEquals([renamed.code, renamed.stderr], [0, ""]);
    assertEquals((await run("run", ["2025-12-29"], wrong)).code, 0);
  });
});

Deno.test("a record of the lake that cannot be used is named by status and preflight, and run refuses", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await withProject(db, "stop_events", async (run, lake) => {
    assertEquals((await run("run", [DAY])).code, 0);
    await Deno.writeTextFile(`${lake}/_source.json`, "{");
    const reason = "/_source.json, which names the table that the lake was copied from: it is not";
    const refused = await run("run", [DAY]);
    assertEquals(refused.code, 1);
    assertStringIncludes(refused.stderr, reason);
    const preflight = await run("preflight", ["--facts", "database,lake"]);
    assertEquals(preflight.code, 1);
    assertStringIncludes(preflight.stdout, reason);
    const status = await run("status", [DAY]);
    assertEquals([status.code, status.stderr], [1, ""]);
    assertStringIncludes(status.stdout, reason);
    assertMatch(status.stdout, /2025-12-28 +sealed +2 +sealed/);
    assertStringIncludes(status.stdout, "counts compared with");
    const { stdout } = await run("status", [DAY, "--output", "json"]);
    const total = JSON.parse(stdout.trim().split("\n").at(-1)!);
    assertStringIncludes(total.record, reason);
    assertEquals([total.settled, total.exitCode], [1, 1]);
  });
});

Deno.test("runbook lake-source: a day of another table can be replaced by the day of the outbox", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await db.query(`CREATE TABLE other (LIKE stop_events INCLUDING ALL);
    INSERT INTO other SELECT * FROM stop_events;
    UPDATE other SET event_id = gen_random_uuid(), client_id = 2`);
  await withProject(db, "stop_events", async (run, lake) => {
    const before = "2025-12-27";
    await db.query(`INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id,
      client_id, symbol, event_type, source)
      VALUES (gen_random_uuid(), 99, '${before}T15:00:00Z', 9, 1, 'BTCUSDC', 'EXECUTED', 'manual')`);
    assertEquals((await run("run", [before])).code, 0);
    await Deno.remove(`${lake}/_source.json`);
    await Deno.rename(`${lake}/bronze`, `${lake}/../bronze`);
    assertEquals((await run("run", [DAY], { OUTBOX_TABLE: "other" })).code, 0);
    await Deno.rename(
      `${lake}/../bronze/events/date=${before}`,
      `${lake}/bronze/events/date=${before}`,
    );
    assertEquals((await run("run", [DAY])).code, 2);

    await Deno.remove(`${lake}/bronze/events/date=${DAY}`, { recursive: true });
    await Deno.remove(`${lake}/${silverMarkerKey(parseDay(DAY)!)}`);
    await Deno.remove(`${lake}/_source.json`);
    const again = await run("run", [DAY]);
    assertEquals([again.code, again.stderr], [0, ""], again.stdout);
    assertStringIncludes(again.stdout, "2 events, each compared with the outbox");
    assertStringIncludes(await Deno.readTextFile(`${lake}/_source.json`), '"stop_events"');
    const clean = await run("clean", [DAY, "--dry-run"]);
    assertEquals(clean.code, 0);
    assertStringIncludes(clean.stdout, "left");
  });
});

Deno.test("findTable and its failures name the table with its schema", async () => {
  await using db = await otherOutbox();
  const reader = await db.role("reader", `GRANT USAGE ON SCHEMA "Shop's Data" TO reader`);
  await withProject(db, TABLE, async (run) => {
    const login = { DJANGO_DB_USER: reader.user, DJANGO_DB_PASSWORD: reader.password };
    const refused = await run("bronze", [DAY], login);
    assertEquals(refused.code, 2);
    const [, grant = ""] = /run: (GRANT .*;)/.exec(refused.stderr) ?? [];
    assertEquals(grant, `GRANT SELECT ON ${TABLE} TO "reader";`);
    await db.query(grant);
    const missing = await run("bronze", [DAY], { OUTBOX_TABLE: "shop.stop_event" });
    assertStringIncludes(missing.stderr, "Cannot find table shop.stop_event in ");
    assert(missing.stderr.includes(`there is no such table. Tables with similar names: ${TABLE}`));
  });
});

Deno.test("a role without USAGE on the schema gets the statements that let it read the table", async () => {
  await using db = await otherOutbox();
  const role = `o'r "x"`; // a name that needs quotes
  const reader = await db.role(role, "SELECT 1");
  await withProject(db, TABLE, async (run) => {
    const login = { DJANGO_DB_USER: reader.user, DJANGO_DB_PASSWORD: reader.password };
    const asReader = (command: string, ...args: string[]) => run(command, args, login);
    const grants = `GRANT USAGE ON SCHEMA "Shop's Data" TO "o'r ""x"""; ` +
      `GRANT SELECT ON ${TABLE} TO "o'r ""x""";`;
    const refused = await asReader("bronze", DAY);
    assertEquals(refused.code, 2);
    const [, advice] = /permission denied for schema Shop's Data\. Let a superuser run: (.*)$/m
      .exec(refused.stderr) ?? [];
    assertEquals(advice, grants);
    const preflight = await asReader("preflight", "--facts", "database", "--only", "table-name");
    assertEquals(preflight.code, 1);
    const fix = `Let a superuser run:\n${grants.replace("; ", ";\n")}\n`;
    assertStringIncludes(preflight.stdout.replaceAll(/\n +/g, "\n"), fix);
    const status = await asReader("status", "--check");
    assertEquals(status.code, 2);
    assertStringIncludes(status.stdout, `Let a superuser run: ${grants}\n`);

    await db.query(advice!);
    const copied = await asReader("bronze", DAY);
    assertEquals(copied.code, 0, copied.stderr);
  });
});

Deno.test("a table in a schema of the search_path that the role may not use is named with the grant", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  const reader = await db.role("shop-reader", "REVOKE USAGE ON SCHEMA public FROM PUBLIC");
  await withProject(db, "stop_events", async (run) => {
    const login = { DJANGO_DB_USER: reader.user, DJANGO_DB_PASSWORD: reader.password };
    const grant = 'GRANT USAGE ON SCHEMA public TO "shop-reader";';
    const refused = await run("bronze", [DAY], login);
    assertEquals(refused.code, 2);
    assertStringIncludes(
      refused.stderr,
      `no such table in the user's search_path. Tables with similar names: ` +
        `public.stop_events (which needs: ${grant}).`,
    );
    const only = ["--facts", "database", "--only", "table-name"];
    const preflight = await run("preflight", only, login);
    assertEquals(preflight.code, 1);
    assertStringIncludes(preflight.stdout, `there is public.stop_events (which needs: ${grant})`);

    await db.query(grant);
    const next = await run("bronze", [DAY], login);
    const [, select = ""] = /run: (GRANT .*;)/.exec(next.stderr) ?? [];
    assertEquals(select, 'GRANT SELECT ON stop_events TO "shop-reader";');
    await db.query(select);
    assertEquals((await run("bronze", [DAY], login)).code, 0);
  });
});
