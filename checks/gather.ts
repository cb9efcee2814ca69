import { Failure } from "../pipeline/errors.ts";
import type { FactName, Facts } from "./check.ts";

/** Gathers a fact. The signal aborts when the deadline is over. */
export type Gatherer<T> = (signal: AbortSignal) => Promise<T>;

/** A fact that nobody gathers. Its checks are skipped, for it is not even tried. */
export interface Absent {
  /** Why, as in `DJANGO_DB_PASSWORD is not set`. */
  readonly absent: string;
  /** Whether the operator left it out. */
  readonly asked?: true;
}

/** How each fact is gathered, or why it is not. Only facts that no check reads may be missing. */
export type Gatherers = {
  readonly [N in FactName]?: Gatherer<Facts[N]> | Absent;
};

/** What became of a fact. */
export type Gathered = { readonly value: unknown } | { readonly problem: string } | Absent;

/** Milliseconds that gatherers may take to clean up after their deadline, once all is told. */
export const CLEANING = 1_000;

/** What a gatherer is held to. */
export interface Limits {
  /** How long it may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends it early when it aborts. */
  readonly signal: AbortSignal | undefined;
  /** Where the end of one that was left behind can be waited for. */
  readonly late: Promise<unknown>[];
}

/**
 * Gathers one fact, and never rejects. At the deadline a gatherer is left behind: nobody waits for what
 * it still says, only, in `late`, for its end.
 */
export async function gather(
  name: FactName,
  gatherer: Gatherer<unknown> | Absent | undefined,
  { timeoutMs, signal, late }: Limits,
): Promise<Gathered> {
  if (gatherer === undefined) return { problem: `nobody gathers the facts about ${name}` };
  if (typeof gatherer !== "function") return gatherer;
  const controller = new AbortController();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (reason: unknown) => {
    // Rejecting first lets our reason win over whatever the gatherer makes of the abort.
    reject(reason);
    controller.abort(reason);
  };
  const timer = setTimeout(() => stop(tooLate(name, timeoutMs)), timeoutMs);
  const interrupt = () => stop(signal?.reason);
  signal?.addEventListener("abort", interrupt);
  const work = (async () => await gatherer(controller.signal))();
  try {
    return { value: await Promise.race([work, stopped]) };
  } catch (error) {
    late.push(work.catch(() => {}));
    return { problem: message(error) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", interrupt);
  }
}

/** Waits for all of them, but for no more than so many milliseconds. */
export async function atMost(timeoutMs: number, work: readonly Promise<unknown>[]): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const enough = new Promise((resolve) => timer = setTimeout(resolve, timeoutMs));
  await Promise.race([Promise.all(work), enough]);
  clearTimeout(timer);
}

function tooLate(name: FactName, timeoutMs: number): Failure {
  return new Failure({
    kind: "unreachable",
    task: `gather the facts about ${name}`,
    problem: `they took longer than ${timeoutMs / 1000} s`,
    remedy: "Look for what is slow or hangs, or allow more time.",
  });
}

/** What an error says, whatever was thrown. */
export function message(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
