/**
 * The kind of a failure. The kind decides the exit code:
 *
 * - `data` (1): the data, or the schema that holds it, does not match the contract
 * - `configuration` (2): a flag, a variable, a credential or a grant is wrong
 * - `unreachable` (3): a server or a file could not be reached, so the result is unknown
 */
export type FailureKind = "data" | "configuration" | "unreachable";

/** The parts of a {@linkcode Failure}. */
export interface FailureParts {
  /** The kind, which decides the exit code. */
  readonly kind: FailureKind;
  /** The operation that failed, worded to follow "Cannot": `read bronze/… in s3://lake`. */
  readonly task: string;
  /**
   * The cause, with the value or the place. It can have several sentences; the last one has no full
   * stop.
   */
  readonly problem: string;
  /**
   * The remedy: whole sentences. A command at the end has no full stop, so that it can be copied.
   */
  readonly remedy: string;
  /** The underlying error. */
  readonly cause?: unknown;
}

/**
 * An expected failure, for an operator to read. Its message contains no secret and needs no stack
 * trace.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Failure } from "./errors.ts";
 *
 * const failure = new Failure({
 *   kind: "configuration",
 *   task: "use DJANGO_DB_PORT=x",
 *   problem: "a port is a number from 1 to 65535",
 *   remedy: "Set it to the port of Postgres, usually 5432.",
 * });
 * assertEquals(
 *   failure.message,
 *   "Cannot use DJANGO_DB_PORT=x: a port is a number from 1 to 65535. " +
 *     "Set it to the port of Postgres, usually 5432.",
 * );
 * ```
 */
export class Failure extends Error {
  /** The name in a stack trace. */
  override readonly name = "Failure";
  /** The kind, which decides the exit code. */
  readonly kind: FailureKind;
  /** The operation that failed. */
  readonly task: string;
  /** The cause. */
  readonly problem: string;
  /** The remedy. */
  readonly remedy: string;

  /** A failure whose message is `Cannot <task>: <problem>. <remedy>`. */
  constructor({ kind, task, problem, remedy, cause }: FailureParts) {
    super(`Cannot ${task}: ${problem}. ${remedy}`, cause === undefined ? {} : { cause });
    this.kind = kind;
    this.task = task;
    this.problem = problem;
    this.remedy = remedy;
  }

  /** The failed operation and the cause, without the remedy: `Cannot <task>: <problem>`. */
  get summary(): string {
    return `Cannot ${this.task}: ${this.problem}`;
  }
}

/**
 * Creates the failure of an aborted operation: the signal's reason if that is a Failure; otherwise,
 * a new failure with that reason as its cause.
 *
 * @param task the failed task, as in `read <key> in <lake>`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { interruption } from "./errors.ts";
 *
 * const { kind, message } = interruption("read the lake", AbortSignal.abort());
 * assertEquals(kind, "unreachable");
 * assertEquals(message, "Cannot read the lake: the operation was interrupted. Run again.");
 * ```
 */
export function interruption(task: string, signal: AbortSignal): Failure {
  const { reason } = signal;
  if (reason instanceof Failure) return reason;
  return new Failure({
    kind: "unreachable",
    task,
    problem: "the operation was interrupted",
    remedy: "Run again.",
    cause: reason,
  });
}

/**
 * Waits for a promise until the signal aborts. Does not stop the work of the promise.
 *
 * @throws the signal's reason
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { unlessAborted } from "./errors.ts";
 * assertEquals(await unlessAborted(Promise.resolve(1), new AbortController().signal), 1);
 * ```
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
