import { secretsOf } from "../../pipeline/config.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { pageOf } from "../../pipeline/failure_page.ts";
import { EXIT_CODES } from "./exit_code.ts";
import { renderLine } from "./json_line.ts";
import { repeatFlags } from "./next_command.ts";
import { colourWanted, outputClosed, paint, print, printError } from "./terminal.ts";

/** How a command reports failures. */
export interface FailureReporter {
  readonly command: string;
  /** Whether the output is JSON. */
  readonly json: boolean;
  /** Texts that no message may contain. */
  readonly secrets: readonly string[];
  /** Receives the message of each failure, without a stack trace, and its line of JSON. */
  readonly onFailure?: (message: string, line: string) => void;
}

/** Returns how this process reports failures. */
export function failureReporterOf(command: string): FailureReporter {
  // Search the raw arguments, because the flags may be invalid.
  const json = /(^| )(--output[= ]|-[hqv]*o[= ]?)json( |$)/.test(Deno.args.join(" "));
  return { command, json, secrets: secretsOf() };
}

/**
 * Prints why a command or one of its days failed.
 *
 * @returns the exit code; 3 for an unexpected error
 */
export function reportFailure(error: unknown, reporter: FailureReporter, date?: Day): number {
  const { command, json, secrets } = reporter;
  const expected = error instanceof Failure;
  const failure = expected ? error : new Failure({
    kind: "unreachable",
    task: `finish ${command}`,
    problem: "an unexpected error",
    remedy: renderUnexpected(error, !json, secrets),
  });
  const { kind, task, summary } = failure;
  const [problem, remedy, message] = [failure.problem, failure.remedy, failure.message]
    .map((text) => repeatFlags(text));
  const page = pageOf(summary);
  const exitCode = EXIT_CODES[kind];
  const day = date === undefined ? {} : { date };
  const about = page === undefined ? {} : { page };
  const fields = { ...day, message, task, problem, remedy, exitCode, ...about };
  const line = renderLine(command, "failed", fields);
  reporter.onFailure?.(
    expected ? message! : `Cannot ${task}: ${problem}. ${renderUnexpected(error, false, secrets)}`,
    line,
  );
  if (json && !outputClosed()) {
    print(line);
  } else {
    const colour = expected && colourWanted(Deno.stderr);
    printError(paint(message!, "red", colour));
    const runbook = runbookLine(failure);
    if (runbook !== undefined) printError(runbook);
  }
  return exitCode;
}

/** Returns the line that names the page about a failure, unless its message does so already. */
export function runbookLine({ summary, message }: Failure): string | undefined {
  const page = pageOf(summary);
  return page === undefined || message.includes("deno task explain")
    ? undefined
    : repeatFlags(`runbook: deno task explain ${page}`);
}

/**
 * Formats an unexpected error with its stack trace. Other properties are not shown, because clients
 * store requests and logins there.
 */
function renderUnexpected(error: unknown, withStack: boolean, secrets: readonly string[]): string {
  const lines: string[] = [];
  for (let each = error; each !== undefined && lines.length < 5;) {
    const text = each instanceof Error && withStack ? each.stack ?? String(each) : String(each);
    lines.push(lines.length === 0 ? text : `Caused by ${text}`);
    each = each instanceof Error ? each.cause : undefined;
  }
  return redact(lines.join(withStack ? "\n" : ". "), secrets);
}

/** Masks secrets in a text, also in the encodings of URLs and JSON. */
function redact(text: string, secrets: readonly string[]): string {
  const spellings = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ]);
  return spellings.reduce((rest, spelling) => rest.replaceAll(spelling, "…"), text);
}
