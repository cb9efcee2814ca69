import { historyKey } from "../../pipeline/contract/keys.ts";
import { EXECUTION_COLUMNS } from "../../pipeline/contract/tables.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { identityDigest } from "../../pipeline/lake/marker.ts";
import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import {
  amend,
  bronze,
  CENTURY,
  DAY,
  event,
  eventId,
  markerOf,
  silver,
  visible,
} from "../support/days.ts";
import { duckdb, parquet } from "../support/duckdb.ts";
import { expectedExecutions, readBack } from "../support/expected.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";

// An amendment adds late events to a sealed day. The day loses no event, whatever changed in the outbox.

const EVENTS = [1, 2, 3, 4].map((number) => event(number));

Deno.test("runAmend adds late events as additional parts, and keeps the previous marker", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  const before = await markerOf(lake, "bronze");
  await db.query(event(10));
  await db.query(event(11, { event_seq: "NULL" }));

  const { outcome } = await amend(db, lake);
  assertEquals(outcome, "amended");
  const { commit } = await markerOf(lake, "bronze");
  assertEquals([commit.state, commit.rows, commit.maxSeq], ["sealed", 6, 10n]);
  assertEquals(commit.parts.slice(0, -1), before.commit.parts);
  assertEquals(commit.parts.at(-1)!.amendment, 1);
  const none = { events: 0, sha256: identityDigest([]) };
  const previous = { key: historyKey(DAY, 0, before.sha256), sha256: before.sha256 };
  assertEquals(commit.amended, { version: 1, previous, lost: none, altered: none });
  assertEquals((await lake.get(previous.key))!.bytes, before.bytes);
  assertEquals((await visible(lake, "silver")).length, 6);
  // The next runs confirm the whole day, and write nothing.
  const contents = await lake.contents();
  assertEquals((await bronze(db, lake)).at(-1)!.step, "verified");
  assertEquals((await silver(lake)).at(-1)!.step, "verified");
  assertEquals((await amend(db, lake)).outcome, "unchanged");
  assertEquals(await lake.contents(), contents);
});

Deno.test("a run on a sealed day says that late events can still come, and not that the day stays open", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  const writer = await db.connect();
  await writer.query(`BEGIN; ${event(10)}; PREPARE TRANSACTION 'two-phase'`);
  await db.query(event(11));
  const { steps, outcome } = await amend(db, lake);
  const again = await bronze(db, lake);
  await writer.query("ROLLBACK PREPARED 'two-phase'");
  assertEquals([outcome, (await markerOf(lake, "bronze")).commit.state], ["amended", "sealed"]);
  const fences = [...steps, ...again].filter(({ step }) => step === "fence");
  assertEquals(fences.length, 2);
  for (const { says, warning } of fences) {
    assert(
      says.startsWith(
        "the day is sealed, but late events can still come: prepared transaction two-phase",
      ),
      says,
    );
    assert(warning);
  }
});

Deno.test("runAmend keeps lost events, and later runs accept exactly these events as lost", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  // More events were added than deleted, so a count alone would report "one more".
  await db.query("DELETE FROM stop_events WHERE event_seq IN (2, 3)");
  for (const number of [12, 13, 14]) await db.query(event(number));
  const refusal = await assertRejects(() => bronze(db, lake), Failure);
  assertStringIncludes(refusal.message, `event ${eventId(2)} is in bronze but not in the outbox`);
  assertStringIncludes(refusal.message, `deno task amend --date ${DAY}`);

  const { steps } = await amend(db, lake);
  assertStringIncludes(steps.find(({ step }) => step === "lost")!.says, eventId(3));
  const all = [1, 2, 3, 4, 12, 13, 14].map(eventId);
  assertEquals((await visible(lake, "bronze")).toSorted(), all);
  const { lost } = (await markerOf(lake, "bronze")).commit.amended!;
  assertEquals(lost, { events: 2, sha256: identityDigest([eventId(2), eventId(3)]) });
  const verified = (await bronze(db, lake)).at(-1)!;
  assertStringIncludes(verified.says, "except 2 that an amendment acknowledged");

  // The acknowledged events do not include another lost event.
  await db.query("DELETE FROM stop_events WHERE event_seq = 4");
  const again = await assertRejects(() => bronze(db, lake), Failure);
  assertEquals(again.kind, "data");
  await amend(db, lake);
  assertEquals((await markerOf(lake, "bronze")).commit.amended!.version, 2);
  assertEquals((await visible(lake, "bronze")).toSorted(), all);
  await bronze(db, lake);
});

