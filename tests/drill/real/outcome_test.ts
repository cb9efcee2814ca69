import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import { runEnds } from "../../../checks/preflight/run_end.ts";
import type { Finding, Result, Verdict } from "../../../checks/finding.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";
import type { RealFailure } from "./failure.ts";
import { FAILURES } from "./failures.ts";
import {
  cameTrue,
  endOf,
  findingsOf,
  fixWorked,
  isProven,
  predictionOf,
  type RealOutcome,
} from "./outcome.ts";
import { commandIn, commandsOf } from "./printed_fix.ts";
import {
  exitCodeOfReal,
  renderRealJson,
  renderRealOutcome,
  renderRealSummary,
  renderRealTable,
} from "./table.ts";

// When a failure on a real node counts as proven, and how the report shows it.

const FAILURE: RealFailure = {
  id: "wrong-password",
  injected: "another password",
  foundBy: "database-login",
  alsoFoundBy: ["late-writers"],
  facts: "cluster",
  runner: "bronze",
  inject: () => Promise.resolve(),
};
const WHY = `a reason; ${runEnds("at once", "authentication failed")}`;

function finding(more: Partial<Finding> = {}): Finding {
  return { severity: "fail", object: "o", problem: "p", why: WHY, fix: "kubectl get x", ...more };
}

function result(id: string, verdict: Verdict, findings: readonly Finding[] = []): Result {
  return { id, title: id, verdict, findings };
}

const PROVEN: RealOutcome = {
  failure: FAILURE,
  findings: [finding()],
  others: [],
  predicted: { end: "at once", exitCode: 2, symptom: "authentication failed" },
  happened: { end: "at once", exitCode: 2, message: "x: authentication failed.", seconds: 12 },
  fix: "kubectl get x",
  left: [],
  after: { end: "success", exitCode: 0, message: "", seconds: 20 },
};

Deno.test("FAILURES: are the seven of the runbook and six others, each found by a check", () => {
  const found = new Set(FAILURES.map(({ foundBy }) => foundBy));
  assertEquals([FAILURES.length, found.size], [13, 13]);
  assertEquals(new Set(FAILURES.map(({ id }) => id)).size, 13);
  const checks = PREFLIGHT.map(({ id }) => id);
  assertEquals([...found].filter((id) => !checks.includes(id)), []);
});

Deno.test("endOf: tells a refusal, retries, a wait and success apart", () => {
  const ends = [
    { isComplete: true, isFailed: false, failed: 1 },
    { isComplete: false, isFailed: true, failed: 1 },
    { isComplete: false, isFailed: true, failed: 2 },
    { isComplete: false, isFailed: false, failed: 0 },
    { isComplete: false, isFailed: false, failed: 1 },
    { isComplete: false, isFailed: true, failed: 0 },
  ].map(endOf);
  assertEquals(ends, ["success", "at once", "after retries", "after a wait", "unknown", "unknown"]);
});

Deno.test("findingsOf: separates the expected check, its consequences and other checks", () => {
  const results = [
    result("database-login", "fail", [finding(), finding({ severity: "warn" })]),
    result("late-writers", "error"),
    result("quota-fit", "fail", [finding()]),
    result("rbac", "pass"),
    result("node-pool", "skip"),
  ];
  const { findings, others } = findingsOf(FAILURE, { command: "preflight", results, exitCode: 1 });
  assertEquals([findings.length, others], [1, ["quota-fit"]]);
});

Deno.test("predictionOf: reads what all findings say, and nothing from a contradiction", () => {
  const silent = finding({ why: "a reason" });
  assertEquals(predictionOf([silent, finding(), finding()]), PROVEN.predicted);
  assertEquals(predictionOf([silent]), undefined);
  const other = finding({ why: runEnds("after retries", "authentication failed") });
  assertEquals(predictionOf([finding(), other]), undefined);
  const ends = (["at once", "after retries", "after a wait"] as const).map((end) =>
    predictionOf([finding({ why: runEnds(end, "x") })])
  );
  assertEquals(ends.map((each) => [each?.end, each?.exitCode]), [
    ["at once", 2],
    ["after retries", 3],
    ["after a wait", 2],
  ]);
});

