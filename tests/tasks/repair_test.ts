import {
  bronzeMarkerKey,
  bronzePrefix,
  silverMarkerKey,
  silverPrefix,
} from "../../pipeline/contract/keys.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { renderMarker, type SilverCommit } from "../../pipeline/lake/marker.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { DAY, event, eventId, markerOf, visible } from "../support/days.ts";
import { type TemporaryLake, temporaryLake } from "../support/lakes.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { environment, runTask, type TaskOutcome } from "../support/task.ts";

// Runs each printed fix exactly as printed. Afterwards the day passes all checks, with every event that
// was ever in bronze.

/** Variables that set the state of a day. A grace of almost two years keeps the day open. */
const SEALED = { day: DAY, env: {} };
const OPEN = {
  day: Temporal.Now.plainDateISO("UTC").toString() as Day,
  env: { SEAL_GRACE_MINUTES: "999999" },
};
type State = typeof OPEN | typeof SEALED;

function filled(number: number, { day }: State = SEALED, price = "1.5"): string {
  return event(number, { fill_price: price, occurred_at: `'${day}T00:00:00Z'` });
}

interface Result {
  readonly id: string;
  readonly verdict: string;
  readonly findings: readonly { readonly fix: string }[];
}

/** Repairs a day of four events that a test damages. */
interface Operator {
  readonly day: Day;
  readonly db: Outbox;
  readonly lake: TemporaryLake;
  /** Runs a task and waits for its result. */
  task(name: string, ...args: string[]): Promise<TaskOutcome>;
  /** Runs a printed command. There is no terminal to answer questions. */
  paste(command: string): Promise<TaskOutcome>;
  /** Returns the results of postflight by check. */
  found(): Promise<Map<string, Result>>;
  /** Runs the only fix that postflight prints, and returns the fix. */
  repair(): Promise<string>;
}

async function atWork(
  use: (operator: Operator) => Promise<void>,
  state: State = SEALED,
  ...more: string[]
): Promise<void> {
  const { day, env } = state;
  const events = [1, 2, 3, 4].map((number) => filled(number, state));
  await using db = await outbox({ events: [...events, ...more] });
  await using lake = await temporaryLake();
  const variables = { ...environment(db.config, lake.path), ...env };
  const task = (name: string, ...args: string[]) => runTask(name, args, variables);
  const paste = async (command: string) => {
    const [deno, verb, name, ...args] = command.split(" ");
    assertEquals([deno, verb], ["deno", "task"], command);
    return await task(name!, ...args, ...(["amend", "clean"].includes(name!) ? ["--yes"] : []));
  };
  const found = async () => {
    const { stdout } = await task("postflight", "--date", day, "--output", "json");
    const { results } = JSON.parse(stdout) as { results: Result[] };
    const wrong = results.filter(({ verdict }) => !["pass", "skip"].includes(verdict));
    return new Map(wrong.map((result) => [result.id, result]));
  };
  const repair = async () => {
    const fixes = new Set(
      [...(await found()).values()].flatMap(({ findings }) => findings.map(({ fix }) => fix)),
    );
    assertEquals(fixes.size, 1, [...fixes].join(" | "));
    const [fix] = fixes;
    const { code, stderr } = await paste(fix!);
    assertEquals(code, 0, stderr);
    return fix!;
  };
  await use({ day, db, lake, task, paste, found, repair });
}

async function healthy({ task, day }: Operator): Promise<void> {
  const { code, stdout } = await task("run", "--date", day);
  assertEquals(code, 0, stdout);
}

async function isWell({ found }: Operator): Promise<void> {
  assertEquals([...(await found()).keys()], []);
}

function command(verb: string, day = DAY): string {
  return `deno task ${verb} --date ${day}`;
}

const LATE = filled(10);
const LOST = "DELETE FROM stop_events WHERE event_seq IN (1, 2)";
const ALTERED = "UPDATE stop_events SET fill_price = 9 WHERE event_seq = 3";

for (const [what, statements] of [["late", [LATE]], ["lost", [LOST]]] as const) {
  Deno.test(`repair: one amend adds ${what} events to a sealed day, as status and postflight print`, async () => {
    await atWork(async (operator) => {
      await healthy(operator);
      const before = await visible(operator.lake, "bronze");
      for (const statement of statements) await operator.db.query(statement);
      const { stdout } = await operator.task("status", "--from", DAY, "--to", DAY);
      assertStringIncludes(stdout, "amend");
      assertEquals([...(await operator.found()).keys()], ["row-counts"]);
      assertEquals(await operator.repair(), command("amend"));
      await isWell(operator);
      const after = new Set(await visible(operator.lake, "bronze"));
      assertEquals(before.filter((id) => !after.has(id)), []);
    });
  });
}

