import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import { Failure } from "../../pipeline/errors.ts";
import { renderMarker } from "../../pipeline/lake/marker.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import { amend, bronze, DAY, event, eventId, markerOf, silver, visible } from "../support/days.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";

// A commit marker that was removed or edited by hand. No run may treat the remaining parts as leftovers.

for (const published of ["silver was made from it", "it was amended"]) {
  Deno.test(`bronze and silver: a run refuses a day without its marker, although ${published}, if the outbox has lost an event`, async () => {
    await using db = await outbox({ events: [event(1), event(2)] });
    await using lake = await temporaryLake();
    await bronze(db, lake);
    if (published === "it was amended") {
      await db.query(event(3));
      await amend(db, lake);
      for (const { key } of await lake.list("silver/")) await lake.remove(key);
    } else {
      await silver(lake);
    }
    await lake.remove(bronzeMarkerKey(DAY));
    await db.query("DELETE FROM stop_events WHERE event_seq = 1");
    const before = await lake.contents();
    const { kind, message } = await assertRejects(() => bronze(db, lake), Failure);
    assertEquals(kind, "data");
    assertStringIncludes(message, `no longer has: ${eventId(1)}`);
    assertStringIncludes(message, "Restore the commit marker from a backup");
    assertEquals(await lake.contents(), before);
  });
}

Deno.test("bronze and silver: a run publishes a day without its marker again if the outbox still has every event", async () => {
  await using db = await outbox({ events: [event(1), event(2)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  await silver(lake);
  await lake.remove(bronzeMarkerKey(DAY));
  const steps = await bronze(db, lake);
  assert(steps.some(({ step, warning }) => step === "marker" && warning));
  assertEquals((await visible(lake, "bronze")).toSorted(), [1, 2].map(eventId));
});

Deno.test("bronze and silver: a run does not confirm a marker whose numbers were edited", async () => {
  await using db = await outbox({ events: [event(1), event(2)] });
  await using lake = await temporaryLake();
  await bronze(db, lake);
  const { commit, key } = await markerOf(lake, "bronze");
  const [part] = commit.parts;
  for (
    const edited of [
      { ...commit, maxSeq: 9999n },
      { ...commit, rows: 3, parts: [{ ...part!, rows: 3 }] },
    ]
  ) {
    await lake.put(key, renderMarker(edited));
    assertEquals((await assertRejects(() => bronze(db, lake), Failure)).kind, "data");
  }
});

for (const layer of ["bronze", "silver"] as const) {
  Deno.test(`bronze and silver: a run does not confirm a part of a sealed ${layer} that was changed in place`, async () => {
    await using db = await outbox({ events: [event(1), event(2)] });
    await using lake = await temporaryLake();
    await bronze(db, lake);
    await silver(lake);
    const { key } = (await markerOf(lake, layer)).commit.parts[0]!;
    const { bytes } = (await lake.get(key))!;
    bytes[100]! ^= 1;
    await lake.put(key, bytes);
    const run = () => layer === "bronze" ? bronze(db, lake) : silver(lake);
    const { kind, message } = await assertRejects(run, Failure);
    assertEquals(kind, "data");
    assertStringIncludes(message, "its sha256 differs from the commit marker");
  });
}
