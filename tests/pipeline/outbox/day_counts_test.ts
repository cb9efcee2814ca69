import { type Day, parseDay } from "../../../pipeline/contract/window.ts";
import { connect } from "../../../pipeline/outbox/connection.ts";
import { countByDay, type DayCounts } from "../../../pipeline/outbox/day_counts.ts";
import { assertEquals } from "../../support/assert.ts";
import { type Outbox, outbox } from "../../support/postgres.ts";

const INSERT = (instants: readonly string[]) => `
  INSERT INTO stop_events (event_id, occurred_at, operation_id, client_id, symbol, event_type, source)
  SELECT gen_random_uuid(), instant::timestamptz, 1, 1, 'BTCUSDC', 'EXECUTED', 'ws'
  FROM unnest(ARRAY['${instants.join("', '")}']) AS instant`;

const INSTANTS = [
  "0001-01-01T00:00:00Z",
  "2025-12-27T23:59:59.999999Z",
  "2025-12-28T00:00:00Z",
  "2025-12-28T20:00:00-03:00",
  "2025-12-28T23:59:59.999999Z",
  "2025-12-29T00:00:00Z",
  "9999-12-31T23:59:59.999999Z",
  "10000-01-01T00:00:00Z",
  "0001-01-01T00:00:00Z BC",
  "infinity",
  "-infinity",
];

async function counts(db: Outbox, from?: string, to?: string): Promise<DayCounts> {
  const connection = await connect(db.config);
  const day = (text: string | undefined) => text === undefined ? undefined : parseDay(text);
  try {
    return await countByDay(connection, { from: day(from), to: day(to) });
  } finally {
    await connection.close();
  }
}

function days(counts: DayCounts): Record<string, number> {
  return Object.fromEntries<number>(counts.days as ReadonlyMap<Day, number>);
}

Deno.test("countByDay: counts an event on its day in UTC, from midnight to midnight", async () => {
  await using db = await outbox({ events: [INSERT(INSTANTS)] });
  const all = await counts(db);
  assertEquals(days(all), {
    "0001-01-01": 1,
    "2025-12-27": 1,
    "2025-12-28": 3,
    "2025-12-29": 1,
    "9999-12-31": 1,
  });
});

Deno.test("countByDay: counts events that fall on no day as strays", async () => {
  await using db = await outbox({ events: [INSERT(INSTANTS)] });
  assertEquals((await counts(db)).strays, 4);
});

Deno.test("countByDay: includes the first and the last day of a range, and no strays", async () => {
  await using db = await outbox({ events: [INSERT(INSTANTS)] });
  const both = await counts(db, "2025-12-27", "2025-12-28");
  assertEquals([days(both), both.strays], [{ "2025-12-27": 1, "2025-12-28": 3 }, 0]);
  const from = await counts(db, "2025-12-29");
  assertEquals([days(from), from.strays], [{ "2025-12-29": 1, "9999-12-31": 1 }, 0]);
});

Deno.test("countByDay: returns no days for an outbox without events", async () => {
  await using db = await outbox();
  const none = await counts(db);
  assertEquals([days(none), none.strays], [{}, 0]);
});