for (
  const [what, statements] of [
    ["altered events", [ALTERED]],
    ["late, lost and altered events together", [LATE, filled(11), LOST, ALTERED]],
  ] as const
) {
  Deno.test(`repair: amend shows ${what} of a sealed day, and prints how to keep them`, async () => {
    await atWork(async (operator) => {
      await healthy(operator);
      const before = await visible(operator.lake, "bronze");
      for (const statement of statements) await operator.db.query(statement);
      const findings = (await operator.found()).get("row-counts")!.findings;
      const fixes = new Set(findings.map(({ fix }) => fix));
      assertEquals([...fixes], [command("amend")]);

      const refused = await operator.paste([...fixes][0]!);
      assertEquals(refused.code, 1);
      assertStringIncludes(refused.stderr, "fill_price is 9.00000000 in the outbox");
      const printed = /deno task amend --date \S+ --keep-altered/.exec(refused.stderr)![0];
      assertEquals((await operator.paste(printed)).code, 0);
      await isWell(operator);
      const after = new Set(await visible(operator.lake, "bronze"));
      assertEquals(before.filter((id) => !after.has(id)), []);
      assertEquals(after.size, statements.length > 1 ? 6 : 4);
    });
  });
}

Deno.test("repair: the printed run adds late and altered events to an open day", async () => {
  await atWork(async (operator) => {
    await healthy(operator);
    for (const statement of [filled(10, OPEN), ALTERED]) await operator.db.query(statement);
    assertEquals(await operator.repair(), command("run", operator.day));
    await isWell(operator);
    const { commit } = await markerOf(operator.lake, "bronze", operator.day);
    assertEquals([commit.state, commit.rows, commit.amended], ["open", 5, undefined]);
  }, OPEN);
});

Deno.test("repair: the printed amend keeps events of an open day that the outbox lost", async () => {
  await atWork(async (operator) => {
    await healthy(operator);
    for (const statement of [filled(10, OPEN), LOST]) await operator.db.query(statement);
    assertEquals(await operator.repair(), command("amend", operator.day));
    await isWell(operator);
    const { commit } = await markerOf(operator.lake, "bronze", operator.day);
    assertEquals([commit.state, commit.rows], ["open", 5]);
  }, OPEN);
});

for (const [name, state, verb] of [["open", OPEN, "run"], ["sealed", SEALED, "amend"]] as const) {
  Deno.test(`repair: an event with NaN on a day that is ${name} is corrected and then added`, async () => {
    await atWork(
      async (operator) => {
        const { day, task, db } = operator;
        assertEquals((await task("bronze", "--date", day)).code, 0);
        assertEquals((await task("silver", "--date", day)).code, 0);
        const found = await operator.found();
        assertEquals([...found.keys()], ["quarantine"]);
        const { fix } = found.get("quarantine")!.findings[0]!;
        const [, update, pasted] = /^Correct .*: (UPDATE .*;) Then run: (.*)$/.exec(fix)!;
        assertEquals(pasted, command(verb, day));
        await db.query(update!.replace("<value>", "2.5"));
        // From now on, the printed command is the whole fix.
        assertEquals(await operator.repair(), pasted!);
        await isWell(operator);
        const ids = await visible(operator.lake, "bronze", "event_id", day);
        assert(ids.includes(eventId(5)));
      },
      state,
      filled(5, state, "'NaN'"),
    );
  });
}

Deno.test("repair: the printed statement corrects an event without a valid day", async () => {
  await atWork(
    async (operator) => {
      await operator.task("run", "--date", DAY);
      const { fix } = (await operator.found()).get("quarantine")!.findings[0]!;
      const [, update] = /^Correct .*: (UPDATE .*;) Then run/.exec(fix)!;
      await operator.db.query(update!.replace("<time>", "2025-12-24T12:00:00Z"));
      await isWell(operator);
    },
    SEALED,
    event(5, { occurred_at: "'infinity'" }),
  );
});

Deno.test("repair: an empty day passes every check, and an unpublished day fails with the run to do", async () => {
  await atWork(async (operator) => {
    await operator.db.query("DELETE FROM stop_events");
    assertEquals([...(await operator.found()).keys()], ["bronze-committed"]);
    assertEquals(await operator.repair(), command("run"));
    await isWell(operator);
    const { code, stdout } = await operator.task("postflight", "--date", DAY, "--strict");
    assertEquals(code, 0);
    assertStringIncludes(stdout, `no events on ${DAY}, neither in the outbox nor in bronze`);
  });
});

