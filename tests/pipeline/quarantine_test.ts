import { Failure } from "../../pipeline/errors.ts";
import { type Quarantine, readQuarantine } from "../../pipeline/quarantine.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { amend, bronze, CENTURY, DAY, event, eventId, markerOf, silver } from "../support/days.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";

// An event that does not fit the contract does not stop its day. The event is not dropped silently.

async function quarantineOf(lake: Lake): Promise<Quarantine> {
  return await readQuarantine(lake, DAY, (await markerOf(lake, "bronze")).commit.quarantine);
}

/** Statements that alter event 2, the column that no longer fits, and the reported problem. */
const UNFIT: [string, string, string, string, string | null][] = [
  ["a price that is NaN", "SET fill_price = 'NaN'", "fill_price", "is NaN", "NaN"],
  [
    "a price with nine decimals",
    "SET stop_price = 1.123456789",
    "stop_price",
    "has more than 8 decimals",
    "1.123456789",
  ],
  [
    "a price that is infinite",
    "SET quantity = '-Infinity'",
    "quantity",
    "is infinite",
    "-Infinity",
  ],
  [
    "a price with thirteen digits before the point",
    "SET quantity = 1000000000000",
    "quantity",
    "has more than 12 digits before the point",
    "1000000000000",
  ],
  ["a null where the contract has none", "SET symbol = NULL", "symbol", "is null", null],
];

for (const [what, set, column, problem, value] of UNFIT) {
  Deno.test(`runBronze puts ${what} into the quarantine, and publishes the rest`, async () => {
    await using db = await outbox({
      events: [
        `ALTER TABLE stop_events ALTER COLUMN stop_price TYPE numeric;
         ALTER TABLE stop_events ALTER COLUMN quantity TYPE numeric;
         ALTER TABLE stop_events ALTER COLUMN symbol DROP NOT NULL`,
        event(1),
        event(2, { payload_json: `'{"note": "kept whole"}'` }),
        `UPDATE stop_events ${set} WHERE event_seq = 2`,
      ],
    });
    await using lake = await temporaryLake();
    const warning = (await bronze(db, lake)).find(({ step }) => step === "quarantine")!;
    assertStringIncludes(warning.says, `${eventId(2)} (${column} ${problem})`);
    const { commit } = await markerOf(lake, "bronze");
    assertEquals([commit.state, commit.rows, commit.quarantine!.events], ["sealed", 1, 1]);
    const [kept] = (await quarantineOf(lake)).events;
    assertEquals(kept!.problems, [{ column, problem }]);
    assertEquals(kept!.row[column], value);
    assertEquals(kept!.row.payload_json, '{"note": "kept whole"}');
    // A second run confirms the day in bronze and in silver.
    await silver(lake);
    assertEquals((await bronze(db, lake)).at(-1)!.step, "verified");
    assertEquals((await silver(lake)).at(-1)!.step, "verified");
  });
}

