import { Failure } from "../pipeline/errors.ts";
import type { Check, FactName, Facts, Finding, Result, Verdict } from "./check.ts";

/** How each fact is gathered. The signal aborts when the deadline is over. */
export type Gatherers = {
  readonly [N in FactName]: (signal: AbortSignal) => Promise<Facts[N]>;
};

/** How checks are run. */
export interface RunOptions {
  /** How long each fact may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Hears each result in the order of the checks, as soon as it and those before it are known. */
  readonly onResult?: (result: Result) => void;
  /** Checks that the operator does not want, by id, with the operator's reason. */
  readonly skip?: ReadonlyMap<string, string>;
}

type Gathered = { readonly value: unknown } | { readonly problem: string };

/**
 * Gathers the facts that the checks need, all at the same time, and runs each check when its facts
 * are there. A fact that could not be gathered makes its checks `error`; it never stops the others.
 *
 * @returns one result per check, in their order
 */
export async function runChecks(
  checks: readonly Check[],
  gatherers: Gatherers,
  { timeoutMs, onResult, skip = new Map() }: RunOptions,
): Promise<Result[]> {
  const wanted = checks.filter(({ id }) => !skip.has(id));
  const facts = new Map<FactName, Promise<Gathered>>();
  for (const name of new Set(wanted.flatMap(({ needs }) => needs))) {
    facts.set(name, gather(name, gatherers[name], timeoutMs));
  }
  const pending = checks.map((check) => {
    const reason = skip.get(check.id);
    return reason === undefined ? judge(check, facts) : skipped(check, reason);
  });
  const results: Result[] = [];
  for (const each of pending) {
    const result = await each;
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/**
 * The exit code that results add up to: 1 where a check failed (or, if strict, warned), else 3 where
 * one could not tell or was skipped without the operator asking for it, else 0. No results are 3.
 */
export function exitCode(
  results: readonly Result[],
  { strict = false }: { readonly strict?: boolean } = {},
): 0 | 1 | 3 {
  const bad = ({ verdict }: Result) => verdict === "fail" || strict && verdict === "warn";
  if (results.some(bad)) return 1;
  const unknown = ({ verdict, asked }: Result) =>
    verdict === "error" || verdict === "skip" && asked !== true;
  return results.length === 0 || results.some(unknown) ? 3 : 0;
}

/** Never rejects. A gatherer that ignores its signal is left behind at the deadline. */
async function gather(
  name: FactName,
  gatherer: (signal: AbortSignal) => Promise<unknown>,
  timeoutMs: number,
): Promise<Gathered> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const late = tooLate(name, timeoutMs);
      // Rejecting first lets our reason win over whatever the gatherer makes of the abort.
      reject(late);
      controller.abort(late);
    }, timeoutMs);
  });
  try {
    return { value: await Promise.race([gatherer(controller.signal), deadline]) };
  } catch (error) {
    return { problem: message(error) };
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(name: FactName, timeoutMs: number): Failure {
  return new Failure(
    "unreachable",
    `Cannot gather the facts about ${name}: they took longer than ${timeoutMs / 1000} s. ` +
      "Look for what is slow or hangs, or allow more time.",
  );
}

/** Never rejects. */
async function judge(
  check: Check,
  facts: ReadonlyMap<FactName, Promise<Gathered>>,
): Promise<Result> {
  const { id, title, needs } = check;
  const given: Partial<Record<FactName, unknown>> = {};
  const problems = new Set<string>();
  for (const name of needs) {
    const gathered = await facts.get(name)!;
    if ("problem" in gathered) problems.add(gathered.problem);
    else given[name] = gathered.value;
  }
  if (problems.size > 0) {
    return { id, title, verdict: "error", reason: [...problems].join(" "), findings: [] };
  }
  try {
    const outcome = check.run(given as Facts);
    if ("skip" in outcome) {
      return { id, title, verdict: "skip", reason: outcome.skip, findings: [] };
    }
    if ("nothing" in outcome) {
      return { id, title, verdict: "error", reason: outcome.nothing, findings: [] };
    }
    const { examined, findings } = outcome;
    return { id, title, verdict: verdictOf(findings), examined, findings };
  } catch (error) {
    const reason = `the check itself broke: ${message(error)}`;
    return { id, title, verdict: "error", reason, findings: [] };
  }
}

async function skipped({ id, title }: Check, reason: string): Promise<Result> {
  return await { id, title, verdict: "skip", reason, asked: true, findings: [] };
}

function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some(({ severity }) => severity === "fail")) return "fail";
  return findings.length > 0 ? "warn" : "pass";
}

function message(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