/** Kinds of damage to silver, each with the check that reports the damage. */
const DAMAGE: [string, string, (lake: TemporaryLake) => Promise<unknown>][] = [
  ["a part is missing", "silver-parts", async (lake) => {
    await lake.remove((await markerOf(lake, "silver")).commit.parts[0]!.key);
  }],
  ["a part is damaged", "silver-parts", async (lake) => {
    const { key, bytes } = (await markerOf(lake, "silver")).commit.parts[0]!;
    await lake.put(key, new Uint8Array(bytes));
  }],
  [
    "the marker is unusable",
    "silver-current",
    (lake) => lake.put(silverMarkerKey(DAY), new TextEncoder().encode("<html>")),
  ],
  ["there is no marker", "silver-current", (lake) => lake.remove(silverMarkerKey(DAY))],
  [
    "the contract is different",
    "silver-current",
    (lake) => remark(lake, { contract: "sha256:0" }),
  ],
  ["silver was made from another bronze", "silver-current", (lake) => {
    const bronze = { key: bronzeMarkerKey(DAY), sha256: "0".repeat(64) };
    return remark(lake, { bronze });
  }],
  ["silver is open", "silver-current", (lake) => remark(lake, { state: "open" })],
];

async function remark(
  lake: TemporaryLake,
  changes: Partial<SilverCommit>,
  day: Day = DAY,
): Promise<void> {
  const { commit, key } = await markerOf(lake, "silver", day);
  await lake.put(key, renderMarker({ ...commit, ...changes }));
}

Deno.test("repair: the printed command rebuilds a sealed silver", async (t) => {
  await atWork(async (operator) => {
    await healthy(operator);
    const before = await visible(operator.lake, "silver");
    for (const [what, id, damage] of DAMAGE) {
      await t.step(what, async () => {
        await damage(operator.lake);
        assertEquals([...(await operator.found()).keys()], [id]);
        await operator.repair();
        await isWell(operator);
        assertEquals(await visible(operator.lake, "silver"), before);
      });
    }
  });
});

Deno.test("repair: the printed command rebuilds silver that is sealed although its bronze is open", async () => {
  await atWork(async (operator) => {
    await healthy(operator);
    await remark(operator.lake, { state: "sealed" }, operator.day);
    assertEquals(await operator.repair(), command("amend", operator.day));
    await isWell(operator);
  }, OPEN);
});

Deno.test("repair: the printed command rebuilds silver after an interrupted amendment", async () => {
  await atWork(async (operator) => {
    await healthy(operator);
    const silver = await operator.lake.get(silverMarkerKey(DAY));
    const parts = (await markerOf(operator.lake, "silver")).commit.parts;
    const bodies = await Promise.all(parts.map(({ key }) => operator.lake.get(key)));
    await operator.db.query(LATE);
    assertEquals((await operator.paste(command("amend"))).code, 0);
    await operator.lake.put(silverMarkerKey(DAY), silver!.bytes);
    for (const [i, { key }] of parts.entries()) await operator.lake.put(key, bodies[i]!.bytes);
    const { findings } = (await operator.found()).get("silver-current")!;
    assertEquals(findings[0]!.fix, command("silver"));
    assertEquals((await operator.paste(command("silver"))).code, 0);
    await isWell(operator);
  });
});

Deno.test("repair: a missing part of a sealed bronze can only be restored from a backup", async () => {
  await atWork(async (operator) => {
    await healthy(operator);
    const [part] = (await markerOf(operator.lake, "bronze")).commit.parts;
    const backup = (await operator.lake.get(part!.key))!.bytes;
    await operator.lake.remove(part!.key);
    const found = await operator.found();
    assertEquals([...found.keys()], ["bronze-parts"]);
    assertStringIncludes(
      found.get("bronze-parts")!.findings[0]!.fix,
      `Restore ${part!.key} from a backup`,
    );
    for (const verb of ["run", "amend"]) {
      assertEquals((await operator.paste(command(verb))).code, 1);
    }
    await operator.lake.put(part!.key, backup);
    await isWell(operator);
  });
});

Deno.test("repair: the printed run stores a missing part of an open bronze again", async () => {
  await atWork(async (operator) => {
    await healthy(operator);
    const before = await visible(operator.lake, "bronze", "event_id", operator.day);
    const [part] = (await markerOf(operator.lake, "bronze", operator.day)).commit.parts;
    await operator.lake.remove(part!.key);
    await operator.db.query(filled(10, OPEN));
    assertEquals(await operator.repair(), command("run", operator.day));
    await isWell(operator);
    const after = await visible(operator.lake, "bronze", "event_id", operator.day);
    assertEquals(after.slice(0, -1), before);
  }, OPEN);
});

Deno.test("repair: the printed clean removes unreferenced parts in both layers", async () => {
  await atWork(async (operator) => {
    await healthy(operator);
    for (const folder of [bronzePrefix(DAY), silverPrefix(99n, DAY)]) {
      const key = `${folder}part-00000-${"0".repeat(32)}.parquet`;
      await operator.lake.put(key, new Uint8Array(7));
      const long = new Date(Date.now() - 25 * 60 * 60 * 1000);
      await Deno.utime(operator.lake.file(key), long, long);
    }
    assertEquals([...(await operator.found()).keys()], ["orphan-parts"]);
    assertEquals(await operator.repair(), command("clean"));
    await isWell(operator);
  });
});