Deno.test("runAmend shows altered events with both values, and refuses them unless the operator chooses to keep them", async () => {
  await using db = await outbox({ events: [event(1, { fill_price: "87398.1" }), event(2)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  const prices = await visible(lake, "bronze", "fill_price");
  await db.query("UPDATE stop_events SET fill_price = 1 WHERE event_seq = 1");
  await db.query("UPDATE stop_events SET event_seq = 20 WHERE event_seq = 2");
  const before = await lake.contents();
  const { kind, message } = await assertRejects(() => amend(db, lake), Failure);
  assertEquals(kind, "data");
  assertStringIncludes(
    message,
    `event ${eventId(1)}: fill_price is 1.00000000 in the outbox and 87398.10000000 in bronze`,
  );
  assertStringIncludes(
    message,
    `event ${eventId(2)}: event_seq is 20 in the outbox and 2 in bronze`,
  );
  assertStringIncludes(message, `deno task amend --date ${DAY} --keep-altered`);
  assertEquals(await lake.contents(), before);

  await amend(db, lake, { keepAltered: true });
  assertEquals(await visible(lake, "bronze", "fill_price"), prices);
  assertEquals((await visible(lake, "bronze")).toSorted(), [1, 2].map(eventId));
  assertEquals((await markerOf(lake, "bronze")).commit.amended!.altered.events, 2);
  await bronze(db, lake);
});

Deno.test("runAmend treats an event that no longer fits the contract as altered, and keeps its values", async () => {
  await using db = await outbox({ events: [event(1, { fill_price: "2.5" }), event(2)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query("UPDATE stop_events SET fill_price = 'NaN' WHERE event_seq = 1");
  const refusal = await assertRejects(() => bronze(db, lake), Failure);
  assertStringIncludes(refusal.message, "no longer fits the contract");
  await amend(db, lake, { keepAltered: true });
  const { quarantine, amended, rows } = (await markerOf(lake, "bronze")).commit;
  assertEquals([quarantine, amended!.altered.events, amended!.lost.events, rows], [
    undefined,
    1,
    0,
    2,
  ]);
  await bronze(db, lake);
});

Deno.test("runAmend asks before it changes anything, and changes nothing after the answer no", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  await db.query(event(10));
  const before = await lake.contents();
  assertEquals((await amend(db, lake, { agrees: false })).outcome, "declined");
  assertEquals(await lake.contents(), before);
});

Deno.test("runAmend refuses a day that was never published, and prints the command that publishes it", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  const { kind, message } = await assertRejects(() => amend(db, lake), Failure);
  assertEquals(kind, "data");
  assertStringIncludes(message, `deno task run --date ${DAY}`);
});

Deno.test("runAmend makes silver equal to a replay in SQL, also when a late event comes in the middle", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, ...[20, 30].map((n) => event(n))] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  await db.query(
    event(25, { operation_id: "20", event_type: "'STOP_TRIGGERED'", stop_price: "7" }),
  );
  await db.query(event(19, { operation_id: "20", event_type: "'FAILED'", stop_price: "8" }));
  await db.query(event(31, { operation_id: "30", event_seq: "NULL", quantity: "3" }));
  await db.query(event(32, { client_id: "5" }));
  await amend(db, lake);
  const { commit } = await markerOf(lake, "silver");
  const files = parquet(commit.parts.map(({ key }) => lake.file(key)));
  assertEquals(
    await duckdb(
      `SELECT ${readBack(EXECUTION_COLUMNS)} FROM ${files} ORDER BY client_id, operation_id`,
    ),
    (await db.query(expectedExecutions(DAY))).map((row) => Object.values(row)),
  );
  // No part of the previous silver is left.
  const listed = (await lake.list("silver/")).map(({ key }) => key).filter((k) =>
    /parquet$/.test(k)
  );
  assertEquals(listed, commit.parts.map(({ key }) => key).toSorted());
});

Deno.test("runSilver catches up with an amendment that was interrupted before silver", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  await db.query(event(10));
  const interrupted: Lake = {
    ...lake,
    put(key, ...rest) {
      if (key.startsWith("silver/")) return Promise.reject(new Error("killed"));
      return lake.put(key, ...rest);
    },
  };
  await assertRejects(() => amend(db, interrupted), Error);
  assertEquals((await visible(lake, "silver")).length, 4);
  await silver(lake);
  assertEquals((await visible(lake, "silver")).length, 5);
});

Deno.test("runAmend keeps an open day open, and a later run adds events and seals the day", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  await db.query("DELETE FROM stop_events WHERE event_seq = 1");
  const { message } = await assertRejects(() => bronze(db, lake, CENTURY), Failure);
  assertStringIncludes(message, `deno task amend --date ${DAY}`);
  await amend(db, lake, { grace: CENTURY });
  assertEquals((await markerOf(lake, "bronze")).commit.state, "open");
  await db.query(event(10));
  await bronze(db, lake, CENTURY);
  await bronze(db, lake);
  const { state, rows } = (await markerOf(lake, "bronze")).commit;
  assertEquals([state, rows], ["sealed", 5]);
  assertEquals((await visible(lake, "bronze")).toSorted(), [1, 2, 3, 4, 10].map(eventId));
  await silver(lake);
  assertEquals((await silver(lake)).at(-1)!.step, "verified");
});

