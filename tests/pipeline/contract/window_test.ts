import {
  dayOf,
  daysBetween,
  formatMicros,
  parseDay,
  windowOf,
} from "../../../pipeline/contract/window.ts";
import { assertEquals } from "../../support/assert.ts";

const REAL_DAYS = [
  "2025-12-28",
  "2024-02-29",
  "2000-02-29",
  "2025-02-28",
  "0001-01-01",
  "1969-12-31",
  "9999-12-31",
];

for (const day of REAL_DAYS) {
  Deno.test(`window: accepts ${day} as a day`, () => assertEquals(parseDay(day) as string, day));
}

const NO_DAYS: [string, string][] = [
  ["a leap day of a year without one", "2025-02-29"],
  ["a leap day of 1900, which the Gregorian calendar leaves out", "1900-02-29"],
  ["a thirteenth month", "2025-13-01"],
  ["a month of zero", "2025-00-10"],
  ["a day of zero", "2025-12-00"],
  ["a thirty-second", "2025-12-32"],
  ["the thirty-first of a month of thirty", "2025-04-31"],
  ["the year zero, which Postgres does not have", "0000-01-01"],
  ["digits left out", "2025-1-1"],
  ["no hyphens", "20251228"],
  ["slashes", "2025/12/28"],
  ["a time", "2025-12-28T00:00:00"],
  ["a time in UTC", "2025-12-28T00:00:00Z"],
  ["a calendar annotation", "2025-12-28[u-ca=iso8601]"],
  ["a space before", " 2025-12-28"],
  ["a space after", "2025-12-28 "],
  ["a newline after", "2025-12-28\n"],
  ["nothing", ""],
  ["a space", " "],
  ["full-width digits", "２０２５-１２-２８"],
  ["Arabic digits", "٢٠٢٥-١٢-٢٨"],
  ["a typographic minus sign", "2025−12−28"],
  ["a sign", "+2025-12-28"],
  ["six digits for the year", "+002025-12-28"],
  ["a negative year", "-0001-12-28"],
  ["five digits for the year", "12025-12-28"],
  ["a shell expression", "$(date +%F)"],
  ["a word", "yesterday"],
  ["a path", "2025-12-28/../2025-12-27"],
];

for (const [what, text] of NO_DAYS) {
  Deno.test(`window: refuses ${JSON.stringify(text)} as a day: ${what}`, () => {
    assertEquals(parseDay(text), undefined);
  });
}

Deno.test("window: starts at midnight in UTC and ends at the next midnight, in microseconds", () => {
  const day = parseDay("2025-12-28")!;
  assertEquals(windowOf(day), { day, start: 1766880000_000000n, end: 1766966400_000000n });
});

Deno.test("window: has 24 hours, also on days on which a country changes its clocks", () => {
  for (const day of ["2025-03-30", "2025-10-26", "2025-03-09", "2016-12-31"]) {
    const { start, end } = windowOf(parseDay(day)!);
    assertEquals(end - start, 86_400_000_000n, day);
  }
});

Deno.test("window: starts where the previous window ends, from the year 1 to the year 9999", () => {
  const first = windowOf(parseDay("0001-01-01")!);
  assertEquals(first.start, -62135596800_000000n);
  assertEquals(first.end, windowOf(parseDay("0001-01-02")!).start);
  const last = windowOf(parseDay("9999-12-31")!);
  assertEquals(last.end, 253402300800_000000n);
  assertEquals(last.start, windowOf(parseDay("9999-12-30")!).end);
  assertEquals(
    windowOf(parseDay("2024-02-29")!).end,
    windowOf(parseDay("2024-03-01")!).start,
  );
});

Deno.test("window: assigns an instant to the day whose window contains the instant, to the microsecond", () => {
  for (const text of ["0001-01-01", "1969-12-31", "1970-01-01", "2025-12-28", "9999-12-31"]) {
    const { day, start, end } = windowOf(parseDay(text)!);
    assertEquals(dayOf(start), day);
    assertEquals(dayOf(start + 1n), day);
    assertEquals(dayOf(end - 1n), day);
  }
  assertEquals(dayOf(windowOf(parseDay("1970-01-01")!).start - 1n) as string, "1969-12-31");
  assertEquals(dayOf(windowOf(parseDay("2025-12-28")!).end) as string, "2025-12-29");
});

Deno.test("window: formats an instant exactly, also before 1970", () => {
  const instants: [bigint, string][] = [
    [0n, "1970-01-01T00:00:00Z"],
    [1n, "1970-01-01T00:00:00.000001Z"],
    [-1n, "1969-12-31T23:59:59.999999Z"],
    [-62135596800_000000n, "0001-01-01T00:00:00Z"],
    [1766930591_204518n, "2025-12-28T14:03:11.204518Z"],
    [1766930591_200000n, "2025-12-28T14:03:11.2Z"],
    [253402300799_999999n, "9999-12-31T23:59:59.999999Z"],
  ];
  for (const [micros, text] of instants) assertEquals(formatMicros(micros), text);
});

Deno.test("window: returns the days between two days, both included, across the ends of months and of the calendar", () => {
  const between = (first: string, last: string) =>
    [...daysBetween(parseDay(first)!, parseDay(last)!)] as string[];
  assertEquals(between("2024-02-28", "2024-03-01"), ["2024-02-28", "2024-02-29", "2024-03-01"]);
  assertEquals(between("2025-12-28", "2025-12-28"), ["2025-12-28"]);
  assertEquals(between("2025-12-28", "2025-12-27"), []);
  assertEquals(between("9999-12-30", "9999-12-31"), ["9999-12-30", "9999-12-31"]);
});
