import { runBronze } from "../../pipeline/bronze.ts";
import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import { type Outbox, outbox } from "../support/postgres.ts";

// Changes by other processes during a run.

const DAY = parseDay("2025-12-28")!;
const CENTURY = 100n * 366n * 86_400_000_000n;

async function bronze(db: Outbox, lake: Lake, grace = 0n) {
  const observer = recorder();
  await runBronze({ database: db.config, lake, day: DAY, grace, observer });
  return observer.steps;
}

async function commitOf(lake: Lake) {
  return (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!.commit;
}

/** A lake that calls a function once, right after a part or right before the marker is stored. */
function interrupted(lake: Lake, when: "part" | "marker", happens: () => Promise<unknown>): Lake {
  let happened = false;
  const once = async () => {
    if (happened) return;
    happened = true;
    await happens();
  };
  return {
    ...lake,
    async put(key, body, condition) {
      if (when === "marker" && key.endsWith(".json")) await once();
      const outcome = await lake.put(key, body, condition);
      if (when === "part") await once();
      return outcome;
    },
  };
}

function event(number: number): string {
  return `INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                                   event_type, source)
          VALUES (gen_random_uuid(), ${number}, '2025-12-28T18:00:00Z', 5, 1, 'BTCUSDC', 'FAILED',
                  'cron')`;
}

Deno.test("bronze and silver: an event that is added during a run keeps the day open, and the next run copies the event", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const steps = await bronze(db, interrupted(lake, "part", () => db.query(event(3))));
  assertStringIncludes(
    steps.find(({ warning }) => warning)!.says,
    "1 event came during the run",
  );
  const { state, rows } = await commitOf(lake);
  assertEquals([state, rows], ["open", 2]);
  await bronze(db, lake);
  const next = await commitOf(lake);
  assertEquals([next.state, next.rows], ["sealed", 3]);
});

for (const published of ["for the first time", "again"]) {
  Deno.test(`bronze and silver: a run does not overwrite a newer state that another run publishes ${published} in the meantime`, async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using lake = await temporaryLake();
    if (published === "again") await bronze(db, lake, CENTURY);
    await db.query(event(3));
    const slow = interrupted(lake, "marker", async () => {
      await db.query(event(4));
      await bronze(db, lake, CENTURY);
    });
    const { kind, message } = await assertRejects(() => bronze(db, slow, CENTURY), Failure);
    assertEquals(kind, "unreachable");
    assertStringIncludes(message, "another run published this day meanwhile");
    assertEquals((await commitOf(lake)).rows, 4);
    // The other run removed the part of the slow run, or the next run removes it.
    await bronze(db, lake, CENTURY);
    const parts = (await commitOf(lake)).parts.map(({ key }) => key);
    const there = (await lake.list("bronze/")).map(({ key }) => key);
    assertEquals(there.filter((key) => key.endsWith(".parquet")), parts);
  });
}

Deno.test("bronze and silver: a run publishes nothing if a part is removed before the marker is written", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const losing = interrupted(lake, "part", async () => {
    for (const { key } of await lake.list("bronze/")) await lake.remove(key);
  });
  const { kind, message } = await assertRejects(() => bronze(db, losing), Failure);
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "was stored but no longer exists");
  assertEquals(await lake.list(""), []);
});

Deno.test("bronze and silver: a run recognizes its own marker after the answer to the put was lost", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const forgetful: Lake = {
    ...lake,
    async put(key, body, condition) {
      const outcome = await lake.put(key, body, condition);
      return condition === undefined ? outcome : "conflict"; // the answer that a second try gets
    },
  };
  const steps = await bronze(db, forgetful);
  assert(steps.some(({ step }) => step === "commit"));
});
