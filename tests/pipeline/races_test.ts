import { Failure } from "../../pipeline/errors.ts";
import { pageOf } from "../../pipeline/failure_page.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import {
  amend,
  bronze,
  CENTURY,
  event,
  eventId,
  markerOf,
  silver,
  visible,
} from "../support/days.ts";
import { lakeKinds } from "../support/lake_places.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";

// Two runs of the same day. One pauses at the worst moment while the other one runs to its end.

/** Calls `happens` once, right before the first operation that `when` selects. */
function paused(
  lake: Lake,
  when: (operation: "get" | "put" | "list" | "remove", key: string) => boolean,
  happens: () => Promise<unknown>,
): Lake {
  let happened = false;
  const pause = async (operation: "get" | "put" | "list" | "remove", key: string) => {
    if (happened || !when(operation, key)) return;
    happened = true;
    await happens();
  };
  return {
    ...lake,
    get: (key) => pause("get", key).then(() => lake.get(key)),
    put: (key, ...rest) => pause("put", key).then(() => lake.put(key, ...rest)),
    list: (prefix) => pause("list", prefix).then(() => lake.list(prefix)),
    remove: (key) => pause("remove", key).then(() => lake.remove(key)),
  };
}

/** Waits until a run succeeds, or fails because another run was faster. */
async function settle(run: Promise<unknown>): Promise<void> {
  await run.catch((error) => {
    assert(error instanceof Failure, String(error));
    assertEquals(error.kind, "unreachable", error.message);
  });
}

for (const kind of lakeKinds()) {
  Deno.test(`races of runs: two silver runs, ${kind.name}: a run that finds its day unchanged removes no part of the newer run`, async () => {
    await using db = await outbox({ events: [event(1), event(2)] });
    await using place = await kind.place();
    const lake = await place.open();
    await bronze(db, lake, CENTURY);
    await silver(lake);
    const listing = Promise.withResolvers<void>();
    const stored = Promise.withResolvers<void>();
    const removing = Promise.withResolvers<void>();
    const published = Promise.withResolvers<void>();
    // The slow run has replayed the old bronze. It lists the parts after the newer run has stored its
    // part. The newer run continues when the slow run has ended, or is about to remove parts.
    const slow: Lake = {
      ...lake,
      async list(prefix) {
        listing.resolve();
        await stored.promise;
        return await lake.list(prefix);
      },
      async remove(key) {
        removing.resolve();
        await published.promise;
        await lake.remove(key);
      },
    };
    const slowRun = settle(silver(slow));
    await listing.promise;
    await db.query(event(3));
    await bronze(db, lake, CENTURY);
    const newer = paused(
      lake,
      (operation, key) => operation === "put" && key.endsWith(".json"),
      () => {
        stored.resolve();
        return Promise.race([removing.promise, slowRun]);
      },
    );
    await settle(silver(newer));
    published.resolve();
    await slowRun;
    assertEquals((await visible(lake, "silver")).length >= 2, true);
    await silver(lake);
    assertEquals((await visible(lake, "silver")).length, 3);
  });

  Deno.test(`races of runs: two bronze runs, ${kind.name}: a run that finds its day unchanged removes no part that the other run publishes`, async () => {
    await using db = await outbox({ events: [event(1), event(2)] });
    await using place = await kind.place();
    const lake = await place.open();
    await bronze(db, lake, CENTURY);
    await db.query(event(3));
    // The slow run has confirmed its part. It puts its marker after the row was deleted again.
    const slow = paused(
      lake,
      (operation, key) => operation === "put" && key.endsWith(".json"),
      async () => {
        await db.query("DELETE FROM stop_events WHERE event_seq = 3");
        await bronze(db, lake, CENTURY);
      },
    );
    await settle(bronze(db, slow, CENTURY));
    assertEquals((await visible(lake, "bronze")).toSorted(), [1, 2, 3].map(eventId));
    // Bronze has the row that the outbox lost, so the next run reports the lost row.
    const { message } = await assertRejects(() => bronze(db, lake, CENTURY), Failure);
    assertStringIncludes(
      message,
      `no longer has: ${eventId(3)}. Nothing was changed, so bronze keeps`,
    );
    assertEquals((await visible(lake, "bronze")).toSorted(), [1, 2, 3].map(eventId));
  });

  Deno.test(`races of runs: three silver runs, ${kind.name}: a run whose marker another run has put removes no part of a newer run`, async () => {
    await using db = await outbox({ events: [event(1), event(2)] });
    await using place = await kind.place();
    const lake = await place.open();
    await bronze(db, lake, CENTURY);
    const ended = Promise.withResolvers<void>();
    let newerRun = Promise.resolve();
    // The slow run has replayed the old bronze. Before it lists the parts, an equal run publishes the
    // same content, and a newer run stores its part.
    const slow = paused(lake, (operation) => operation === "list", async () => {
      await silver(lake);
      await db.query(event(3));
      await bronze(db, lake, CENTURY);
      const stored = Promise.withResolvers<void>();
      const newer = paused(
        lake,
        (operation, key) => operation === "put" && key.endsWith("date=2025-12-28.json"),
        () => {
          stored.resolve();
          return ended.promise;
        },
      );
      newerRun = settle(silver(newer));
      await Promise.race([stored.promise, newerRun]);
    });
    await settle(silver(slow));
    ended.resolve();
    await newerRun;
    assertEquals((await visible(lake, "silver")).length, 3);
  });

  Deno.test(`races of runs: ${kind.name}: a run that verifies a sealed day removes no part of a running amendment`, async () => {
    await using db = await outbox({ events: [event(1), event(2)] });
    await using place = await kind.place();
    const lake = await place.open();
    await bronze(db, lake);
    await silver(lake);
    await db.query(event(3));
    const amending = paused(
      lake,
      (operation, key) => operation === "put" && key.endsWith("_commit.json"),
      async () => {
        await db.query(
          "UPDATE stop_events SET occurred_at = occurred_at + interval '1 day' WHERE event_seq = 3",
        );
        await bronze(db, lake);
      },
    );
    await amend(db, amending);
    assertEquals((await visible(lake, "bronze")).toSorted(), [1, 2, 3].map(eventId));
    assertEquals((await visible(lake, "silver")).length, 3);
  });
}

