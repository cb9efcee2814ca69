import { parseDay } from "../../../pipeline/contract/window.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { confirmResult, type StoredResult } from "../../../pipeline/spark/job_result.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";

const DAY = parseDay("2025-12-28")!;
const START = "2025-12-29T00:10:00Z";
const JOB = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "a", namespace: "jobs" },
  status: { startTime: START },
};
const marker = (day: string) => `s3://rbs/bronze/events/date=${day}/_commit.json`;
const OF_SILVER = `silver/stop_executions/_commits/date=${DAY}.json`;

/** Returns the problem with a result, or `confirmed`. */
async function problem(
  steps: readonly string[],
  found?: StoredResult | Failure,
  layer: "bronze" | "silver" = "bronze",
): Promise<string> {
  const readMarker = () =>
    found instanceof Failure ? Promise.reject(found) : Promise.resolve(found);
  try {
    await confirmResult({ layer, day: DAY }, { job: JOB, steps, readMarker });
    return "confirmed";
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assertEquals(error.kind, "unreachable");
    assertMatch(error.remedy, /deno task status, and deno task postflight 2025-12-28$/);
    return error.problem;
  }
}

Deno.test("confirmResult: accepts the marker of the day, and no other", async () => {
  const commit = (day: string) => `bronze  commit      ${marker(day)}, sealed`;
  assertEquals(await problem([commit("2025-12-28")]), "confirmed");
  assertEquals(await problem([`${commit("2025-12-28")}, unchanged`]), "confirmed");
  const other = commit("2025-12-27");
  const modified = Date.parse(START) + 1000;
  const newer = { modified, state: "sealed", rows: 2 };
  for (const steps of [[other], [other, commit("2025-12-28")], [commit("2025-12-28"), other]]) {
    assertMatch(await problem(steps, newer), /its driver worked on another day: .*2025-12-27/);
  }
  const almost = `bronze  commit      s3://rbs/other-${marker("2025-12-28").slice(9)}, sealed`;
  assertMatch(await problem([almost], newer), /another day/);
  assertMatch(await problem([`silver  commit      ${marker("2025-12-28")}, sealed`]), /no marker/);
});

Deno.test("confirmResult: without the line, the marker must be newer than the Job", async () => {
  const at = (time: string) => ({ modified: Date.parse(time), state: "sealed", rows: 2 });
  assertEquals(await problem([], at(START)), "confirmed");
  assertMatch(await problem([], at("2025-12-29T00:09:59Z")), /a marker from before the Job$/);
  assertMatch(await problem([]), /no marker of the day$/);
  const refused = new Failure({
    kind: "unreachable",
    task: "read the lake",
    problem: "it does not answer",
    remedy: "Wait.",
  });
  assertMatch(await problem([], refused), /the lake cannot be read: it does not answer$/);
});

Deno.test("confirmResult: a verified day has a sealed marker with the same rows", async () => {
  const line = "bronze  verified    already sealed; the outbox has the same 20,000 rows; nothing";
  const old = { modified: 0, state: "sealed", rows: 20_000 };
  assertEquals(await problem([line], old), "confirmed");
  assertMatch(await problem([line], { ...old, rows: 20_001 }), /from before the Job$/);
  assertMatch(await problem([line], { ...old, state: "open" }), /from before the Job$/);
});

Deno.test("confirmResult: accepts the verified marker of the day, and no other", async () => {
  const line = (day: string) =>
    `bronze  verified    ${marker(day)}, already sealed; the outbox has the same 2 rows; nothing`;
  assertEquals(await problem([line(DAY)]), "confirmed");
  const newer = { modified: Date.parse(START) + 1000, state: "sealed", rows: 2 };
  assertMatch(await problem([line("2025-12-27")], newer), /another day: .*2025-12-27/);
});

Deno.test("confirmResult: a verified silver names the marker of bronze", async () => {
  const source = (day: string) => `silver  bronze      ${marker(day)}, sealed, 2 events in 1 part`;
  const verified = "silver  verified    already sealed; bronze has the same 1 row; nothing";
  assertEquals(await problem([source(DAY), verified], undefined, "silver"), "confirmed");
  assertMatch(await problem([source(DAY)], undefined, "silver"), /no marker of the day$/);
  assertMatch(await problem([source("2025-12-27"), verified], undefined, "silver"), /another day/);
  const commit = `silver  commit      s3://rbs/${OF_SILVER}, open`;
  assertEquals(await problem([source(DAY), commit], undefined, "silver"), "confirmed");
});
