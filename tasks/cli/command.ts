import { Failure } from "../../pipeline/errors.ts";
import { failureReporterOf, reportFailure } from "./failure.ts";
import { type Flags, type FlagSpec, readFlags } from "./flags.ts";
import { clearStatus, print, printError } from "./terminal.ts";

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
   */
  run(flags: Flags, interrupted: AbortSignal, interrupts: Interrupts): Promise<number>;
  /** Whether the command gets time to clean up after Ctrl-C. */
  readonly cleansUp?: boolean | ((flags: Flags) => boolean);
}

/** Lets a command handle Ctrl-C itself. */
export interface Interrupts {
  /** From now on, Ctrl-C calls the handler and nothing else, until the end of the block. */
  take(handler: () => void): Disposable;
}

/** How a command receives Ctrl-C. */
export interface Interruption {
  /** Aborts at Ctrl-C, if the command cleans up and has not taken the interrupts. */
  readonly interrupted: AbortSignal;
  /** Lets the command handle Ctrl-C itself. */
  readonly interrupts: Interrupts;
}

/** Milliseconds to clean up after Ctrl-C. */
const CLEANUP_TIME = 1_500;

/**
 * Runs a command and ends the process with the command's exit code (see `exit_code.ts`). An unexpected
 * error is 3, and Ctrl-C is 130.
 */
export async function main(command: Command): Promise<never> {
  const reporter = failureReporterOf(command.name);
  const interrupted = new AbortController();
  let handler: (() => void) | undefined;
  let cleansUp = command.cleansUp === true;
  Deno.addSignalListener("SIGINT", () => {
    if (handler !== undefined) return handler();
    clearStatus(true);
    printError(`Interrupted. ${command.name} can be stopped at any point: run it again.`);
    if (!cleansUp || interrupted.signal.aborted) Deno.exit(130);
    interrupted.abort(
      new Failure({
        kind: "unreachable",
        task: "finish",
        problem: `${command.name} was interrupted`,
        remedy: "Run it again.",
      }),
    );
    setTimeout(() => Deno.exit(130), CLEANUP_TIME);
  });
  // Without these listeners, Deno would exit with 1, which means wrong data.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(reportFailure(event.reason, reporter));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    Deno.exit(reportFailure(event.error ?? event.message, reporter));
  });
  try {
    const flags = readFlags(Deno.args, command);
    if (flags.on("help")) {
      print(command.help.trim());
      Deno.exit(0);
    }
    if (typeof command.cleansUp === "function") cleansUp = command.cleansUp(flags);
    const exitCode = await command.run(flags, interrupted.signal, {
      take(next) {
        handler = next;
        return { [Symbol.dispose]: () => handler = undefined };
      },
    });
    Deno.exit(interrupted.signal.aborted ? 130 : exitCode);
  } catch (error) {
    Deno.exit(reportFailure(error, reporter));
  }
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
