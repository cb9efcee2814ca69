import { runBronze } from "../../pipeline/bronze.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { recorder, temporaryLake } from "../support/lakes.ts";
import { type Outbox, outbox } from "../support/postgres.ts";

// A day without events is published like any other day: "no events" must not look like "never run".

const EMPTY = parseDay("2025-12-25")!;
const CENTURY = 100n * 366n * 86_400_000_000n;

async function bronze(db: Outbox, lake: Lake, grace = 0n) {
  const observer = recorder();
  await runBronze({ database: db.config, lake, day: EMPTY, grace, observer });
  return observer.steps;
}

Deno.test("runBronze publishes and seals an empty day, and names the nearest days", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const steps = await bronze(db, lake);
  const said = steps.find(({ step }) => step === "snapshot")!;
  assertStringIncludes(said.says, "no events; the nearest day with events is 2025-12-28");
  assertEquals(said.warning, undefined);
  const { commit } = (await readMarker(lake, "bronze", bronzeMarkerKey(EMPTY), EMPTY))!;
  assertEquals([commit.state, commit.rows, commit.parts, commit.minSeq], ["sealed", 0, [], null]);
});

Deno.test("runSilver publishes the silver of an empty day, and a second run verifies both layers", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await runSilver({ lake, day: EMPTY, observer: recorder() });
  const { commit } = (await readMarker(lake, "silver", silverMarkerKey(EMPTY), EMPTY))!;
  assertEquals([commit.state, commit.rows, commit.parts], ["sealed", 0, []]);
  const before = await lake.contents();
  assertEquals((await bronze(db, lake)).at(-1)!.step, "verified");
  const silver = recorder();
  await runSilver({ lake, day: EMPTY, observer: silver });
  assertEquals(silver.steps.at(-1)!.step, "verified");
  assertEquals(await lake.contents(), before);
});

Deno.test("runBronze adds events to an open empty day", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  await db.query("UPDATE stop_events SET occurred_at = occurred_at - interval '3 days'");
  await bronze(db, lake, CENTURY);
  const { commit } = (await readMarker(lake, "bronze", bronzeMarkerKey(EMPTY), EMPTY))!;
  assertEquals([commit.state, commit.rows], ["open", 2]);
});

Deno.test("runBronze warns if the outbox has no events", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const said = (await bronze(db, lake)).find(({ step }) => step === "snapshot")!;
  assertEquals(said.warning, true);
  assertStringIncludes(said.says, "Check DJANGO_DB_NAME");
});
