import { databaseConfig, lakeConfig, sealGrace } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import type { AmendOrder } from "./amend/worker.ts";
import { main } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { failureReporterOf } from "./cli/failure.ts";
import { choice, type Flags } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { SILENCE_HELP, silenceOf } from "./days/command.ts";

await main({
  name: "amend",
  values: ["date", "silence", "output"],
  switches: ["yes", "dry-run", "keep-altered"],
  operand: "day",
  help: `
Takes late events into a day that was published, and makes silver follow. Bronze only ever grows:
late events become additional parts, events that the outbox lost stay, and the commit marker from
before is kept. It shows what will change, and asks.

Usage: deno task amend DAY [--keep-altered] [--yes] [--dry-run]
                       [--silence SECONDS] [--output text|json]

  DAY, or --date DAY    the day: YYYY-MM-DD in UTC, today or yesterday
  --keep-altered        where the outbox has other values than bronze, keep those of bronze and
                        record that they differ; without it, such events are shown, and nothing is
                        changed
  --yes                 do not ask
  --dry-run             show what would change, store and remove nothing
${SILENCE_HELP}
  --output json         one line of JSON per step

Examples:
  deno task amend 2025-12-28 --dry-run        see what came late, was lost or was altered
  deno task amend 2025-12-28                  take in what came late
  deno task amend 2025-12-28 --keep-altered   and record that the outbox has other values

It can be killed at any point and run again. Then check the day: deno task postflight --date DAY.
runbook/amend.md explains when to use it.
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const output = choice(flags, "output", OUTPUTS);
    confirmDayGiven(flags);
    const order: AmendOrder = {
      day: await dayFor(flags),
      database: databaseConfig(),
      lake: lakeConfig(),
      grace: sealGrace(),
      dryRun: flags.on("dry-run"),
      keepAltered: flags.on("keep-altered"),
      yes: flags.on("yes"),
      silence: silenceOf(flags),
      output,
      reporter: failureReporterOf("amend"),
    };
    const { database, lake } = order;
    const work = import.meta.resolve("./amend/worker.ts");
    return await runConfined(work, order, { database, lake, writes: true });
  },
});

/** An amendment is about one day, which the operator names. */
function confirmDayGiven(flags: Flags): void {
  if (flags.operand !== undefined || flags.value("date") !== undefined) return;
  throw new Failure({
    kind: "configuration",
    task: "amend",
    problem: "no day was given",
    remedy: "Name it, as in: deno task amend 2025-12-28",
  });
}