Deno.test("cameTrue: compares the end, the exit code and the message", () => {
  const { happened } = PROVEN;
  assert(cameTrue(PROVEN));
  assert(!cameTrue({ ...PROVEN, predicted: undefined }));
  assert(!cameTrue({ ...PROVEN, happened: { ...happened, end: "after retries" } }));
  assert(!cameTrue({ ...PROVEN, happened: { ...happened, exitCode: 3 } }));
  assert(!cameTrue({ ...PROVEN, happened: { ...happened, message: "another" } }));
});

Deno.test("isProven: needs the finding, no other check, and a fix that works", () => {
  assert(isProven(PROVEN));
  assertEquals(fixWorked({ ...PROVEN, left: ["rbac"] }), false);
  assertEquals(fixWorked({ ...PROVEN, after: undefined }), false);
  assertEquals(fixWorked({ ...PROVEN, after: PROVEN.happened }), false);
  for (
    const wrong of [
      { findings: [] },
      { others: ["rbac"] },
      { error: "it broke" },
      { left: ["rbac"] },
      { predicted: undefined },
    ]
  ) {
    assert(!isProven({ ...PROVEN, ...wrong } as RealOutcome), JSON.stringify(wrong));
  }
});

Deno.test("commandIn: finds a command alone, and behind advice", () => {
  const patch = `kubectl -n jobs patch quota a -p '{"spec":{"hard":{"cpu":"3"}}}'`;
  assertEquals(commandIn(patch), patch);
  assertEquals(commandIn(`Request less, or raise the quota: ${patch}`), patch);
  const create = "printf '%s\\n' '{}' | kubectl create -f -";
  assertEquals(
    commandIn(`Allow what "kubectl get endpoints kubernetes" prints, or allow all: ${create}`),
    create,
  );
  assertEquals(commandIn("Store it again: deno task secrets"), "deno task secrets");
  assertEquals(commandIn("Write stop_events."), undefined);
});

Deno.test("commandsOf: returns each command once, and refuses a fix without one", () => {
  const fixes = ["kubectl a", "Or: kubectl b", "kubectl a"].map((fix) => ({ fix }));
  assertEquals(commandsOf(fixes), ["kubectl a", "kubectl b"]);
  assertThrows(() => commandsOf([{ fix: "Write x." }]), Error, "The fix has no command: Write x.");
});

Deno.test("renderRealTable: shows predicted, happened and the fix, and marks what is wrong", () => {
  const wrong = { ...PROVEN, happened: { ...PROVEN.happened, exitCode: 3 }, left: ["rbac"] };
  assertEquals(
    renderRealTable([PROVEN, wrong]).split("\n").map((row) => row.replaceAll(/ +/g, " ")),
    [
      "| failure | found by | predicted | happened | fix worked |",
      renderRealTable([PROVEN, wrong]).split("\n")[1]!,
      "| another password | `database-login` | at once, exit code 2: authentication failed | at once, exit code 2, 12 s | yes, success in 20 s |",
      "| another password | `database-login` | at once, exit code 2: authentication failed | at once, exit code 3, 12 s (wrong) | no: rbac |",
    ],
  );
  assertEquals(renderRealSummary([PROVEN, wrong]).split(":")[1], " 1 of 2");
  assertEquals([exitCodeOfReal([PROVEN]), exitCodeOfReal([PROVEN, wrong])], [0, 1]);
});

Deno.test("renderRealOutcome: shows each step, and the reason of a drill that broke", () => {
  const text = renderRealOutcome(PROVEN, false);
  assertStringIncludes(text, "PROVEN  wrong-password");
  assertStringIncludes(text, "fix        kubectl get x");
  const broken = { ...PROVEN, after: undefined, findings: [], error: "it broke" };
  assertStringIncludes(renderRealOutcome(broken, false), "WRONG   wrong-password");
  assertStringIncludes(renderRealOutcome(broken, false), "error      it broke");
});

Deno.test("renderRealJson: has the exit code and the facts of each drill", () => {
  const { exitCode, drills } = JSON.parse(renderRealJson([PROVEN]));
  assertEquals([exitCode, drills[0].id, drills[0].cameTrue, drills[0].fixWorked], [
    0,
    "wrong-password",
    true,
    true,
  ]);
  assertEquals(drills[0].happened.seconds, 12);
});
