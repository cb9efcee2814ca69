import type { AnyCheck, FactName, Facts, Share } from "./check.ts";
import type { Finding, Result, Verdict } from "./finding.ts";
import {
  type Absent,
  CLEANUP_MS,
  gather,
  type Gathered,
  type Gatherers,
  messageOf,
  waitAtMost,
} from "./gather.ts";

export type { Absent, Gatherer, Gatherers } from "./gather.ts";

/** The options for running checks. */
export interface RunOptions {
  /** The timeout of each fact in milliseconds. */
  readonly timeoutMs: number;
  /** The timeouts of facts that need longer than the others, in milliseconds. */
  readonly longerMs?: { readonly [N in FactName]?: number };
  /** Receives each result, in the order of the checks, as soon as it is known. */
  readonly onResult?: (result: Result) => void;
  /** The checks that the operator skips, by id, with the reason. */
  readonly skip?: ReadonlyMap<string, string>;
  /** Interrupts the gathering. The checks whose facts are missing then have the verdict `error`. */
  readonly signal?: AbortSignal;
}

/**
 * Gathers the facts that the checks need, all at the same time, and runs each check when its facts
 * are available. If a fact cannot be gathered, the checks that need it are errors; the others still
 * run.
 *
 * @returns one result per check, in the order of the checks
 */
export async function runChecks(
  checks: readonly AnyCheck[],
  gatherers: Gatherers,
  { timeoutMs, longerMs = {}, onResult, skip = new Map(), signal }: RunOptions,
): Promise<Result[]> {
  const wanted = checks.filter(({ id }) => !skip.has(id));
  const facts = new Map<FactName, Promise<Gathered>>();
  const late: Promise<unknown>[] = [];
  for (const name of new Set(wanted.flatMap(factsOf))) {
    const limits = { timeoutMs: longerMs[name] ?? timeoutMs, late, signal };
    facts.set(name, gather(name, gatherers[name], limits));
  }
  const share = shareWithinRun();
  const began = performance.now();
  const results: Result[] = new Array(checks.length);
  let reported = 0;
  // A result is reported before the next check runs, because the facts of many checks come together.
  const keep = (i: number, { section }: AnyCheck, result: Result) => {
    const seconds = (performance.now() - began) / 1000;
    results[i] = { ...result, ...(section === undefined ? {} : { section }), seconds };
    for (; results[reported] !== undefined; reported++) onResult?.(results[reported]!);
  };
  await Promise.all(checks.map(async (check, i) => {
    const reason = skip.get(check.id);
    if (reason !== undefined) return keep(i, check, skipped(check, reason));
    const inputs = await inputsOf(check, facts);
    keep(i, check, judge(check, inputs, share));
  }));
  await waitAtMost(CLEANUP_MS, late);
  return results;
}

function shareWithinRun(): Share {
  const values = new Map<string, unknown>();
  return <T>(name: string, compute: () => T): T => {
    if (!values.has(name)) values.set(name, compute());
    return values.get(name) as T;
  };
}

/** The facts that a check reads, required and optional. */
export function factsOf({ needs, wants = [] }: AnyCheck): readonly FactName[] {
  return [...needs, ...wants];
}

/** The facts of a check, and why others are missing. */
interface Inputs {
  readonly values: Partial<Record<FactName, unknown>>;
  /** The reason why facts could not be gathered. */
  readonly problems: readonly string[];
  /** The facts that were not gathered, and whether the operator excluded them. */
  readonly absent: readonly Absent[];
}

/** Waits for the required and the optional facts of a check. Never rejects. */
async function inputsOf(
  { needs, wants = [] }: AnyCheck,
  facts: ReadonlyMap<FactName, Promise<Gathered>>,
): Promise<{ readonly required: Inputs; readonly optional: Inputs }> {
  return { required: await take(needs, facts), optional: await take(wants, facts) };
}

/** Runs one check with its facts. */
function judge(
  check: AnyCheck,
  { required, optional }: { readonly required: Inputs; readonly optional: Inputs },
  share: Share,
): Result {
  const values = { ...required.values, ...optional.values };
  // An operator who excludes one required fact, or all optional facts, requests the skip.
  const missing =
    missingFacts(check, required, required.absent.some(({ requested }) => requested)) ??
      (Object.keys(values).length === 0
        ? missingFacts(check, optional, optional.absent.every(({ requested }) => requested))
        : undefined);
  if (missing !== undefined) return missing;
  return limited(resultOf(check, values as Facts, share), check, optional);
}