Deno.test("races of runs: a removal that is delayed until later runs have published removes none of their parts", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  // A value changes, and changes back. The content of the first part recurs, but its name must not.
  await db.query("UPDATE stop_events SET fill_price = 1");
  const slow = paused(lake, (operation) => operation === "remove", async () => {
    await db.query("UPDATE stop_events SET fill_price = NULL");
    await bronze(db, lake, CENTURY);
  });
  await bronze(db, slow, CENTURY);
  assertEquals(await visible(lake, "bronze"), [eventId(1)]);
  assertEquals(await visible(lake, "bronze", "fill_price"), [null]);
});

Deno.test("races of runs: a run that began before two changes is refused, even if the first marker recurs", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  await db.query("UPDATE stop_events SET fill_price = 1");
  const slow = paused(
    lake,
    (operation, key) => operation === "put" && key.endsWith(".json"),
    async () => {
      await db.query("UPDATE stop_events SET fill_price = 2");
      await bronze(db, lake, CENTURY);
      await db.query("UPDATE stop_events SET fill_price = NULL");
      await bronze(db, lake, CENTURY);
    },
  );
  const { kind, message } = await assertRejects(() => bronze(db, slow, CENTURY), Failure);
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "another run published this day meanwhile");
  assertEquals(await visible(lake, "bronze", "fill_price"), [null]);
});

/** A store that reports markers as stored, and does not store them. */
function withoutMarkers(lake: Lake): Lake {
  return {
    ...lake,
    put: (key, ...rest) =>
      key.endsWith(".json") ? Promise.resolve("stored") : lake.put(key, ...rest),
  };
}

Deno.test("races of runs: a run removes no part when the store reports a marker as stored but did not store it", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  await db.query(event(2));
  const { kind, message } = await assertRejects(
    () => bronze(db, withoutMarkers(lake), CENTURY),
    Failure,
  );
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "so the previous marker is still valid");
  assertEquals(await visible(lake, "bronze"), [eventId(1)]);
});

Deno.test("races of runs: a run claims no earlier marker when the store lost the first one", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  const { kind, message } = await assertRejects(
    () => bronze(db, withoutMarkers(lake), CENTURY),
    Failure,
  );
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "but has no marker. No part was removed. Check the store");
  assertEquals(message.includes("valid"), false);
});

for (const published of [false, true]) {
  const what = published ? "If-Match with the object's own ETag" : "If-None-Match for a new object";
  Deno.test(`races of runs: a run blames the store, not another run, when the store refuses ${what}`, async () => {
    await using db = await outbox({ events: [event(1)] });
    await using lake = await temporaryLake();
    if (published) await bronze(db, lake, CENTURY);
    await db.query(event(2));
    const refusing: Lake = {
      ...lake,
      put: (key, body, condition) =>
        condition === undefined ? lake.put(key, body) : Promise.resolve("conflict"),
    };
    const { kind, message } = await assertRejects(() => bronze(db, refusing, CENTURY), Failure);
    assertEquals(kind, "configuration");
    assertStringIncludes(message, "a proxy may alter ETags");
    assertEquals(pageOf(message), "lake-conformance");
  });
}

Deno.test("races of runs: a run that finds its day unchanged reports the leftover parts, and removes none", async () => {
  await using db = await outbox({ events: [event(1)] });
  await using lake = await temporaryLake();
  await bronze(db, lake, CENTURY);
  const { commit } = await markerOf(lake, "bronze");
  const orphan = commit.parts[0]!.key.replace("part-00000", "part-00009");
  await lake.put(orphan, new Uint8Array(10));
  const left = (await bronze(db, lake, CENTURY)).at(-1)!;
  assertEquals(left.data, { left: [orphan] });
  assertStringIncludes(left.says, "deno task clean --date 2025-12-28");
  assert(await lake.get(orphan) !== undefined);
  // The next run that publishes removes the leftover part.
  await bronze(db, lake);
  assertEquals(await lake.get(orphan), undefined);
});

for (const [hours, again] of [[5, true], [7, false]] as const) {
  const what = again
    ? "uses the name again"
    : "uses another name, because clean may remove the old part";
  Deno.test(`races of runs: a run that finds its own part, which a killed run stored ${hours} hours ago, ${what}`, async () => {
    await using db = await outbox({ events: [event(1)] });
    await using lake = await temporaryLake();
    const killed: Lake = {
      ...lake,
      put: (key, ...rest) =>
        key.endsWith(".json") ? Promise.reject(new Error("killed")) : lake.put(key, ...rest),
    };
    await assertRejects(() => bronze(db, killed), Error);
    const [left] = (await lake.list("bronze/")).map(({ key }) => key);
    const modified = Date.now() - hours * 3_600_000;
    const later: Lake = {
      ...lake,
      list: async (prefix) => (await lake.list(prefix)).map((entry) => ({ ...entry, modified })),
    };
    await bronze(db, later);
    const [part] = (await markerOf(lake, "bronze")).commit.parts;
    assertEquals(part!.key === left, again);
    // The part of the killed run is removed, unless the new run uses it.
    const parts = (await lake.list("bronze/")).map(({ key }) => key).filter((k) =>
      /parquet$/.test(k)
    );
    assertEquals(parts, [part!.key]);
  });
}
