import type { Interrupts } from "../cli/command.ts";
import { STOPPED } from "../cli/exit_code.ts";
import { askToContinue, canAsk } from "../cli/prompt.ts";
import { printError } from "../cli/terminal.ts";

/** The Job that Ctrl-C leaves running. */
export interface Left {
  /** The Job, for example `analytics-jobs/bronze-2025-12-28-1`. */
  readonly job: string;
  /** The command that follows the Job again. */
  readonly attach: string;
}

/**
 * Until the end of the block, Ctrl-C asks whether to leave the Job running. Without a terminal, and
 * at the second Ctrl-C, the command ends with 130, and the Job continues.
 */
export function askAtInterrupt(interrupts: Interrupts, { job, attach }: Left): Disposable {
  let isAsking = false;
  const closing = new AbortController();
  const leave = () => {
    printError(`Job ${job} continues. To follow it again: ${attach}`);
    Deno.exit(STOPPED);
  };
  const taken = interrupts.take(() => {
    if (isAsking || !canAsk()) leave();
    isAsking = true;
    askToContinue(`\nStop following Job ${job}, and leave it running?`, closing.signal)
      .then((isYes) => {
        isAsking = false;
        if (isYes) leave();
        printError(`Still following Job ${job}.`);
      }, () => {});
  });
  return {
    [Symbol.dispose]() {
      closing.abort();
      taken[Symbol.dispose]();
    },
  };
}
