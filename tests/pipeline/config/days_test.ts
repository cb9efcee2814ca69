import {
  clockDecides,
  type DayFlags,
  type DaysAsked,
  daysOf,
  requestedDays,
} from "../../../pipeline/config.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { assertEquals } from "../../support/assert.ts";
import { environment, refused } from "./environments.ts";

const TODAY = parseDay("2026-01-02")!;

function asked(flags: DayFlags, variables: Record<string, string> = {}): string[] {
  const { from, to } = requestedDays(flags, environment(variables));
  return [from, to];
}

function days(from: string, to: string): string[] {
  return daysOf({ from, to } as DaysAsked, TODAY);
}

Deno.test("requestedDays returns the argument or --date, or else JOB_DATE, or else today", () => {
  const env = { JOB_DATE: "2025-12-28" };
  assertEquals(asked({ operand: "2024-02-29" }, env), ["2024-02-29", "2024-02-29"]);
  assertEquals(asked({ date: "2024-02-29" }, env), ["2024-02-29", "2024-02-29"]);
  assertEquals(asked({}, env), ["2025-12-28", "2025-12-28"]);
  assertEquals(asked({}), ["today", "today"]);
  assertEquals(asked({}, { JOB_DATE: "yesterday" }), ["yesterday", "yesterday"]);
});

Deno.test("requestedDays returns the days from --from to --to, or to yesterday", () => {
  assertEquals(asked({ from: "2025-12-01", to: "2025-12-03" }), ["2025-12-01", "2025-12-03"]);
  assertEquals(asked({ from: "2025-12-01" }), ["2025-12-01", "yesterday"]);
  assertEquals(asked({ from: "yesterday", to: "today" }), ["yesterday", "today"]);
  assertEquals(asked({ from: "2025-12-01" }, { JOB_DATE: "2024-01-01" })[0], "2025-12-01");
});

Deno.test("requestedDays ignores a bad JOB_DATE when a flag is given", () => {
  const env = { JOB_DATE: "$(date +%Y-%m-%d)" };
  for (const flags of [{ operand: "2025-12-28" }, { date: "2025-12-28" }, { from: "2025-12-28" }]) {
    assertEquals(asked(flags, env)[0], "2025-12-28");
  }
});

const CONTRADICTIONS: [DayFlags, string[]][] = [
  [{ operand: "2025-12-28", date: "2025-12-28" }, ["a day together with --date"]],
  [{ operand: "2025-12-28", from: "2025-12-28" }, ["a day together with --from"]],
  [{ operand: "2025-12-28", to: "2025-12-28" }, ["a day together with --to"]],
  [{ date: "2025-12-28", from: "2025-12-28" }, ["--date together with --from"]],
  [{ date: "2025-12-28", to: "2025-12-28" }, ["--date together with --to"]],
  [{ to: "2025-12-28" }, ["--to without --from"]],
  [{ from: "2025-12-28", to: "2025-12-27" }, ["from 2025-12-28 to 2025-12-27", "end comes before"]],
  [{ from: "2015-12-28", to: "2026-01-04" }, ["the range has 3,661 days", "at most 3,660"]],
];
for (const [flags, words] of CONTRADICTIONS) {
  Deno.test(`requestedDays refuses ${JSON.stringify(flags)}`, () => {
    refused(() => asked(flags), words);
  });
}

Deno.test("daysOf returns every day from the first to the last, oldest first", () => {
  assertEquals(days("2025-12-30", "today"), [
    "2025-12-30",
    "2025-12-31",
    "2026-01-01",
    "2026-01-02",
  ]);
  assertEquals(days("yesterday", "yesterday"), ["2026-01-01"]);
  assertEquals(days("2024-02-28", "2024-03-01").length, 3);
  assertEquals(days("2015-12-28", "2026-01-03").length, 3660);
});

Deno.test("daysOf refuses a range that ends before its start by the clock", () => {
  refused(() => days("today", "yesterday"), ["from 2026-01-02 to 2026-01-01", "Without --to"]);
});

Deno.test("clockDecides is true only when the clock determines a day", () => {
  const day = parseDay("2025-12-28")!;
  assertEquals(clockDecides({ from: day, to: day }), false);
  assertEquals(clockDecides({ from: day, to: "yesterday" }), true);
  assertEquals(clockDecides({ from: "today", to: "today" }), true);
});

for (
  const text of [
    "$(date +%Y-%m-%d)",
    "$(date)",
    "`date +%F`",
    "${TODAY}",
    "$TODAY",
    "%Y-%m-%d",
    "$(date -d yesterday '+%F')",
    "$(JOB_DATE)",
  ]
) {
  Deno.test(`requestedDays refuses JOB_DATE=${text}, and explains how Kubernetes expands the value`, () => {
    refused(() => asked({}, { JOB_DATE: text }), [
      `JOB_DATE=${JSON.stringify(text)}`,
      "it is a shell expression, not a day",
      "Kubernetes does not run a shell on a container's env",
      "Remove JOB_DATE to run for today in UTC",
    ]);
  });
}

Deno.test("requestedDays refuses an empty JOB_DATE, because the variable was set on purpose", () => {
  refused(() => asked({}, { JOB_DATE: "" }), ['JOB_DATE=""', "YYYY-MM-DD", "Remove JOB_DATE"]);
});

const NO_DAYS: [string, string][] = [
  ["2025-02-29", "the calendar has no such day"],
  ["2025-13-01", "the calendar has no such day"],
  ["2025-1-1", "the format of a day is YYYY-MM-DD"],
  ["28/12/2025", "the format of a day is YYYY-MM-DD"],
  ["2025-12-28T00:00:00Z", "the format of a day is YYYY-MM-DD"],
  ["2025-12-28\n", "it begins or ends with a blank or a line break"],
  [" 2025-12-28", "it begins or ends with a blank or a line break"],
  ["Today", "the format of a day is YYYY-MM-DD"],
  ["tomorrow", "the format of a day is YYYY-MM-DD"],
];
for (const [text, problem] of NO_DAYS) {
  Deno.test(`requestedDays refuses ${JSON.stringify(text)} as a day, in every flag and in JOB_DATE`, () => {
    const said = JSON.stringify(text);
    refused(() => asked({}, { JOB_DATE: text }), [`JOB_DATE=${said}`, problem]);
    refused(() => asked({ date: text }), [`--date ${said}`, problem, "today or yesterday"]);
    refused(() => asked({ operand: text }), [`Cannot use ${said}`, problem]);
    refused(() => asked({ from: text }), [`--from ${said}`, problem]);
    refused(() => asked({ from: "2025-01-01", to: text }), [`--to ${said}`, problem]);
  });
}
