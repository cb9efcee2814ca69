import type { Day } from "../../pipeline/contract/window.ts";
import { type LakeOrder, serveOnLake } from "../cli/lake_work.ts";
import { type OUTPUTS, printing } from "../cli/observer.ts";
import { agreed } from "../cli/prompt.ts";
import { clean } from "./clean.ts";

/** What clean is to do. */
export interface CleanOrder extends LakeOrder {
  readonly day: Day;
  /** Only show what would be removed. */
  readonly dryRun: boolean;
  /** Whether the operator has agreed already. */
  readonly yes: boolean;
  readonly output: (typeof OUTPUTS)[number];
}

// It runs in a worker that may reach the lake, and nothing else. Ctrl-C ends it with its parent.

serveOnLake(async ({ day, dryRun, yes, output }: CleanOrder, lake) => {
  const never = new AbortController().signal;
  const agree = (question: string) => yes ? Promise.resolve(true) : agreed(question, never);
  return await clean({ lake, day, dryRun, observer: printing("clean", output), agree });
});
