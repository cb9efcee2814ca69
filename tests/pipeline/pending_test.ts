import { type Day, daysBetween, parseDay } from "../../pipeline/contract/window.ts";
import { absentDay, readDays } from "../../pipeline/days.ts";
import type { Connection } from "../../pipeline/outbox/connection.ts";
import { findPending, pendingDays } from "../../pipeline/pending.ts";
import { assertEquals } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { bronzeCommit, publish, silverCommit, store } from "../support/published_days.ts";

const day = (number: number) => parseDay(`2025-12-${String(number).padStart(2, "0")}`)!;

Deno.test("pendingDays: returns every day that is not sealed in both layers, with the reason", async () => {
  await using lake = await temporaryLake();
  await publish(lake, day(1), 4);
  await publish(lake, day(2), 0);
  await publish(lake, day(3), 4, { state: "open" });
  await store(lake, bronzeCommit(day(4), 4));
  await store(lake, bronzeCommit(day(5), 4));
  await store(lake, silverCommit(bronzeCommit(day(5), 2), 1));
  await store(lake, bronzeCommit(day(6), 4));
  await store(lake, { ...silverCommit(bronzeCommit(day(6), 4), 1), state: "open" });
  await lake.put(`bronze/events/date=${day(7)}/_commit.json`, new TextEncoder().encode("{"));
  const known = await readDays(lake);
  assertEquals(
    pendingDays(known, [...daysBetween(day(1), day(8))]).map(({ day, reason }) => [
      String(day),
      reason,
    ]),
    [
      ["2025-12-03", "bronze is open"],
      ["2025-12-04", "no silver"],
      ["2025-12-05", "silver was made from an older bronze"],
      ["2025-12-06", "silver is open"],
      ["2025-12-07", "bronze's marker is unusable"],
      ["2025-12-08", "no bronze"],
    ],
  );
});

Deno.test("pendingDays: reports a day without any object in the lake as a day without bronze", () => {
  assertEquals(pendingDays([absentDay(day(1))], [day(1)]), pendingDays([], [day(1)]));
});

Deno.test("findPending: ends at yesterday, even if a later day was requested", async () => {
  await using lake = await temporaryLake();
  // With a given first day, findPending does not query the outbox for the first event.
  const connection = {} as Connection;
  const pending = async (to?: "today" | "yesterday" | Day) => {
    const bounds = { from: day(1), ...(to === undefined ? {} : { to }) };
    const found = await findPending(lake, connection, bounds, day(4));
    return found.map((each) => String(each.day));
  };
  const past = ["2025-12-01", "2025-12-02", "2025-12-03"];
  assertEquals(await pending(), past);
  assertEquals(await pending("today"), past);
  assertEquals(await pending(day(20)), past);
  assertEquals(await pending(day(2)), past.slice(0, 2));
});
