import { parseDay } from "../../../pipeline/contract/window.ts";
import { renderDaysJunit } from "../../../tasks/days/junit.ts";
import type { DayResult } from "../../../tasks/days/table.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { REPORT } from "../../checks/report/results.ts";

const RUN = { command: "run", dryRun: false, several: true } as const;

const PASSED: DayResult = {
  date: "2025-12-27",
  bronze: "sealed",
  silver: "sealed",
  postflight: "1 pass",
  exitCode: 0,
  measured: {
    seconds: { bronze: 1.5, silver: 0.25, postflight: 0.125 },
    lines: { bronze: ["bronze  commit  a < b"] },
    checks: { results: [REPORT.results[0]!], ended: 0 },
  },
};

const FAILED: DayResult = {
  date: "2025-12-28",
  bronze: "failed",
  exitCode: 1,
  measured: { seconds: { bronze: 2 }, failure: 'Cannot seal "28".' },
};

const DAYS = ["2025-12-27", "2025-12-28", "2025-12-29"].map((day) => parseDay(day)!);

/** The test cases of a report, each as its class name, its name, and the element inside. */
function casesOf(xml: string): string[] {
  return [...xml.matchAll(
    /<testcase classname="(.+?)" name="(.+?)"(?: time="[\d.]+")?(?:\/>|>\n +<([a-z-]+))/g,
  )].map(([, classname, name, element = "pass"]) => `${classname} ${name} ${element}`);
}

Deno.test("renderDaysJunit: has a suite per day, and a day that was not started does not pass", () => {
  const xml = renderDaysJunit(RUN, [PASSED, FAILED], DAYS);
  assertEquals(casesOf(xml), [
    "run.2025-12-27 bronze system-out",
    "run.2025-12-27 silver system-out",
    "postflight.2025-12-27 bronze-committed pass",
    "run.2025-12-28 bronze failure",
    "run.2025-12-28 silver skipped",
    "run.2025-12-28 postflight skipped",
    "run.2025-12-29 bronze skipped",
    "run.2025-12-29 silver skipped",
    "run.2025-12-29 postflight skipped",
  ]);
  assertStringIncludes(
    xml,
    '<testsuites name="run" tests="9" failures="1" errors="0" skipped="5" time="3.875">',
  );
  assertEquals(
    xml.match(/<testsuite .*>/g),
    [
      '<testsuite name="run 2025-12-27" tests="3" failures="0" errors="0" skipped="0" time="1.875">',
      '<testsuite name="run 2025-12-28" tests="3" failures="1" errors="0" skipped="2" time="2.000">',
      '<testsuite name="run 2025-12-29" tests="3" failures="0" errors="0" skipped="3" time="0.000">',
    ],
  );
  assertStringIncludes(xml, "<system-out>bronze  commit  a &lt; b</system-out>");
  assertStringIncludes(xml, '<failure message="Cannot seal &quot;28&quot;."/>');
  assertStringIncludes(xml, 'name="bronze" time="1.500"');
});

Deno.test("renderDaysJunit: a day with exit code 2 or 3 is an error", () => {
  for (const exitCode of [2, 3]) {
    const xml = renderDaysJunit(RUN, [{ ...FAILED, exitCode }], DAYS.slice(1, 2));
    assertEquals(casesOf(xml)[0], "run.2025-12-28 bronze error");
  }
});

Deno.test("renderDaysJunit: an exit code that no test case explains is a test case of its own", () => {
  const strict = { ...PASSED, exitCode: 1 };
  const xml = renderDaysJunit({ ...RUN, several: false }, [strict], DAYS.slice(0, 1));
  assertEquals(casesOf(xml), [
    "run bronze system-out",
    "run silver system-out",
    "postflight bronze-committed pass",
    "run exit-code failure",
  ]);
  assertMatch(xml, /<testsuite name="run" tests="4" failures="1"/);
});

Deno.test("renderDaysJunit: postflight without a result of a check is an error", () => {
  const result = {
    date: "2025-12-28",
    postflight: "error",
    exitCode: 3,
    measured: { seconds: { postflight: 1 }, failure: "no answer" },
  };
  const xml = renderDaysJunit({ ...RUN, command: "postflight" }, [result], DAYS.slice(1, 2));
  assertEquals(casesOf(xml), ["postflight.2025-12-28 postflight error"]);
});

Deno.test("renderDaysJunit: a dry run has no test case for checks, and skips what it did not try", () => {
  const result = { date: "2025-12-28", bronze: "sealed", exitCode: 0 };
  const xml = renderDaysJunit({ ...RUN, dryRun: true }, [result], DAYS.slice(1, 2));
  assertEquals(casesOf(xml), [
    "run.2025-12-28 bronze system-out",
    "run.2025-12-28 silver skipped",
  ]);
});

Deno.test("renderDaysJunit: without a pending day, one test case passes", () => {
  assertEquals(casesOf(renderDaysJunit(RUN, [], [])), ["run pending system-out"]);
});
