import { missedTime, nextTime } from "../../../tasks/schedule/next_time.ts";
import { assertEquals } from "../../support/assert.ts";

/** The next time of a schedule, as text. */
function next(schedule: string, after: string): string | undefined {
  const time = nextTime(schedule, Date.parse(after));
  return time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);
}

const TIMES: readonly (readonly [string, string, string])[] = [
  ["0 2 * * *", "2025-12-28T01:59:59Z", "2025-12-28T02:00"],
  ["0 2 * * *", "2025-12-28T02:00:00Z", "2025-12-29T02:00"],
  ["0 2 * * *", "2025-12-31T23:00:00Z", "2026-01-01T02:00"],
  ["* * * * *", "2025-12-28T02:00:01Z", "2025-12-28T02:01"],
  ["*/20 * * * *", "2025-12-28T02:41:00Z", "2025-12-28T03:00"],
  ["5/20 * * * *", "2025-12-28T02:26:00Z", "2025-12-28T02:45"],
  ["30 1,13-14 * * *", "2025-12-28T13:30:00Z", "2025-12-28T14:30"],
  ["0 0 29 2 *", "2025-12-28T00:00:00Z", "2028-02-29T00:00"],
  ["0 0 * * mon", "2025-12-28T00:00:00Z", "2025-12-29T00:00"],
  ["0 0 1 jan-feb *", "2025-12-28T00:00:00Z", "2026-01-01T00:00"],
  // Either the 13th or a Friday.
  ["0 0 13 * fri", "2025-12-28T00:00:00Z", "2026-01-02T00:00"],
  // A step of more than one makes a field restrict the days.
  ["0 2 */2 * mon", "2026-11-26T00:00:00Z", "2026-11-27T02:00"],
  ["0 2 */1 * mon", "2026-11-26T00:00:00Z", "2026-11-30T02:00"],
  ["0 2 1,* * mon", "2026-11-26T00:00:00Z", "2026-11-30T02:00"],
  ["@daily", "2025-12-28T00:00:00Z", "2025-12-29T00:00"],
];

for (const [schedule, after, expected] of TIMES) {
  Deno.test(`nextTime: ${schedule} after ${after} is ${expected}`, () => {
    assertEquals(next(schedule, after), expected);
  });
}

Deno.test("nextTime: is not known for an invalid schedule, for @every, and for a day that never comes", () => {
  for (const schedule of ["", "0 24 * * *", "0 2 * *", "@every 1h", "0 0 30 2 *"]) {
    assertEquals(next(schedule, "2025-12-28T00:00:00Z"), undefined, schedule);
  }
});

Deno.test("missedTime: is a start within the deadline that has no Job", () => {
  const missed = (now: string, since: string, deadline?: number) => {
    const times = { since: Date.parse(since), deadline, now: Date.parse(now) };
    const time = missedTime("0 2 * * *", times);
    return time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);
  };
  const created = "2025-12-01T00:00:00Z";
  assertEquals(missed("2025-12-28T02:59:59Z", created, 3600), "2025-12-28T02:00");
  assertEquals(missed("2025-12-28T02:00:00Z", created, 3600), "2025-12-28T02:00");
  assertEquals(missed("2025-12-28T03:00:00Z", created, 3600), undefined);
  assertEquals(missed("2025-12-28T01:59:59Z", created, 3600), undefined);
  // The start has its Job, or the CronJob is younger.
  assertEquals(missed("2025-12-28T02:30:00Z", "2025-12-28T02:00:00Z", 3600), undefined);
  assertEquals(missed("2025-12-28T02:30:00Z", "2025-12-28T02:10:00Z", 3600), undefined);
  // Without a deadline, the controller makes up for a start of any age.
  assertEquals(missed("2025-12-28T12:00:00Z", "2025-12-28T00:00:00Z"), "2025-12-28T02:00");
});
