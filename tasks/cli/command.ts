import { Failure, type FailureKind } from "../../pipeline/errors.ts";
import { type Flags, type FlagSpec, readFlags } from "./flags.ts";
import { clearStatus, paint, print, printError } from "./terminal.ts";

/** A command of the toolkit. */
export interface Command extends FlagSpec {
  readonly name: string;
  /** What `--help` prints. */
  readonly help: string;
  /**
   * Does it, and returns the exit code.
   *
   * @param interrupted aborts at Ctrl-C, for a command that cleans up
   */
  run(flags: Flags, interrupted: AbortSignal): Promise<number>;
  /** Whether it gets a moment after Ctrl-C to clean up. Most leave nothing that needs it. */
  readonly cleansUp?: boolean;
}

/** What a command's process ends with. */
export const EXIT: Readonly<Record<FailureKind, number>> = {
  data: 1,
  configuration: 2,
  unreachable: 3,
};

/** Milliseconds that a command gets to clean up after Ctrl-C. */
const CLEANING = 1_500;

/**
 * Runs a command and ends the process with its exit code: 0 all well; 1 a check failed or the data is
 * wrong; 2 wrong usage or configuration; 3 could not tell, which an unexpected error means as well;
 * 130 after Ctrl-C.
 */
export async function main(command: Command): Promise<never> {
  const interrupted = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    clearStatus();
    printError(`Interrupted. ${command.name} can be stopped at any point: run it again.`);
    if (!command.cleansUp || interrupted.signal.aborted) Deno.exit(130);
    interrupted.abort(new Failure("unreachable", "Cannot finish: it was interrupted."));
    setTimeout(() => Deno.exit(130), CLEANING);
  });
  // Asked of the raw words, so that a program also hears of flags that cannot be read.
  const json = /(^| )--output[= ]json( |$)/.test(Deno.args.join(" "));
  try {
    const flags = readFlags(Deno.args, command);
    if (flags.on("help")) {
      print(command.help.trim());
      Deno.exit(0);
    }
    const exitCode = await command.run(flags, interrupted.signal);
    Deno.exit(interrupted.signal.aborted ? 130 : exitCode);
  } catch (error) {
    const exitCode = error instanceof Failure ? EXIT[error.kind] : 3;
    const message = error instanceof Failure ? error.message : String(error);
    if (json) {
      print(JSON.stringify({ command: command.name, step: "failed", message, exitCode }));
    } else if (error instanceof Failure) {
      printError(paint(message, "red", Deno.stderr.isTerminal() && !Deno.noColor));
    } else {
      printError(`Cannot finish ${command.name}: an unexpected error. ${unexpected(error)}`);
    }
    Deno.exit(exitCode);
  }
}

function unexpected(error: unknown): string {
  return error instanceof Error ? Deno.inspect(error) : String(error);
}
