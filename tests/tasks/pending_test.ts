import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { deadPort } from "../support/dead_port.ts";
import { temporaryLake } from "../support/lakes.ts";
import { onOneDay } from "../support/one_day.ts";
import { outbox } from "../support/postgres.ts";
import { environment, runTask } from "../support/task.ts";

// `run --pending` finds the days that are over but not sealed.

/** Inserts two events of one operation on each of the last days, except the most recent ones. */
function eventsOf(days: number, without: number): string {
  return `
    INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                             event_type, source, fill_price)
    SELECT gen_random_uuid(), 2 * n + m, (date_trunc('day', now() AT TIME ZONE 'UTC')
             - n * interval '1 day' + m * interval '1 hour') AT TIME ZONE 'UTC',
           n, 1, 'BTCUSDC', CASE m WHEN 0 THEN 'STOP_TRIGGERED' ELSE 'EXECUTED' END, 'ws', CASE m WHEN 1 THEN 100 END
    FROM generate_series(1, ${days}) AS n, generate_series(0, 1) AS m
    WHERE n <> ${without}`;
}

/** The variables of a run that seals yesterday also in the first minutes of a day. */
function sealing(...of: Parameters<typeof environment>): Record<string, string> {
  return { ...environment(...of), SEAL_GRACE_MINUTES: "0" };
}

const LATE = (day: string) => `
  INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                           event_type, source)
  VALUES (gen_random_uuid(), 100000, '${day}T15:00:00Z', 9, 1, 'BTCUSDC', 'EXECUTED', 'manual')`;

interface Summary {
  readonly exitCode: number;
  readonly days: readonly Record<string, unknown>[];
}

function summary(stdout: string): Summary {
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

Deno.test("run --pending: processes 60 days, including an empty, an open and a broken one", () =>
  onOneDay(async () => {
    const [empty, broken, open] = [30, 20, 10];
    await using db = await outbox({ events: [eventsOf(60, empty)] });
    await using lake = await temporaryLake();
    const env = sealing(db.config, lake.path);
    const dayOf = async (ago: number) => {
      const [row] = await db.query(
        `SELECT to_char((now() - ${ago} * interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day`,
      );
      return row!.day!;
    };
    const first = await dayOf(60);
    // One day was copied before it could be sealed. An event arrived on another day after its seal.
    const early = await runTask("bronze", [await dayOf(open)], {
      ...env,
      SEAL_GRACE_MINUTES: "999999",
    });
    assertStringIncludes(early.stdout, ", open");
    assertEquals((await runTask("bronze", [await dayOf(broken)], env)).code, 0);
    await db.query(LATE(await dayOf(broken)));

    const dry = await runTask("run", ["--pending", "--dry-run", "--output", "json"], env);
    assertEquals(dry.code, 1); // stops at the broken day, like a run

    const all = await runTask("run", ["--pending", "--keep-going", "--output", "json"], env);
    assertEquals(all.code, 1, all.stderr);
    const { days, exitCode } = summary(all.stdout);
    assertEquals(exitCode, 1);
    assertEquals(days.length, 60);
    assertEquals(days[0]!.date, first);
    assertEquals(days.map(({ date }) => date), days.map(({ date }) => date).toSorted());
    for (const day of days) {
      if (day.date === await dayOf(broken)) {
        assertEquals([day.bronze, day.exitCode], ["failed", 1]);
        continue;
      }
      const isEmpty = day.date === await dayOf(empty);
      assertEquals([day.bronze, day.silver, day.rows], ["sealed", "sealed", isEmpty ? 0 : 2]);
      assertEquals(day.exitCode, 0);
      assertMatch(String(day.postflight), /^\d+ pass$/);
    }

    // Only the broken day remains, and text output has a table.
    const again = await runTask("run", ["--pending", "--keep-going"], env);
    assertEquals(again.code, 1);
    assertStringIncludes(again.stdout, `1 of 1: no silver`);
    assertStringIncludes(again.stdout, "run: 1 day: 0 succeeded, 1 failed; exit 1");
  }));

Deno.test("run --pending: prints reasons, respects bounds, and does nothing if all days are sealed", () =>
  onOneDay(async () => {
    await using db = await outbox({ events: [eventsOf(4, 0)] });
    await using lake = await temporaryLake();
    const env = sealing(db.config, lake.path);
    const bounded = await runTask("run", ["--pending", "--from", "yesterday"], env);
    assertEquals(bounded.code, 0, bounded.stderr);
    assertStringIncludes(bounded.stdout, "1 of 1: no bronze");

    const rest = await runTask("run", ["--pending"], env);
    assertEquals(rest.code, 0, rest.stderr);
    assertStringIncludes(rest.stdout, "run: 3 days: 3 succeeded, 0 failed; exit 0");

    const before = await lake.contents();
    const none = await runTask("run", ["--pending"], env);
    assertEquals(none.code, 0);
    assertStringIncludes(none.stdout, "nothing pending: every past day is sealed");
    assertEquals(await lake.contents(), before);
  }));

Deno.test("run --pending: keeps a growing day open and pending, and exits with 0", () =>
  onOneDay(async () => {
    await using db = await outbox({ events: [eventsOf(2, 0)] });
    await using lake = await temporaryLake();
    const env = { ...environment(db.config, lake.path), SEAL_GRACE_MINUTES: "2880" };
    for (const reason of ["no bronze", "bronze is open"]) {
      const { code, stdout } = await runTask("run", ["--pending", "--from", "yesterday"], env);
      assertEquals(code, 0, stdout);
      assertStringIncludes(stdout, `1 of 1: ${reason}`);
      assertMatch(stdout, /^\d{4}-\d\d-\d\d +open +open /m);
    }
  }));

Deno.test("run --pending: rejects a day as argument", async () => {
  const env = { LAKE_URL: "file:///nowhere/at/all", DJANGO_DB_PASSWORD: "p" };
  for (const day of [["yesterday"], ["--date", "2025-12-28"]]) {
    const { code, stderr } = await runTask("run", ["--pending", ...day], env);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Cannot use --pending with");
  }
});

Deno.test("run --pending: prints a line before it waits for the database", async () => {
  await using lake = await temporaryLake();
  const env = {
    LAKE_URL: `file://${lake.path}`,
    DJANGO_DB_HOST: "127.0.0.1",
    DJANGO_DB_PORT: `${deadPort()}`,
  };
  const { code, stdout } = await runTask("run", ["--pending"], {
    ...env,
    DJANGO_DB_PASSWORD: "x",
  });
  assertEquals(code, 3);
  assertStringIncludes(stdout, "looking for days that are not sealed");
});