Deno.test("runAmend never removes a published part, and removes the leftovers of a killed amendment", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query(event(10));
  const killed: Lake = {
    ...lake,
    put: (key, body, condition) =>
      key.endsWith("_commit.json")
        ? Promise.reject(new Error("killed"))
        : lake.put(key, body, condition),
  };
  await assertRejects(() => amend(db, killed), Error);
  await db.query(event(11));
  await amend(db, lake);
  const { commit } = await markerOf(lake, "bronze");
  const listed = (await lake.list("bronze/")).map(({ key }) => key).filter((k) =>
    /parquet$/.test(k)
  );
  assertEquals(listed, commit.parts.map(({ key }) => key).toSorted());
  assert(listed.some((key) => /\/late-00001-/.test(key)), listed.join());
});

Deno.test("runAmend settles a day whose lost events are in the outbox again", async () => {
  await using db = await outbox({ events: EVENTS });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query("DELETE FROM stop_events WHERE event_seq = 2");
  await amend(db, lake);
  await db.query(event(2));
  const { message } = await assertRejects(() => bronze(db, lake), Failure);
  assertStringIncludes(message, "the outbox and bronze agree on them again");
  assertStringIncludes(message, `deno task amend --date ${DAY}`);
  await amend(db, lake);
  const { amended, rows } = (await markerOf(lake, "bronze")).commit;
  assertEquals([amended!.version, amended!.lost.events, rows], [2, 0, 4]);
  assertEquals((await bronze(db, lake)).at(-1)!.step, "verified");
});

Deno.test("runAmend settles a day whose altered events equal bronze again", async () => {
  await using db = await outbox({ events: [event(1, { fill_price: "2" }), event(2)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query("UPDATE stop_events SET fill_price = 3 WHERE event_seq = 1");
  await amend(db, lake, { keepAltered: true });
  await db.query("UPDATE stop_events SET fill_price = 2 WHERE event_seq = 1");
  await db.query(event(5));
  await amend(db, lake);
  const { amended, rows } = (await markerOf(lake, "bronze")).commit;
  assertEquals([amended!.version, amended!.altered.events, rows], [2, 0, 3]);
  assertEquals((await bronze(db, lake)).at(-1)!.step, "verified");
});