async function take(
  names: readonly FactName[],
  facts: ReadonlyMap<FactName, Promise<Gathered>>,
): Promise<Inputs> {
  const values: Partial<Record<FactName, unknown>> = {};
  const problems = new Set<string>();
  const absent: Absent[] = [];
  for (const name of names) {
    const gathered = await facts.get(name)!;
    if ("problem" in gathered) problems.add(gathered.problem);
    else if ("absent" in gathered) absent.push(gathered);
    else values[name] = gathered.value;
  }
  return { values, problems: [...problems], absent };
}

/** The result of a check whose facts are missing; undefined if none is missing. */
function missingFacts(
  { id, title }: AnyCheck,
  { problems, absent }: Inputs,
  isRequested: boolean,
): Result | undefined {
  if (problems.length > 0) {
    return { id, title, verdict: "error", reason: problems.join(" "), findings: [] };
  }
  if (absent.length === 0) return undefined;
  const skip = { id, title, verdict: "skip", findings: [] } as const;
  const excluded = reasons(absent.filter(({ requested }) => requested));
  if (isRequested) {
    return { ...skip, reason: reasons(absent).join("; "), requested: true, unread: excluded };
  }
  return {
    ...skip,
    reason: reasons(absent.filter(({ requested }) => !requested)).join("; "),
    ...(excluded.length === 0 ? {} : { unread: excluded }),
  };
}

/**
 * Limits a result to what it proves without optional facts: a failure stays a failure. A pass or a
 * warning becomes a skip or an error, unless the operator excluded the missing facts.
 */
function limited(result: Result, check: AnyCheck, { problems, absent }: Inputs): Result {
  const { verdict, examined, ...rest } = result;
  const unrequested = absent.filter(({ requested }) => !requested);
  const missing = missingFacts(check, { values: {}, problems, absent: unrequested }, false);
  // A missing fact can contain the objects that the other facts lack.
  if (verdict === "not-applicable") return missing ?? result;
  if (examined === undefined) return result;
  if (verdict !== "fail" && missing !== undefined) {
    return { ...rest, examined, verdict: missing.verdict, reason: missing.reason! };
  }
  if (absent.length === 0) return result;
  return { ...result, unread: reasons(absent) };
}

function reasons(absent: readonly Absent[]): string[] {
  return [...new Set(absent.map((each) => each.absent))];
}

function resultOf(check: AnyCheck, facts: Facts, share: Share): Result {
  const { id, title } = check;
  try {
    const outcome = check.run(facts, share);
    if ("skip" in outcome) {
      return { id, title, verdict: "skip", reason: outcome.skip, findings: [] };
    }
    if ("notApplicable" in outcome) {
      const reason = outcome.notApplicable;
      return { id, title, verdict: "not-applicable", reason, findings: [] };
    }
    if ("unknown" in outcome) {
      const { unknown, warnings = [] } = outcome;
      return { id, title, verdict: "error", reason: unknown, findings: withoutRepeats(warnings) };
    }
    const { examined, unchecked = [], notJudged = [] } = outcome;
    const findings = withoutRepeats(outcome.findings);
    const result = { id, title, verdict: verdictOf(findings), examined, findings };
    return {
      ...result,
      ...(unchecked.length === 0 ? {} : { unchecked }),
      ...(notJudged.length === 0 ? {} : { notJudged }),
    };
  } catch (error) {
    const reason = `the check has a bug: ${messageOf(error)}`;
    return { id, title, verdict: "error", reason, findings: [] };
  }
}

function skipped({ id, title }: AnyCheck, reason: string): Result {
  return { id, title, verdict: "skip", reason, requested: true, findings: [] };
}

/** A place that is read in two ways, such as Python in a script of a shell, is reported once. */
function withoutRepeats(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((each) => [JSON.stringify(each), each])).values()];
}

function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some(({ severity }) => severity === "fail")) return "fail";
  return findings.length > 0 ? "warn" : "pass";
}