Deno.test("quarantine: an event that is corrected on an open day enters bronze with the next run", async () => {
  await using db = await outbox({ events: [event(1), event(2, { fill_price: "'NaN'" })] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  await db.query("UPDATE stop_events SET fill_price = 3 WHERE event_seq = 2");
  await bronze(db, lake, CENTURY);
  const { rows, quarantine } = (await markerOf(lake, "bronze")).commit;
  assertEquals([rows, quarantine], [2, undefined]);
});

Deno.test("quarantine: an event that is corrected on a sealed day enters bronze with an amendment", async () => {
  await using db = await outbox({ events: [event(1), event(2, { fill_price: "'NaN'" })] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const document = (await markerOf(lake, "bronze")).commit.quarantine!.key;
  await db.query("UPDATE stop_events SET fill_price = 3 WHERE event_seq = 2");
  const { message } = await assertRejects(() => bronze(db, lake), Failure);
  assertStringIncludes(message, `event ${eventId(2)} is in the outbox but not in bronze`);
  await amend(db, lake);
  const { rows, quarantine } = (await markerOf(lake, "bronze")).commit;
  assertEquals([rows, quarantine], [2, undefined]);
  // A marker in the history still refers to the document.
  assert(await lake.get(document) !== undefined);
});

for (const amended of [false, true]) {
  const day = amended ? "an open day that was amended" : "an open day";
  Deno.test(`quarantine: an event that the outbox lost, on ${day}, is refused by every run until an amendment`, async () => {
    await using db = await outbox({ events: [event(1), event(2, { fill_price: "'NaN'" })] });
    await using lake = await temporaryLake();
    await bronze(db, lake, CENTURY);
    if (amended) {
      await db.query("DELETE FROM stop_events WHERE event_seq = 1");
      await amend(db, lake, { grace: CENTURY });
    }
    const before = await markerOf(lake, "bronze");
    await db.query("DELETE FROM stop_events WHERE event_seq = 2");
    await db.query(event(3));
    const { kind, message } = await assertRejects(() => bronze(db, lake, CENTURY), Failure);
    assertEquals(kind, "data");
    assertStringIncludes(message, eventId(2));
    assertStringIncludes(message, "deno task amend --date 2025-12-28");
    assertEquals((await markerOf(lake, "bronze")).sha256, before.sha256);
    const { steps } = await amend(db, lake, { grace: CENTURY });
    const told = steps.find(({ step }) => step === "gone")!;
    assertStringIncludes(told.says, `${eventId(2)} (fill_price is NaN)`);
    const { rows, quarantine } = (await markerOf(lake, "bronze")).commit;
    assertEquals([rows, quarantine], [2, undefined]);
    assert(await lake.get(before.commit.quarantine!.key) !== undefined);
    await bronze(db, lake, CENTURY);
  });
}

Deno.test("quarantine: a late unfit event is refused by name, and an amendment puts the event into the quarantine", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query(event(2, { fill_price: "'NaN'" }));
  const { kind, message } = await assertRejects(() => bronze(db, lake), Failure);
  assertEquals(kind, "data");
  assertStringIncludes(message, eventId(2));
  await amend(db, lake);
  const { rows, quarantine } = (await markerOf(lake, "bronze")).commit;
  assertEquals([rows, quarantine!.events], [1, 1]);
  assertEquals((await bronze(db, lake)).at(-1)!.step, "verified");
});

Deno.test("quarantine: events on no day cause a warning, and stop no day", async () => {
  await using db = await outbox({
    events: [
      event(1),
      event(2, { occurred_at: "'infinity'" }),
      event(3, { occurred_at: "'-infinity'" }),
    ],
  });
  await using lake = await temporaryLake();
  const warning = (await bronze(db, lake)).find(({ step }) => step === "strays")!;
  assertStringIncludes(warning.says, "2 events of stop_events have no valid occurred_at");
  assertStringIncludes(warning.says, `${eventId(2)}, ${eventId(3)}`);
  assertEquals((await markerOf(lake, "bronze")).commit.rows, 1);
});

Deno.test("readQuarantine refuses a document that is missing or has other bytes", async () => {
  await using db = await outbox({ events: [event(1), event(2, { fill_price: "'NaN'" })] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const { key } = (await markerOf(lake, "bronze")).commit.quarantine!;
  await lake.put(key, new TextEncoder().encode("{}"));
  assertStringIncludes(
    (await assertRejects(() => bronze(db, lake), Failure)).message,
    "its sha256 differs from the commit marker",
  );
  await lake.remove(key);
  assertStringIncludes(
    (await assertRejects(() => bronze(db, lake), Failure)).message,
    "it is missing",
  );
});

Deno.test("quarantine: an event without event_id stays recorded when the outbox loses the event", async () => {
  for (const grace of [CENTURY, 0n]) {
    await using db = await outbox({
      events: [
        "ALTER TABLE stop_events DROP CONSTRAINT stop_events_pkey; " +
        "ALTER TABLE stop_events ALTER COLUMN event_id DROP NOT NULL",
        event(1),
        event(2, { event_id: "NULL" }),
      ],
    });
    await using lake = await temporaryLake();
    await bronze(db, lake, grace);
    await db.query("DELETE FROM stop_events WHERE event_id IS NULL");
    const { kind, message } = await assertRejects(() => bronze(db, lake, grace), Failure);
    assertEquals(kind, "data");
    assertStringIncludes(message, `deno task amend --date ${DAY}`);
  }
});

Deno.test("quarantine: an event stays the same event when the table gains a column", async () => {
  await using db = await outbox({ events: [event(1), event(2, { fill_price: "'NaN'" })] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await db.query("ALTER TABLE stop_events ADD COLUMN venue text DEFAULT 'x'");
  assertEquals((await bronze(db, lake)).at(-1)!.step, "verified");
});
