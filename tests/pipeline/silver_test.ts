import { runBronze } from "../../pipeline/bronze.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { duckdb, parquet } from "../support/duckdb.ts";
import { recorder, type TemporaryLake, temporaryLake } from "../support/lakes.ts";
import { type Outbox, outbox } from "../support/postgres.ts";

const DAY = parseDay("2025-12-28")!;
const CENTURY = 100n * 366n * 86_400_000_000n;

async function bronze(db: Outbox, lake: Lake, grace = 0n): Promise<void> {
  await runBronze({ database: db.config, lake, day: DAY, grace, observer: recorder() });
}

async function silver(lake: Lake) {
  const observer = recorder();
  await runSilver({ lake, day: DAY, observer });
  return observer.steps;
}

/** Asserts that silver is refused and that the lake is unchanged. */
async function refused(lake: TemporaryLake): Promise<Failure> {
  const before = await lake.contents();
  const failure = await assertRejects(() => silver(lake), Failure);
  assertEquals(await lake.contents(), before);
  return failure;
}

async function firstPart(lake: Lake): Promise<string> {
  return (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!.commit.parts[0]!.key;
}

Deno.test("silver: replays two events into one execution with both times", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  const { commit } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
  assertEquals([commit.state, commit.rows], ["sealed", 1]);
  const columns = "operation_id, client_id, symbol, status, fill_price, " +
    "triggered_at < executed_at, submitted_at";
  const rows = await duckdb(`SELECT ${columns} FROM ${parquet([lake.file(commit.parts[0]!.key)])}`);
  assertEquals(rows, [["1", "1", "BTCUSDC", "EXECUTED", "87398.10000000", "true", null]]);
});

Deno.test("silver: records the bronze marker that silver was made from, and stays open while bronze is open", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  for (const [grace, state] of [[CENTURY, "open"], [0n, "sealed"]] as const) {
    await bronze(db, lake, grace);
    await silver(lake);
    const bronzeMarker = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
    const { commit } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
    assertEquals(commit.state, state);
    assertEquals(commit.bronze, { key: bronzeMarker.key, sha256: bronzeMarker.sha256 });
  }
});

Deno.test("silver: stores the same parts whether a second thread is started or not", async () => {
  await using db = await outbox({ events: [generatedEvents(2000)] });
  const stored = [];
  for (const fewestForThread of [undefined, 1]) {
    await using lake = await temporaryLake();
    await bronze(db, lake);
    await runSilver({ lake, day: DAY, observer: recorder(), fewestForThread });
    const { commit } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
    stored.push(commit.parts);
  }
  assert(stored[0]!.length > 1);
  assertEquals(stored[1], stored[0]);
});

Deno.test("silver: leaves no part of a client that no longer has an execution", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  await silver(lake);
  // The latest event assigns the operation to another client.
  await db.query(`
    INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                             event_type, source)
    VALUES (gen_random_uuid(), 50, '2025-12-28T20:00:00Z', 1, 2, 'BTCUSDC', 'FAILED', 'cron')`);
  await bronze(db, lake, CENTURY);
  const steps = await silver(lake);
  assertEquals(steps.at(-1)!.step, "clean");
  const parts = (await lake.list("silver/")).map(({ key }) => key).filter((k) => /part/.test(k));
  assert(parts.length === 1 && parts[0]!.includes("/client_id=2/"), parts.join());
});

Deno.test("silver: publishes a day without execution events without parts", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await db.query("UPDATE stop_events SET event_type = 'KILL_SWITCH'");
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  const { commit } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
  assertEquals([commit.rows, commit.parts.length], [0, 0]);
});

Deno.test("silver: refuses a day without bronze, and prints the command that makes bronze", async () => {
  await using lake = await temporaryLake();
  const { kind, message } = await refused(lake);
  assertEquals(kind, "data");
  assertStringIncludes(message, "bronze has no commit marker");
  assertStringIncludes(message, "deno task bronze --date 2025-12-28");
});

Deno.test("silver: publishes the same bytes however many operations it holds in memory", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(300)] });
  const published: Map<string, string>[] = [];
  for (const mostOperations of [undefined, 40]) {
    await using lake = await temporaryLake();
    await bronze(db, lake);
    const observer = recorder();
    await runSilver({ lake, day: DAY, mostOperations, observer });
    const steps = observer.steps.map(({ step }) => step);
    assertEquals(steps, ["bronze", "replay", "parts", "commit"]);
    published.push(await lake.contents());
  }
  assertEquals(published[0], published[1]);
});

const DAMAGE: [string, (lake: TemporaryLake) => Promise<unknown>, string][] = [
  [
    "a bronze marker that is not JSON",
    (lake) => lake.put(bronzeMarkerKey(DAY), new TextEncoder().encode("{")),
    "it is not JSON",
  ],
  [
    "a missing part",
    async (lake) => lake.remove(await firstPart(lake)),
    "it is missing",
  ],
  [
    "a truncated part",
    async (lake) => Deno.truncate(lake.file(await firstPart(lake)), 1000),
    "it has 1000 bytes, but the commit marker says",
  ],
  [
    "a part with one byte changed",
    async (lake) => {
      const file = lake.file(await firstPart(lake));
      const bytes = await Deno.readFile(file);
      bytes[100]! ^= 1;
      await Deno.writeFile(file, bytes);
    },
    "its sha256 differs from the commit marker",
  ],
];

for (const [what, damage, words] of DAMAGE) {
  Deno.test(`silver: refuses ${what}, and publishes nothing`, async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(100)] });
    await using lake = await temporaryLake();
    await bronze(db, lake);
    await damage(lake);
    const { kind, message } = await refused(lake);
    assertEquals(kind, "data");
    assertStringIncludes(message, words);
  });
}

Deno.test("silver: starts over from the new bronze if bronze is published again during the run", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  const old = await firstPart(lake);
  let interfered = false;
  const interfering: Lake = {
    ...lake,
    async get(key) {
      if (key === old && !interfered) {
        interfered = true;
        await db.query(generatedEvents(50));
        await bronze(db, lake, CENTURY); // replaces the part that silver is about to read
      }
      return await lake.get(key);
    },
  };
  const steps = await silver(interfering);
  assert(steps.some(({ warning, says }) => warning && says.includes("starting over")));
  const bronzeMarker = (await readMarker(lake, "bronze", bronzeMarkerKey(DAY), DAY))!;
  const { commit } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
  assertEquals(commit.bronze.sha256, bronzeMarker.sha256);
});

Deno.test("silver: names the operations of a sealed silver that was changed, and writes nothing", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  // This simulates another engine that sealed silver from other rows: the part is valid, but differs.
  await using other = await temporaryLake();
  await db.query("UPDATE stop_events SET fill_price = 1 WHERE event_type = 'EXECUTED'");
  await bronze(db, other);
  await silver(other);
  for (const { key } of await other.list("silver/")) {
    await lake.put(key, (await other.get(key))!.bytes);
  }
  const { kind, message } = await refused(lake);
  assertEquals(kind, "data");
  assertStringIncludes(message, "operation 1 of client 1 has a different fill_price");
});
