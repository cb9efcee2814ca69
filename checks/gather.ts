import { Failure } from "../pipeline/errors.ts";
import type { FactName, Facts } from "./check.ts";

/** Gathers a fact. The signal aborts at the deadline. */
export type Gatherer<T> = (signal: AbortSignal) => Promise<T>;

/** A fact that is not gathered. The checks that require the fact are skipped. */
export interface Absent {
  /** The reason, as in `DJANGO_DB_PASSWORD is not set`. */
  readonly absent: string;
  /** True if the operator excluded the fact. */
  readonly requested?: true;
}

/** A gatherer for each fact, or the reason why the fact is not gathered. */
export type Gatherers = {
  readonly [N in FactName]?: Gatherer<Facts[N]> | Absent;
};

/** A fact that was gathered, or the reason why it is missing. */
export type Gathered = { readonly value: unknown } | { readonly problem: string } | Absent;

/** The time for gatherers to clean up after all results are reported, in milliseconds. */
export const CLEANUP_MS = 1_000;

/** The limits of a gatherer. */
export interface Limits {
  /** The timeout in milliseconds. */
  readonly timeoutMs: number;
  /** Interrupts the gatherer. */
  readonly signal: AbortSignal | undefined;
  /** Collects the gatherers that still run after their timeout or interruption. */
  readonly late: Promise<unknown>[];
}

/**
 * Gathers one fact, and never rejects. At the deadline, the function returns a problem and adds the
 * gatherer to `late`; the gatherer's value is ignored.
 */
export async function gather(
  name: FactName,
  gatherer: Gatherer<unknown> | Absent | undefined,
  { timeoutMs, signal, late }: Limits,
): Promise<Gathered> {
  if (gatherer === undefined) {
    return { problem: `this command does not gather facts about ${name}` };
  }
  if (typeof gatherer !== "function") return gatherer;
  const controller = new AbortController();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (reason: unknown) => {
    // Reject first: the reason then wins over the gatherer's own error.
    reject(reason);
    controller.abort(reason);
  };
  const work = (async () => await gatherer(controller.signal))();
  // The first timer loads a part of Node, while the gatherer waits for its first answer.
  const timer = setTimeout(() => stop(tooLate(name, timeoutMs)), timeoutMs);
  const interrupt = () => stop(signal?.reason);
  signal?.addEventListener("abort", interrupt);
  try {
    return { value: await Promise.race([work, stopped]) };
  } catch (error) {
    late.push(work.catch(() => {}));
    return { problem: messageOf(error) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", interrupt);
  }
}

/** Waits for all promises, but no longer than the timeout in milliseconds. */
export async function waitAtMost(
  timeoutMs: number,
  work: readonly Promise<unknown>[],
): Promise<void> {
  if (work.length === 0) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise((resolve) => timer = setTimeout(resolve, timeoutMs));
  await Promise.race([Promise.all(work), timeout]);
  clearTimeout(timer);
}

function tooLate(name: FactName, timeoutMs: number): Failure {
  return new Failure({
    kind: "unreachable",
    task: `gather the facts about ${name}`,
    problem: `it took longer than ${timeoutMs / 1000} s`,
    remedy: "Find out what is slow, or set a longer --timeout.",
  });
}

/** Returns the message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
