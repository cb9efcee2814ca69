import type { Result, Verdict } from "../../checks/finding.ts";
import type { Report } from "../../checks/report/report.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import type { Drill } from "./drills.ts";
import { exitCodeOf, isCaught, judge, notedIn } from "./outcome.ts";
import { renderHealth, renderJson, renderOutcome, renderSummary } from "./render.ts";

// When a fault counts as caught, and how the report shows it.

const DRILL: Drill = {
  id: "selector-trap",
  injected: "a namespaceSelector",
  breaks: "cluster",
  inject: () => Promise.resolve(),
  caughtBy: "egress-policy",
  when: "before",
};

function result(id: string, verdict: Verdict, more: Partial<Result> = {}): Result {
  const finding = { severity: "fail", object: "o", problem: `${id} is wrong`, fix: "f" } as const;
  const findings = verdict === "fail" || verdict === "warn" ? [finding] : [];
  return { id, title: id, verdict, findings, ...more };
}

function report(...results: Result[]): Report {
  return { command: "preflight", results, exitCode: 1 };
}

const EXACT = report(result("image-deps", "pass"), result("egress-policy", "fail"));

/** Judges the reports before and after the run. */
function outcome(before: Report, after = report(), drill = DRILL) {
  return judge(drill, [...notedIn(before, "before"), ...notedIn(after, "after")]);
}

Deno.test("judge: accepts a fault that only its check caught", () => {
  const caught = outcome(EXACT);
  assertEquals([caught.caught?.check, caught.others], ["egress-policy", []]);
  assertEquals([isCaught(caught), exitCodeOf([caught], [])], [true, 0]);
});

Deno.test("judge: accepts a warning, and the first of several findings", () => {
  assertEquals(isCaught(outcome(report(result("egress-policy", "warn")))), true);
  const [finding] = result("egress-policy", "fail").findings;
  const twice = outcome(
    report(result("egress-policy", "fail", { findings: [finding!, finding!] })),
  );
  assertEquals([twice.caught?.problem, twice.caught?.more], ["egress-policy is wrong", 1]);
});

Deno.test("judge: rejects a fault that was missed, caught late or by another check, or ended in an error", () => {
  const other = result("image-deps", "fail");
  const missed = [
    outcome(report(result("egress-policy", "pass"))),
    outcome(report(other)),
    outcome(report(result("egress-policy", "fail"), other)),
    outcome(report(), EXACT),
    outcome(EXACT, EXACT),
    outcome(report(result("egress-policy", "error", { reason: "out of reach" }))),
    outcome(report(result("egress-policy", "fail"), result("image-deps", "error"))),
    outcome(EXACT, report(), { ...DRILL, when: "after" }),
  ];
  assertEquals(missed.map(isCaught), missed.map(() => false));
  assertEquals(missed.map((each) => exitCodeOf([each], [])), missed.map(() => 1));
});

Deno.test("notedIn: counts a skip only if no other check failed", () => {
  const skip = result("late-writers", "skip", { reason: "see database-login" });
  const requested = result("late-writers", "skip", { reason: "a backup", requested: true });
  assertEquals(isCaught(outcome(report(result("egress-policy", "fail"), skip))), true);
  assertEquals(notedIn(report(result("egress-policy", "pass"), requested), "before"), []);
  const [said] = notedIn(report(result("egress-policy", "pass"), skip), "before");
  assertEquals([said?.check, said?.problem], ["late-writers", "see database-login"]);
});

Deno.test("renderOutcome: shows which check caught a fault and when, or which check missed it", () => {
  const [row, injected, problem] = renderOutcome(outcome(EXACT), false).split("\n");
  assertMatch(row!, /^CAUGHT +selector-trap +egress-policy +before the run +no other$/);
  assertStringIncludes(injected!, "injected  a namespaceSelector");
  assertStringIncludes(problem!, "problem   egress-policy is wrong");
  const missed = renderOutcome(outcome(report(result("image-deps", "fail"))), false);
  assertMatch(missed, /^MISSED +selector-trap .* others: image-deps$/m);
  assertStringIncludes(missed, "egress-policy reported no finding before the run");
  assertStringIncludes(missed, "image-deps, before the run: image-deps is wrong");
});

Deno.test("renderSummary: counts the caught faults, and reports findings for the healthy platform", () => {
  const [caught, missed] = [outcome(EXACT), outcome(report())];
  assertStringIncludes(renderSummary([caught, missed], []), "1 of 2 faults caught");
  const health = notedIn(EXACT, "before");
  assertEquals(exitCodeOf([caught], health), 1);
  assertStringIncludes(renderSummary([caught], health), "the healthy platform is not");
  assertStringIncludes(renderSummary([], health), "no fault was injected");
  assertMatch(
    renderHealth(health, "before the drills", false),
    /^ILL before the drills: 1 finding/,
  );
  assertEquals(renderHealth([], "after", false), "HEALTHY after: no finding");
  const { exitCode, drills } = JSON.parse(renderJson([missed], []));
  assertEquals([exitCode, drills[0].isCaught], [1, false]);
});
