import type { AnyCheck, Check } from "../../checks/check.ts";
import type { Finding, Result, Verdict } from "../../checks/finding.ts";
import { check } from "../../checks/check.ts";
import { type Absent, type Gatherers, runChecks } from "../../checks/runner.ts";
import { exitCode } from "../../tasks/cli/exit_code.ts";
import { Failure } from "../../pipeline/errors.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { HEALTHY } from "./healthy/day.ts";

const base = { title: "it holds", phase: "after" } as const;
const examined = "everything";

function passing(id: string, ...needs: ("source" | "bronze" | "silver")[]): Check {
  return { ...base, id, needs, run: () => ({ examined, findings: [] }) };
}

function gatherers(changes: Partial<Gatherers> = {}): Gatherers {
  return {
    source: () => Promise.resolve(HEALTHY.source),
    bronze: () => Promise.resolve(HEALTHY.bronze),
    silver: () => Promise.resolve(HEALTHY.silver),
    ...changes,
  };
}

const never = () => new Promise<never>(() => {});
const patient = { timeoutMs: 10_000 };

Deno.test("runChecks: a check gets the facts that it needs, and no others", async () => {
  const seen: string[][] = [];
  const nosy = check({
    ...{ ...base, id: "nosy", needs: ["source", "silver"] },
    run(facts) {
      seen.push(Object.keys(facts));
      return { examined: facts.source.name, findings: [] };
    },
  });
  const [result] = await runChecks([nosy], gatherers(), patient);
  assertEquals(seen, [["source", "silver"]]);
  assertEquals(result, {
    ...{ id: "nosy", title: "it holds", verdict: "pass" },
    ...{ examined: "reader@db:5432/rbsdb", findings: [] },
  });
});

Deno.test("runChecks: a fact is gathered once, and only if a check needs it", async () => {
  const asked: string[] = [];
  const counting = gatherers({
    source: () => (asked.push("source"), Promise.resolve(HEALTHY.source)),
    bronze: () => (asked.push("bronze"), Promise.resolve(HEALTHY.bronze)),
    silver: () => (asked.push("silver"), Promise.resolve(HEALTHY.silver)),
  });
  await runChecks([passing("a", "bronze"), passing("b", "bronze", "source")], counting, patient);
  assertEquals(asked, ["bronze", "source"]);
});

Deno.test("runChecks: the outcome decides the verdict", async () => {
  const fail = { severity: "fail", object: "o", problem: "p", fix: "f" } as const;
  const warn = { ...fail, severity: "warn" } as const;
  const outcomes: [Verdict, ReturnType<Check["run"]>][] = [
    ["pass", { examined, findings: [] }],
    ["warn", { examined, findings: [warn] }],
    ["fail", { examined, findings: [warn, fail] }],
    ["skip", { skip: "another check tells" }],
    ["error", { unknown: "it may not be read" }],
    ["not-applicable", { notApplicable: "there was nothing" }],
  ];
  const checks = outcomes.map(([id, outcome]): Check => ({
    ...{ ...base, id, needs: ["source"], run: () => outcome },
  }));
  const results = await runChecks(checks, gatherers(), patient);
  assertEquals(results.map(({ verdict }) => verdict), outcomes.map(([verdict]) => verdict));
  assertEquals(results.slice(3).map(({ reason }) => reason), [
    "another check tells",
    "it may not be read",
    "there was nothing",
  ]);
});

Deno.test("facts are gathered at the same time", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const results = await runChecks(
    [passing("a", "source", "bronze")],
    gatherers({
      source: async () => (await promise, HEALTHY.source),
      bronze: () => (resolve(), Promise.resolve(HEALTHY.bronze)),
    }),
    patient,
  );
  assertEquals(results[0]!.verdict, "pass");
});

Deno.test("runChecks: a fact that cannot be gathered makes its checks error, and no others", async () => {
  const failure = new Failure({
    kind: "unreachable",
    task: "reach the database",
    problem: "no answer",
    remedy: "Start it.",
  });
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze"), passing("c", "bronze", "source")],
    gatherers({ source: () => Promise.reject(failure) }),
    patient,
  );
  assertEquals(results.map(({ verdict }) => verdict), ["error", "pass", "error"]);
  assertEquals(results[2]!.reason, failure.message);
});

Deno.test("runChecks: an unexpected error of a gatherer is reported, also where it is thrown at once", async () => {
  const broken = gatherers({
    source: () => {
      throw new TypeError("x is undefined");
    },
  });
  const [result] = await runChecks([passing("a", "source")], broken, patient);
  assertEquals([result!.verdict, result!.reason], ["error", "x is undefined"]);
});

