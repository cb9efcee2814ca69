import { type AmendmentPlan, type AmendOutcome, runAmend } from "../pipeline/amend.ts";
import { databaseConfig, lakeConfig, sealGrace } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import { openLake } from "../pipeline/lake/lake.ts";
import { plural } from "../pipeline/progress.ts";
import { main } from "./cli/command.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { deadline } from "./cli/deadline.ts";
import { EXIT } from "./cli/failure.ts";
import { choice, type Flags } from "./cli/flags.ts";
import { OUTPUTS, printing } from "./cli/observer.ts";
import { agreed } from "./cli/prompt.ts";
import { print } from "./cli/terminal.ts";

/** How long the question waits for an answer, in seconds: a snapshot of the database is open meanwhile. */
const QUESTION_TIMEOUT = 600;

await main({
  name: "amend",
  values: ["date", "output"],
  switches: ["yes", "dry-run", "keep-altered"],
  operand: "day",
  help: `
Takes late events into a day that was published, and makes silver follow. Bronze only ever grows: late
events become additional parts, events that the outbox lost stay, and the commit marker from before is
kept. It shows what will change, and asks.

Usage: deno task amend DAY [--keep-altered] [--yes] [--dry-run] [--output text|json]

  DAY, --date DAY    the day: YYYY-MM-DD in UTC, today or yesterday
  --keep-altered     where the outbox has other values than bronze, keep those of bronze and record that
                     they differ; without it, such events are shown and nothing is changed
  --yes              do not ask
  --dry-run          show what would change, store and remove nothing
  --output json      one line of JSON per step

Examples:
  deno task amend 2025-12-28 --dry-run        see what came late, was lost or was altered
  deno task amend 2025-12-28                  take in what came late
  deno task amend 2025-12-28 --keep-altered   and record that the outbox has other values

It can be killed at any point and run again. Then check the day: deno task postflight --date DAY.
runbook/amend.md explains when to use it.
${ENVIRONMENT_HELP}`,
  async run(flags, interrupted) {
    const output = choice(flags, "output", OUTPUTS);
    confirmDayGiven(flags);
    const day = await dayFor(flags);
    const database = databaseConfig();
    const lake = openLake(lakeConfig());
    try {
      const outcome = await runAmend({
        database,
        lake,
        day,
        grace: sealGrace(),
        dryRun: flags.on("dry-run"),
        keepAltered: flags.on("keep-altered"),
        agree: (plan) => flags.on("yes") ? Promise.resolve(true) : ask(plan, interrupted),
        observer: printing("amend", output),
        silverObserver: printing("silver", output),
      });
      tell(outcome, day, output);
      return outcome === "declined" ? EXIT.data : 0;
    } finally {
      lake.close();
    }
  },
});

/** An amendment is about one day, which the operator names. */
function confirmDayGiven(flags: Flags): void {
  if (flags.operand !== undefined || flags.value("date") !== undefined) return;
  throw new Failure(
    "configuration",
    "Cannot amend: no day was given. Name it, as in: deno task amend 2025-12-28",
  );
}

async function ask(plan: AmendmentPlan, interrupted: AbortSignal): Promise<boolean> {
  using limit = deadline("wait for an answer", QUESTION_TIMEOUT, interrupted);
  return await agreed(question(plan), limit.signal);
}

function question({ day, late, lost, altered, quarantined }: AmendmentPlan): string {
  const parts = [
    `take in ${plural(late, "late event")}`,
    ...(lost > 0 ? [`keep ${plural(lost, "event")} that the outbox lost`] : []),
    ...(altered > 0 ? [`keep the values of ${plural(altered, "altered event")}`] : []),
    ...(quarantined > 0 ? [`keep ${plural(quarantined, "event")} in the quarantine`] : []),
  ];
  return `Amend ${day}: ${parts.join(", ")}?`;
}

function tell(outcome: AmendOutcome, day: string, output: (typeof OUTPUTS)[number]): void {
  if (output === "json") {
    print(JSON.stringify({ command: "amend", step: "done", date: day, outcome }));
  } else if (outcome === "declined") {
    print("Nothing was changed.");
  } else {
    print(`Check the day: deno task postflight --date ${day}`);
  }
}
