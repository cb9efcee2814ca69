import type { AnyCheck, FactName, Facts, Share } from "./check.ts";
import type { Finding, Result, Verdict } from "./finding.ts";
import {
  type Absent,
  atMost,
  CLEANING,
  gather,
  type Gathered,
  type Gatherers,
  message,
} from "./gather.ts";

export type { Absent, Gatherer, Gatherers } from "./gather.ts";

/** How checks are run. */
export interface RunOptions {
  /** How long each fact may take, in milliseconds. */
  readonly timeoutMs: number;
  /** How long facts may take that take longer than others. */
  readonly longerMs?: { readonly [N in FactName]?: number };
  /** Hears each result in the order of the checks, as soon as it and those before it are known. */
  readonly onResult?: (result: Result) => void;
  /** Checks that the operator does not want, by id, with the operator's reason. */
  readonly skip?: ReadonlyMap<string, string>;
  /** Ends the gathering when it aborts; what is not known then is `error`. */
  readonly signal?: AbortSignal;
}

/**
 * Gathers the facts that the checks need, all at the same time, and runs each check when its facts
 * are there. A fact that could not be gathered makes its checks `error`; it never stops the others.
 *
 * @returns one result per check, in their order
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
  const pending = checks.map((check) => {
    const reason = skip.get(check.id);
    return reason === undefined ? judge(check, facts, share) : skipped(check, reason);
  });
  const results: Result[] = [];
  for (const each of pending) {
    const result = await each;
    results.push(result);
    onResult?.(result);
  }
  await atMost(CLEANING, late);
  return results;
}

function shareWithinRun(): Share {
  const values = new Map<string, unknown>();
  return <T>(name: string, compute: () => T): T => {
    if (!values.has(name)) values.set(name, compute());
    return values.get(name) as T;
  };
}

/** The facts that a check reads, or would. */
export function factsOf({ needs, wants = [] }: AnyCheck): readonly FactName[] {
  return [...needs, ...wants];
}

/** What a check has to go by, and what it has not. */
interface Given {
  readonly values: Partial<Record<FactName, unknown>>;
  /** Why facts could not be gathered. */
  readonly problems: readonly string[];
  /** Why facts were not asked for, by whom. */
  readonly absent: readonly Absent[];
}

/** Never rejects. */
async function judge(
  check: AnyCheck,
  facts: ReadonlyMap<FactName, Promise<Gathered>>,
  share: Share,
): Promise<Result> {
  const { needs, wants = [] } = check;
  const needed = await take(needs, facts);
  const wanted = await take(wants, facts);
  const values = { ...needed.values, ...wanted.values };
  // A check that lacks a fact it needs is not wanted by whoever left that fact out. One that could
  // do with any of several is only not wanted where all of them were left out.
  const missing = withheld(check, needed, needed.absent.some(({ asked }) => asked)) ??
    (Object.keys(values).length === 0 ? withheld(check, wanted, everyAsked(wanted)) : undefined);
  if (missing !== undefined) return missing;
  return halved(verdict(check, values as Facts, share), check, wanted);
}

async function take(
  names: readonly FactName[],
  facts: ReadonlyMap<FactName, Promise<Gathered>>,
): Promise<Given> {
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

/** The result of a check that lacks facts; undefined where it lacks none. */
function withheld(
  { id, title }: AnyCheck,
  { problems, absent }: Given,
  wasAsked: boolean,
): Result | undefined {
  if (problems.length > 0) {
    return { id, title, verdict: "error", reason: problems.join(" "), findings: [] };
  }
  if (absent.length === 0) return undefined;
  const asked = wasAsked ? { asked: true as const } : {};
  return { id, title, verdict: "skip", reason: reasons(absent), ...asked, findings: [] };
}

/**
 * What a judgement is worth that was made without all the facts that the check wanted: a failure is
 * one all the same, and the rest is no pass unless the operator wanted it so.
 */
function halved(result: Result, check: AnyCheck, { problems, absent }: Given): Result {
  const { verdict, examined, ...rest } = result;
  // A fact that is missing could have what the others have not.
  if (verdict === "not-applicable") {
    const unasked = absent.filter(({ asked }) => !asked);
    return withheld(check, { values: {}, problems, absent: unasked }, false) ?? result;
  }
  if (examined === undefined) return result;
  const unasked = absent.filter(({ asked }) => !asked);
  if (verdict !== "fail" && problems.length + unasked.length > 0) {
    const { verdict, reason } = withheld(check, { values: {}, problems, absent: unasked }, false)!;
    return { ...rest, verdict, reason: `only half of it was judged (${examined}): ${reason}` };
  }
  if (absent.length === 0) return result;
  return { ...result, examined: `${examined}; the rest as asked: ${reasons(absent)}` };
}

function everyAsked({ absent }: Given): boolean {
  return absent.every(({ asked }) => asked);
}

function reasons(absent: readonly Absent[]): string {
  return [...new Set(absent.map((each) => each.absent))].join("; ");
}

function verdict(check: AnyCheck, facts: Facts, share: Share): Result {
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
      return { id, title, verdict: "error", reason: outcome.unknown, findings: [] };
    }
    const { examined, findings } = outcome;
    return { id, title, verdict: verdictOf(findings), examined, findings };
  } catch (error) {
    const reason = `the check itself broke: ${message(error)}`;
    return { id, title, verdict: "error", reason, findings: [] };
  }
}

async function skipped({ id, title }: AnyCheck, reason: string): Promise<Result> {
  return await { id, title, verdict: "skip", reason, asked: true, findings: [] };
}

function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some(({ severity }) => severity === "fail")) return "fail";
  return findings.length > 0 ? "warn" : "pass";
}