Deno.test("runChecks: two facts with the same trouble tell it once", async () => {
  const refuse = () =>
    Promise.reject(
      new Failure({
        kind: "unreachable",
        task: "reach the lake",
        problem: "no answer",
        remedy: "Run again.",
      }),
    );
  const broken = gatherers({ bronze: refuse, silver: refuse });
  const [result] = await runChecks([passing("a", "bronze", "silver")], broken, patient);
  assertEquals(result!.reason, "Cannot reach the lake: no answer. Run again.");
});

Deno.test("runChecks: a gatherer that hangs and ignores its signal is given up on at the deadline", async () => {
  const started = performance.now();
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze")],
    gatherers({ source: never }),
    { timeoutMs: 50 },
  );
  assert(performance.now() - started < 5_000);
  assertEquals(results.map(({ verdict }) => verdict), ["error", "pass"]);
  assertMatch(results[0]!.reason!, /^Cannot gather the facts about source: .* 0\.05 s\. /);
});

Deno.test("runChecks: a fact that takes longer than others has a deadline of its own", async () => {
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze")],
    gatherers({ source: never, bronze: never }),
    { timeoutMs: 50, longerMs: { bronze: 120 } },
  );
  assertMatch(results[0]!.reason!, / 0\.05 s\. /);
  assertMatch(results[1]!.reason!, / 0\.12 s\. /);
});

Deno.test("runChecks: a gatherer that heeds its signal is reported of the deadline, each by its own", async () => {
  const signals: AbortSignal[] = [];
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze")],
    gatherers({
      source: (signal) => {
        signals.push(signal);
        return new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(new Error("aborted")))
        );
      },
      bronze: (signal) => (signals.push(signal), Promise.resolve(HEALTHY.bronze)),
    }),
    { timeoutMs: 50 },
  );
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
  assert(signals[0]!.reason instanceof Failure);
  assertStringIncludes(results[0]!.reason!, "longer than 0.05 s");
});

Deno.test("runChecks: a gatherer that fails long after its deadline does no harm", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await runChecks([passing("a", "source")], gatherers({ source: () => promise }), { timeoutMs: 5 });
  reject(new Error("late"));
  await new Promise((resolve) => setTimeout(resolve, 5));
});

Deno.test("runChecks: a check that throws is an error, and the others go on", async () => {
  const broken: Check = {
    ...{ ...base, id: "broken", needs: ["source"] },
    run() {
      throw new TypeError("cannot read properties of undefined");
    },
  };
  const results = await runChecks([broken, passing("b", "source")], gatherers(), patient);
  assertEquals(results.map(({ verdict }) => verdict), ["error", "pass"]);
  assertEquals(
    results[0]!.reason,
    "the check itself broke: cannot read properties of undefined",
  );
});

Deno.test("results are reported in the order of the checks, as soon as they are known", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const told: string[] = [];
  const running = runChecks(
    [passing("fast", "source"), passing("slow", "bronze"), passing("fast too", "source")],
    gatherers({ bronze: async () => (await promise, HEALTHY.bronze) }),
    { ...patient, onResult: ({ id }) => told.push(id) },
  );
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(told, ["fast"]);
  resolve();
  const results = await running;
  assertEquals(told, ["fast", "slow", "fast too"]);
  assertEquals(results.map(({ id }) => id), told);
});

Deno.test("runChecks: what the operator skips is reported as such, and its facts are not gathered", async () => {
  const [skipped, judged] = await runChecks(
    [passing("a", "source"), passing("b", "bronze")],
    gatherers({ source: never }),
    { ...patient, skip: new Map([["a", "no database here"]]) },
  );
  assertEquals(skipped, {
    ...{ id: "a", title: "it holds", verdict: "skip", reason: "no database here", asked: true },
    findings: [],
  });
  assertEquals(exitCode([skipped!, judged!]), 0);
});

const left: Absent = { absent: "--facts leaves it out", asked: true };
const unset: Absent = { absent: "the password is not set" };

Deno.test("runChecks: a fact that is not configured, or not asked for, makes its checks skip, and says why", async () => {
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze"), passing("c", "source", "bronze")],
    gatherers({ source: unset, bronze: left }),
    patient,
  );
  assertEquals(results.map(({ verdict, reason, asked }) => [verdict, reason, asked]), [
    ["skip", "the password is not set", undefined],
    ["skip", "--facts leaves it out", true],
    ["skip", "the password is not set; --facts leaves it out", true],
  ]);
});

Deno.test("runChecks: a fact that could not be gathered outranks one that nobody asked for", async () => {
  const refuse = () =>
    Promise.reject(
      new Failure({
        kind: "unreachable",
        task: "reach it",
        problem: "no answer",
        remedy: "Run again.",
      }),
    );
  const [result] = await runChecks(
    [passing("a", "source", "bronze")],
    gatherers({ source: refuse, bronze: left }),
    patient,
  );
  assertEquals([result!.verdict, result!.reason], [
    "error",
    "Cannot reach it: no answer. Run again.",
  ]);
});

