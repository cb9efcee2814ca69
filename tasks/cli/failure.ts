import { secretsOf } from "../../pipeline/config.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { EXIT_CODES } from "./exit_code.ts";
import { paint, print, printError } from "./terminal.ts";

/** Who tells of a failure, and how. */
export interface Teller {
  readonly command: string;
  /** Whether a program reads it. */
  readonly json: boolean;
  /** What may be in no message. */
  readonly secrets: readonly string[];
}

/** Who tells of this process's failures. */
export function tellerOf(command: string): Teller {
  // Asked of the raw words, so that a program also hears of flags that cannot be read.
  const json = /(^| )--output[= ]json( |$)/.test(Deno.args.join(" "));
  return { command, json, secrets: secretsOf() };
}

/**
 * Prints why a command, or one of its days, failed.
 *
 * @returns the exit code; an unexpected error is one that nothing can be concluded from
 */
export function tellFailure(error: unknown, teller: Teller, date?: Day): number {
  const { command, json, secrets } = teller;
  const expected = error instanceof Failure;
  const failure = expected ? error : new Failure({
    kind: "unreachable",
    task: `finish ${command}`,
    problem: "an unexpected error",
    remedy: unexpected(error, !json, secrets),
  });
  const { kind, task, problem, remedy, message } = failure;
  const exitCode = EXIT_CODES[kind];
  if (json) {
    const day = date === undefined ? {} : { date };
    print(
      JSON.stringify({ command, step: "failed", ...day, message, task, problem, remedy, exitCode }),
    );
  } else {
    const colour = expected && Deno.stderr.isTerminal() && !Deno.noColor;
    printError(paint(message, "red", colour));
  }
  return exitCode;
}

/**
 * What went wrong, and where in the code. Of an error's further properties none is shown: clients keep
 * requests and logins there.
 */
function unexpected(error: unknown, withStack: boolean, secrets: readonly string[]): string {
  const lines: string[] = [];
  for (let each = error; each !== undefined && lines.length < 5;) {
    const text = each instanceof Error && withStack ? each.stack ?? String(each) : String(each);
    lines.push(lines.length === 0 ? text : `Caused by ${text}`);
    each = each instanceof Error ? each.cause : undefined;
  }
  return redact(lines.join(withStack ? "\n" : ". "), secrets);
}

/** Takes secrets out of a text, also as URLs and JSON write them. */
function redact(text: string, secrets: readonly string[]): string {
  const spellings = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ]);
  return spellings.reduce((rest, spelling) => rest.replaceAll(spelling, "…"), text);
}
