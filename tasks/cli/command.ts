import { Failure } from "../../pipeline/errors.ts";
import { tellerOf, tellFailure } from "./failure.ts";
import { type Flags, type FlagSpec, readFlags } from "./flags.ts";
import { clearStatus, print, printError } from "./terminal.ts";

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

/** Milliseconds that a command gets to clean up after Ctrl-C. */
const CLEANING = 1_500;

/**
 * Runs a command and ends the process with its exit code: 0 all well; 1 a check failed or the data is
 * wrong; 2 wrong usage or configuration; 3 could not tell, which an unexpected error means as well;
 * 130 after Ctrl-C.
 */
export async function main(command: Command): Promise<never> {
  const teller = tellerOf(command.name);
  const interrupted = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    clearStatus(true);
    printError(`Interrupted. ${command.name} can be stopped at any point: run it again.`);
    if (!command.cleansUp || interrupted.signal.aborted) Deno.exit(130);
    interrupted.abort(
      new Failure({
        kind: "unreachable",
        task: "finish",
        problem: `${command.name} was interrupted`,
        remedy: "Run it again.",
      }),
    );
    setTimeout(() => Deno.exit(130), CLEANING);
  });
  // Deno itself would end with 1, which means that data is wrong.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(tellFailure(event.reason, teller));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    Deno.exit(tellFailure(event.error ?? event.message, teller));
  });
  try {
    const flags = readFlags(Deno.args, command);
    if (flags.on("help")) {
      print(command.help.trim());
      Deno.exit(0);
    }
    const exitCode = await command.run(flags, interrupted.signal);
    Deno.exit(interrupted.signal.aborted ? 130 : exitCode);
  } catch (error) {
    Deno.exit(tellFailure(error, teller));
  }
}
