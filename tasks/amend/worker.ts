import { type AmendmentPlan, type AmendOutcome, runAmend } from "../../pipeline/amend.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import { plural } from "../../pipeline/progress.ts";
import { deadline } from "../cli/command.ts";
import { STOPPED } from "../cli/exit_code.ts";
import { printLine } from "../cli/json_line.ts";
import { type LakeOrder, serveOnLake } from "../cli/lake_worker.ts";
import { repeatFlags } from "../cli/next_command.ts";
import { type OUTPUTS, printing, waiting } from "../cli/observer.ts";
import { askToContinue } from "../cli/prompt.ts";
import { print } from "../cli/terminal.ts";

// The worker of amend. Its permissions are limited to the database and the lake.

/** The job of the worker. It is plain data, so that it can be posted to a worker. */
export interface AmendOrder extends LakeOrder {
  readonly database: DatabaseConfig;
  readonly day: Day;
  /** The grace period for slow writers after the end of a day, in microseconds. */
  readonly grace: bigint;
  readonly dryRun: boolean;
  readonly keepAltered: boolean;
  /** Whether to skip the question. */
  readonly yes: boolean;
  /** Milliseconds that the database may send nothing while a response is pending. */
  readonly silence: number | undefined;
  /** A source of the lake that is the outbox under an earlier name. */
  readonly earlierSource: string | undefined;
  readonly output: (typeof OUTPUTS)[number];
}

/** The time limit for an answer, in seconds. A snapshot of the database is open until then. */
const QUESTION_TIMEOUT = 600;

serveOnLake(async (order: AmendOrder, lake) => {
  const { database, day, grace, dryRun, keepAltered, yes, silence, output, earlierSource } = order;
  const observer = printing("amend", output);
  const outcome = await runAmend({
    database,
    lake,
    day,
    grace,
    dryRun,
    keepAltered,
    earlierSource,
    observer,
    patience: { silence, onWait: waiting(observer) },
    agree: (plan) => yes ? Promise.resolve(true) : ask(plan),
    silverObserver: printing("silver", output),
  });
  reportOutcome(outcome, order);
  return outcome === "declined" ? STOPPED : 0;
});

async function ask(plan: AmendmentPlan): Promise<boolean> {
  // Ctrl-C ends the whole process.
  using limit = deadline("wait for an answer", QUESTION_TIMEOUT, new AbortController().signal);
  return await askToContinue(question(plan), limit.signal);
}

function question({ day, late, lost, altered, quarantined, gone }: AmendmentPlan): string {
  const parts = [
    `add ${plural(late, "late event")}`,
    ...(lost > 0 ? [`keep ${plural(lost, "event")} that the outbox lost`] : []),
    ...(altered > 0 ? [`keep the values of ${plural(altered, "altered event")}`] : []),
    ...(quarantined > 0 ? [`keep ${plural(quarantined, "event")} in quarantine`] : []),
    ...(gone > 0
      ? [`stop waiting for ${plural(gone, "event")} in quarantine that the outbox lost`]
      : []),
  ];
  return `Amend ${day}: ${parts.join(", ")}?`;
}

function reportOutcome(outcome: AmendOutcome, { day, dryRun, output }: AmendOrder): void {
  if (output === "json") {
    printLine("amend", "done", { date: day, outcome });
  } else if (outcome === "declined") {
    print("Nothing was changed.");
  } else if (!dryRun) {
    print(repeatFlags(`Check the day: deno task postflight --date ${day}`));
  }
}
