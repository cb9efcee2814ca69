import { Failure } from "../../pipeline/errors.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { bronze, CENTURY, event, eventId, markerOf, visible } from "../support/days.ts";
import { type TemporaryLake, temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";

// A run of an open day copies the day again, and must not lose events that the outbox lost. The run
// knows only the digest of a part that cannot be read.

const EVENTS = [1, 2, 3, 4].map((number) => event(number));

async function keyOf(lake: TemporaryLake): Promise<string> {
  return (await markerOf(lake, "bronze")).commit.parts[0]!.key;
}

const DAMAGE: [string, (lake: TemporaryLake, key: string) => Promise<unknown>][] = [
  ["missing", (lake, key) => lake.remove(key)],
  ["damaged", (lake, key) => lake.put(key, new Uint8Array(100))],
];

for (const [what, damage] of DAMAGE) {
  Deno.test(`runBronze replaces a ${what} part of an open day if the outbox still has the events`, async () => {
    for (const more of [[], [event(10), event(11)]]) {
      await using db = await outbox({ events: EVENTS });
      await using lake = await temporaryLake();
      await bronze(db, lake, CENTURY);
      await damage(lake, await keyOf(lake));
      for (const statement of more) await db.query(statement);
      await bronze(db, lake, CENTURY);
      const numbers = [1, 2, 3, 4, ...(more.length > 0 ? [10, 11] : [])];
      assertEquals(await visible(lake, "bronze"), numbers.map(eventId));
    }
  });

  Deno.test(`runBronze refuses a day with a ${what} part if the outbox may have lost events of that part`, async () => {
    const statements = [
      "DELETE FROM stop_events WHERE event_seq = 2",
      "UPDATE stop_events SET symbol = 'ETHUSDC' WHERE event_seq = 2",
      event(0), // this event comes first, so every part changes
    ];
    for (const statement of statements) {
      await using db = await outbox({ events: EVENTS });
      await using lake = await temporaryLake();
      await bronze(db, lake, CENTURY);
      const key = await keyOf(lake);
      await damage(lake, key);
      for (const more of [statement, event(10)]) await db.query(more);
      const before = await lake.contents();
      const { kind, message } = await assertRejects(() => bronze(db, lake, CENTURY), Failure);
      assertEquals(kind, "data");
      assertStringIncludes(message, key);
      assertStringIncludes(message, "Restore it from a backup.");
      assertEquals(await lake.contents(), before);
    }
  });
}
