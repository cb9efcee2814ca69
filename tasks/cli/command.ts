import { Failure } from "../../pipeline/errors.ts";
import type { Flags, FlagSpec } from "./flags.ts";
import type { ReportFiles } from "./report_files.ts";

/** A command of the toolkit. */
export interface Command extends FlagSpec {
  readonly name: string;
  /** The output of `--help`. */
  readonly help: string;
  /**
   * Runs the command, and returns the exit code.
   *
   * @param interrupted aborts at Ctrl-C, if the command cleans up
   * @param interrupts lets the command handle Ctrl-C itself
   * @param reports opens the files of `--output FORMAT=FILE`
   */
  run(
    flags: Flags,
    interrupted: AbortSignal,
    interrupts: Interrupts,
    reports: ReportFiles,
  ): Promise<number>;
  /** Whether the command gets time to clean up after Ctrl-C. */
  readonly cleansUp?: boolean | ((flags: Flags) => boolean);
}

/** Lets a command handle Ctrl-C itself. */
export interface Interrupts {
  /** From now on, Ctrl-C calls the handler and nothing else, until the end of the block. */
  take(handler: () => void): Disposable;
}

/**
 * Until the end of the block, Ctrl-C and SIGTERM end a server with 0, because there is no other way to
 * end it.
 */
export function endsOnPurpose(interrupts: Interrupts): Disposable {
  const end = () => Deno.exit(0);
  Deno.addSignalListener("SIGTERM", end);
  return interrupts.take(end);
}

/** How a command receives Ctrl-C. */
export interface Interruption {
  /** Aborts at Ctrl-C, if the command cleans up and has not taken the interrupts. */
  readonly interrupted: AbortSignal;
  /** Lets the command handle Ctrl-C itself. */
  readonly interrupts: Interrupts;
}

/** A signal that aborts at Ctrl-C or at the deadline. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Starts a deadline. The end of the block with `using` cancels it.
 *
 * @param task to follow "Cannot": `compare the cluster with the manifests`
 */
export function deadline(task: string, seconds: number, interrupted: AbortSignal): Deadline {
  const late = new AbortController();
  const timer = setTimeout(() =>
    late.abort(
      new Failure({
        kind: "unreachable",
        task,
        problem: `it took longer than ${seconds} s`,
        remedy: "Find out what is slow, or increase the limit with --timeout.",
      }),
    ), seconds * 1000);
  return {
    signal: AbortSignal.any([interrupted, late.signal]),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
