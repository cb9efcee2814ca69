import { Failure } from "../pipeline/errors.ts";
import type { Command } from "./cli/command.ts";
import { STOPPED } from "./cli/exit_code.ts";
import { failureReporterOf, reportFailure } from "./cli/failure.ts";
import { COMMON_HELP } from "./cli/common_flags.ts";
import { readFlags } from "./cli/flags.ts";
import { ReportFiles } from "./cli/report_files.ts";
import { printRequests } from "./cli/requests.ts";
import { clearStatus, print, printError } from "./cli/terminal.ts";
import { loadCommand } from "./commands.ts";
import { renderOverview, version } from "./overview.ts";

// The program `deep-storage COMMAND [FLAGS]`. Each task of deno.json with a command calls it.

/** Milliseconds to clean up after Ctrl-C. */
const CLEANUP_TIME = 1_500;

if (import.meta.main) await start(Deno.args);

/** Does what the command line of `deep-storage` asks for, and ends the process. */
async function start([name, ...args]: readonly string[]): Promise<never> {
  try {
    switch (name) {
      case undefined:
        printError(renderOverview());
        return Deno.exit(2);
      case "help":
      case "--help":
      case "-h": {
        if (args.includes("--version")) {
          print(version());
          return Deno.exit(0);
        }
        const about = args.find((word) => word !== "--help" && word !== "-h");
        print(about === undefined ? renderOverview() : helpOf(await loadCommand(about)));
        return Deno.exit(0);
      }
      case "--version":
        print(version());
        return Deno.exit(0);
      default:
        return await runCommand(await loadCommand(name), args);
    }
  } catch (error) {
    return Deno.exit(reportFailure(error, failureReporterOf(name ?? "deep-storage")));
  }
}

/** Returns the output of `--help`. The exit codes are its last lines. */
function helpOf({ help }: Command): string {
  const at = help.indexOf("\nExit codes:");
  const [start, end] = at < 0 ? [help, ""] : [help.slice(0, at), help.slice(at)];
  return `${start.trim()}\n\n${COMMON_HELP}\n${end}`.trimEnd();
}

/**
 * Runs a command, and ends the process with the command's exit code (see `exit_code.ts`). An unexpected
 * error is 3, and Ctrl-C is 130, unless the command takes it.
 */
export async function runCommand(
  command: Command,
  args: readonly string[] = Deno.args,
): Promise<never> {
  const reports = new ReportFiles(command.name);
  const reporter = reports.watch(failureReporterOf(command.name));
  const end = (exitCode: number): never => {
    reports.end(exitCode);
    return Deno.exit(exitCode);
  };
  const interrupted = new AbortController();
  let handler: (() => void) | undefined;
  let cleansUp = command.cleansUp === true;
  Deno.addSignalListener("SIGINT", () => {
    if (handler !== undefined) return handler();
    clearStatus(true);
    const message = `Interrupted. ${command.name} can be stopped at any point: run it again.`;
    printError(message);
    reports.addMessage(message);
    if (!cleansUp || interrupted.signal.aborted) end(STOPPED);
    interrupted.abort(
      new Failure({
        kind: "unreachable",
        task: "finish",
        problem: `${command.name} was interrupted`,
        remedy: "Run it again.",
      }),
    );
    setTimeout(() => end(STOPPED), CLEANUP_TIME);
  });
  // Without these listeners, Deno would exit with 1, which means wrong data.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    end(reportFailure(event.reason, reporter));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    end(reportFailure(event.error ?? event.message, reporter));
  });
  try {
    const flags = readFlags(args, command);
    if (flags.on("help")) {
      print(helpOf(command));
      Deno.exit(0);
    }
    if (flags.on("version")) {
      print(version());
      Deno.exit(0);
    }
    printRequests();
    if (typeof command.cleansUp === "function") cleansUp = command.cleansUp(flags);
    const exitCode = await command.run(flags, interrupted.signal, {
      take(next) {
        const outer = handler;
        handler = next;
        return { [Symbol.dispose]: () => handler = outer };
      },
    }, reports);
    return end(interrupted.signal.aborted ? STOPPED : exitCode);
  } catch (error) {
    return end(reportFailure(error, reporter));
  }
}