/** Judges source and bronze as far as they are there, and names those it got. */
function modest(findings: Finding[] = []): AnyCheck {
  return check({
    ...{ ...base, id: "modest", needs: [], wants: ["source", "bronze"] },
    run: (facts) => ({ examined: Object.keys(facts).join(" and "), findings }),
  });
}

async function halfJudged(changes: Partial<Gatherers>, findings?: Finding[]): Promise<Result> {
  return (await runChecks([modest(findings)], gatherers(changes), patient))[0]!;
}

Deno.test("runChecks: a check judges what it wants as far as it is there, and only a whole judgement passes", async () => {
  const refuse = () =>
    Promise.reject(
      new Failure({
        kind: "unreachable",
        task: "reach it",
        problem: "no answer",
        remedy: "Run again.",
      }),
    );
  const told = async (changes: Partial<Gatherers>) => {
    const { verdict, examined, reason, asked } = await halfJudged(changes);
    return [verdict, examined ?? reason, asked];
  };
  const half = "only half of it was judged (source): ";
  assertEquals(await told({}), ["pass", "source and bronze", undefined]);
  assertEquals(await told({ bronze: left }), [
    ...["pass", "source; the rest as asked: --facts leaves it out", undefined],
  ]);
  assertEquals(await told({ bronze: unset }), [
    ...["skip", `${half}the password is not set`, undefined],
  ]);
  assertEquals(await told({ bronze: refuse }), [
    "error",
    `${half}Cannot reach it: no answer. Run again.`,
    undefined,
  ]);
  assertEquals(await told({ source: left, bronze: left }), ["skip", left.absent, true]);
  assertEquals(await told({ source: left, bronze: unset }), [
    ...["skip", "--facts leaves it out; the password is not set", undefined],
  ]);
  assertEquals(await told({ source: left, bronze: refuse }), [
    ...["error", "Cannot reach it: no answer. Run again.", undefined],
  ]);
});

Deno.test("runChecks: what half a judgement found is reported: a failure as such, a warning beside the skip", async () => {
  const fail = { severity: "fail", object: "o", problem: "p", fix: "f" } as const;
  const warn = { ...fail, severity: "warn" } as const;
  const failed = await halfJudged({ bronze: unset }, [fail]);
  assertEquals([failed.verdict, failed.findings], ["fail", [fail]]);
  const warned = await halfJudged({ bronze: unset }, [warn]);
  assertEquals([warned.verdict, warned.findings], ["skip", [warn]]);
});

Deno.test("runChecks: the exit code where the operator skipped everything is 3: nothing was judged", async () => {
  const results = await runChecks([passing("a", "source")], gatherers({ source: left }), patient);
  assertEquals(exitCode(results), 3);
});

Deno.test("runChecks: a gatherer that cleans up after its deadline is waited for, once all is reported", async () => {
  const order: string[] = [];
  await runChecks(
    [passing("a", "source")],
    gatherers({
      source: async (signal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push("cleaned");
        throw signal.reason;
      },
    }),
    { timeoutMs: 10, onResult: ({ verdict }) => order.push(verdict) },
  );
  assertEquals(order, ["error", "cleaned"]);
});

Deno.test("runChecks: an interruption ends the gathering at once, and gatherers hear of it", async () => {
  const controller = new AbortController();
  const heard = Promise.withResolvers<unknown>();
  const running = runChecks(
    [passing("a", "source")],
    gatherers({
      source: (signal) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            heard.resolve(signal.reason);
            reject(signal.reason);
          })
        ),
    }),
    { ...patient, signal: controller.signal },
  );
  const reason = new Failure({
    kind: "unreachable",
    task: "finish",
    problem: "preflight was interrupted",
    remedy: "Run it again.",
  });
  controller.abort(reason);
  assertEquals(await heard.promise, reason);
  assertEquals((await running).map((result) => result.reason), [reason.message]);
});

Deno.test("runChecks does not call a check not applicable while a fact is missing that could have it", async () => {
  const check: Check<never, "source" | "bronze"> = {
    ...base,
    id: "a",
    needs: [],
    wants: ["source", "bronze"],
    run: () => ({ notApplicable: "there was nothing" }),
  };
  const lost = () => Promise.reject(new Error("out of reach"));
  const [half] = await runChecks([check], gatherers({ bronze: lost }), patient);
  assertEquals([half!.verdict, half!.reason], ["error", "out of reach"]);
  const [whole] = await runChecks([check], gatherers({}), patient);
  assertEquals(whole!.verdict, "not-applicable");
});
