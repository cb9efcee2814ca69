import type { AnyCheck, Check } from "../../checks/check.ts";
import type { Finding, Result, Verdict } from "../../checks/finding.ts";
import { check } from "../../checks/check.ts";
import { type Absent, type Gatherers, runChecks } from "../../checks/runner.ts";
import { reasonOf } from "../../checks/report/report.ts";
import { exitCode } from "../../tasks/cli/exit_code.ts";
import { Failure } from "../../pipeline/errors.ts";
import { until } from "../cluster/until.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { HEALTHY } from "./healthy/day.ts";

const base = { title: "it holds", phase: "after" } as const;
const examined = "everything";

function passing(id: string, ...needs: ("source" | "bronze" | "silver")[]): Check {
  return { ...base, id, needs, run: () => ({ examined, findings: [] }) };
}

/** A gatherer whose server does not answer. */
function refuse(): Promise<never> {
  return Promise.reject(
    new Failure({
      kind: "unreachable",
      task: "reach the lake",
      problem: "no answer",
      remedy: "Run again.",
    }),
  );
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
const patient = { timeoutMs: 120_000 };

Deno.test("runChecks reports equal findings once", async () => {
  const at = (line: number): Finding => ({
    severity: "warn",
    object: "a.py",
    line,
    problem: "it is wrong",
    why: "it fails",
    fix: "Correct it.",
  });
  const twice = [at(1), at(2), at(1)];
  const outcomes = [{ examined, findings: twice }, { unknown: "no answer", warnings: twice }];
  for (const outcome of outcomes) {
    const [result] = await runChecks([{ ...passing("twice"), run: () => outcome }], {}, patient);
    assertEquals(result!.findings, [at(1), at(2)]);
  }
});

Deno.test("runChecks gives a check only the facts that it needs", async () => {
  const seen: string[][] = [];
  const nosy = check({
    ...base,
    id: "nosy",
    needs: ["source", "silver"],
    run(facts) {
      seen.push(Object.keys(facts));
      return { examined: facts.source.name, findings: [] };
    },
  });
  const [{ seconds, ...result }] = await runChecks([nosy], gatherers(), patient) as [Result];
  assertEquals(seen, [["source", "silver"]]);
  assert(seconds! >= 0);
  assertEquals(result, {
    id: "nosy",
    title: "it holds",
    verdict: "pass",
    examined: "reader@db:5432/rbsdb",
    findings: [],
  });
});

Deno.test("runChecks gathers a fact once, and only if a check needs it", async () => {
  const asked: string[] = [];
  const counting = gatherers({
    source: () => (asked.push("source"), Promise.resolve(HEALTHY.source)),
    bronze: () => (asked.push("bronze"), Promise.resolve(HEALTHY.bronze)),
    silver: () => (asked.push("silver"), Promise.resolve(HEALTHY.silver)),
  });
  await runChecks([passing("a", "bronze"), passing("b", "bronze", "source")], counting, patient);
  assertEquals(asked, ["bronze", "source"]);
});

Deno.test("runChecks derives the verdict from the outcome", async () => {
  const fail = { severity: "fail", object: "o", problem: "p", fix: "f" } as const;
  const warn = { ...fail, severity: "warn" } as const;
  const outcomes: [Verdict, ReturnType<Check["run"]>][] = [
    ["pass", { examined, findings: [] }],
    ["warn", { examined, findings: [warn] }],
    ["fail", { examined, findings: [warn, fail] }],
    ["skip", { skip: "another check fails" }],
    ["error", { unknown: "the user cannot read it" }],
    ["not-applicable", { notApplicable: "there was nothing" }],
  ];
  const checks = outcomes.map(([id, outcome]): Check => ({
    ...base,
    id,
    needs: ["source"],
    run: () => outcome,
  }));
  const results = await runChecks(checks, gatherers(), patient);
  assertEquals(results.map(({ verdict }) => verdict), outcomes.map(([verdict]) => verdict));
  assertEquals(results.slice(3).map(({ reason }) => reason), [
    "another check fails",
    "the user cannot read it",
    "there was nothing",
  ]);
});

Deno.test("runChecks gathers all facts at the same time", async () => {
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

Deno.test("runChecks reports an error only for the checks whose facts cannot be gathered", async () => {
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

Deno.test("runChecks reports an unexpected error that a gatherer throws synchronously", async () => {
  const broken = gatherers({
    source: () => {
      throw new TypeError("x is undefined");
    },
  });
  const [result] = await runChecks([passing("a", "source")], broken, patient);
  assertEquals([result!.verdict, result!.reason], ["error", "x is undefined"]);
});

Deno.test("runChecks reports the same problem of two facts once", async () => {
  const broken = gatherers({ bronze: refuse, silver: refuse });
  const [result] = await runChecks([passing("a", "bronze", "silver")], broken, patient);
  assertEquals(result!.reason, "Cannot reach the lake: no answer. Run again.");
});

Deno.test("runChecks stops waiting at the deadline for a gatherer that ignores its signal", async () => {
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze")],
    gatherers({ source: never }),
    { timeoutMs: 50 },
  );
  assertEquals(results.map(({ verdict }) => verdict), ["error", "pass"]);
  assertMatch(results[0]!.reason!, /^Cannot gather the facts about source: .* 0\.05 s\. /);
});

Deno.test("runChecks applies longerMs to single facts", async () => {
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze")],
    gatherers({ source: never, bronze: never }),
    { timeoutMs: 50, longerMs: { bronze: 120 } },
  );
  assertMatch(results[0]!.reason!, / 0\.05 s\. /);
  assertMatch(results[1]!.reason!, / 0\.12 s\. /);
});

Deno.test("runChecks aborts only the signal of the gatherer that reached its deadline", async () => {
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

Deno.test("runChecks ignores a gatherer that fails after its deadline", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await runChecks([passing("a", "source")], gatherers({ source: () => promise }), { timeoutMs: 5 });
  reject(new Error("late"));
  await new Promise((resolve) => setTimeout(resolve, 5));
});

Deno.test("runChecks reports an error for a check that throws, and runs the others", async () => {
  const broken: Check = {
    ...base,
    id: "broken",
    needs: ["source"],
    run() {
      throw new TypeError("cannot read properties of undefined");
    },
  };
  const results = await runChecks([broken, passing("b", "source")], gatherers(), patient);
  assertEquals(results.map(({ verdict }) => verdict), ["error", "pass"]);
  assertEquals(
    results[0]!.reason,
    "the check has a bug: cannot read properties of undefined",
  );
});

Deno.test("runChecks reports results in the order of the checks, as soon as they are known", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const reported: string[] = [];
  const running = runChecks(
    [passing("fast", "source"), passing("slow", "bronze"), passing("fast too", "source")],
    gatherers({ bronze: async () => (await promise, HEALTHY.bronze) }),
    { ...patient, onResult: ({ id }) => reported.push(id) },
  );
  await until("the first result is reported", () => Promise.resolve(reported.length > 0));
  assertEquals(reported, ["fast"]);
  resolve();
  const results = await running;
  assertEquals(reported, ["fast", "slow", "fast too"]);
  assertEquals(results.map(({ id }) => id), reported);
});

Deno.test("runChecks reports a result before the next check runs", async () => {
  const events: string[] = [];
  const noting = (id: string): Check => ({
    ...passing(id, "source"),
    run: () => (events.push(`run ${id}`), { examined, findings: [] }),
  });
  const onResult = ({ id }: Result) => events.push(`report ${id}`);
  await runChecks([noting("a"), noting("b")], gatherers(), { ...patient, onResult });
  assertEquals(events, ["run a", "report a", "run b", "report b"]);
});

Deno.test("runChecks marks a skip that the operator requested, and does not gather its facts", async () => {
  const [skipped, judged] = await runChecks(
    [passing("a", "source"), passing("b", "bronze")],
    gatherers({ source: never }),
    { ...patient, skip: new Map([["a", "no database here"]]) },
  );
  const { seconds: _, ...rest } = skipped!;
  assertEquals(rest, {
    id: "a",
    title: "it holds",
    verdict: "skip",
    reason: "no database here",
    requested: true,
    findings: [],
  });
  assertEquals(exitCode([skipped!, judged!]), 0);
});

const left: Absent = { absent: "silver not checked (--facts)", requested: true };
const unset: Absent = { absent: "the password is not set" };

Deno.test("runChecks skips checks whose facts are not configured or excluded, with the reason", async () => {
  const results = await runChecks(
    [passing("a", "source"), passing("b", "bronze"), passing("c", "source", "bronze")],
    gatherers({ source: unset, bronze: left }),
    patient,
  );
  const excluded = "silver not checked (--facts)";
  assertEquals(
    results.map(({ verdict, reason, requested, unread }) => [verdict, reason, requested, unread]),
    [
      ["skip", "the password is not set", undefined, undefined],
      ["skip", excluded, true, [excluded]],
      // A report counts the check as requested, and names only what the operator excluded.
      ["skip", `the password is not set; ${excluded}`, true, [excluded]],
    ],
  );
});

Deno.test("runChecks reports an error if one fact cannot be gathered and another is excluded", async () => {
  const [result] = await runChecks(
    [passing("a", "source", "bronze")],
    gatherers({ source: refuse, bronze: left }),
    patient,
  );
  assertEquals([result!.verdict, result!.reason], [
    "error",
    "Cannot reach the lake: no answer. Run again.",
  ]);
});

/** A check whose facts source and bronze are optional; `examined` names the facts that it received. */
function modest(findings: Finding[] = []): AnyCheck {
  return check({
    ...base,
    id: "modest",
    needs: [],
    wants: ["source", "bronze"],
    run: (facts) => ({ examined: Object.keys(facts).join(" and "), findings }),
  });
}

async function partialResult(changes: Partial<Gatherers>, findings?: Finding[]): Promise<Result> {
  return (await runChecks([modest(findings)], gatherers(changes), patient))[0]!;
}

Deno.test("runChecks lets a check pass only if no optional fact is missing, or the operator excluded it", async () => {
  const outcome = async (changes: Partial<Gatherers>) => {
    const result = await partialResult(changes);
    const { verdict, examined, unread, requested } = result;
    return [verdict, reasonOf(result) || [examined, ...unread ?? []].join("; "), requested];
  };
  const partial = "partially checked (source): ";
  assertEquals(await outcome({}), ["pass", "source and bronze", undefined]);
  assertEquals(await outcome({ bronze: left }), [
    "pass",
    "source; silver not checked (--facts)",
    undefined,
  ]);
  assertEquals(await outcome({ bronze: unset }), [
    "skip",
    `${partial}the password is not set`,
    undefined,
  ]);
  assertEquals(await outcome({ bronze: refuse }), [
    "error",
    `${partial}Cannot reach the lake: no answer. Run again.`,
    undefined,
  ]);
  assertEquals(await outcome({ source: left, bronze: left }), ["skip", left.absent, true]);
  assertEquals(await outcome({ source: left, bronze: unset }), [
    "skip",
    "the password is not set",
    undefined,
  ]);
  const both = await partialResult({ source: left, bronze: unset });
  assertEquals(both.unread, ["silver not checked (--facts)"]);
  assertEquals(await outcome({ source: left, bronze: refuse }), [
    "error",
    "Cannot reach the lake: no answer. Run again.",
    undefined,
  ]);
});

Deno.test("runChecks keeps the findings of a check with missing facts: a failure fails, a warning skips", async () => {
  const fail = { severity: "fail", object: "o", problem: "p", fix: "f" } as const;
  const warn = { ...fail, severity: "warn" } as const;
  const failed = await partialResult({ bronze: unset }, [fail]);
  assertEquals([failed.verdict, failed.findings], ["fail", [fail]]);
  const warned = await partialResult({ bronze: unset }, [warn]);
  assertEquals([warned.verdict, warned.findings], ["skip", [warn]]);
});

Deno.test("exitCode is 3 if the operator skipped every check", async () => {
  const results = await runChecks([passing("a", "source")], gatherers({ source: left }), patient);
  assertEquals(exitCode(results), 3);
});

Deno.test("runChecks waits for the cleanup of a late gatherer after all results are reported", async () => {
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

Deno.test("runChecks stops gathering at an interruption, and aborts the signals of gatherers", async () => {
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

Deno.test("runChecks does not report not-applicable while an optional fact is missing", async () => {
  const check: Check<never, "source" | "bronze"> = {
    ...base,
    id: "a",
    needs: [],
    wants: ["source", "bronze"],
    run: () => ({ notApplicable: "there was nothing" }),
  };
  const lost = () => Promise.reject(new Error("out of reach"));
  const [partial] = await runChecks([check], gatherers({ bronze: lost }), patient);
  assertEquals([partial!.verdict, partial!.reason], ["error", "out of reach"]);
  const [whole] = await runChecks([check], gatherers({}), patient);
  assertEquals(whole!.verdict, "not-applicable");
});
