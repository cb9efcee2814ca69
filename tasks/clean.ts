import { lakeConfig } from "../pipeline/config.ts";
import type { CleanOrder } from "./clean/worker.ts";
import { main } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { failureReporterOf } from "./cli/failure.ts";
import { choice } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";

await main({
  name: "clean",
  values: ["date", "output"],
  switches: ["yes", "dry-run"],
  operand: "day",
  help: `
Removes what interrupted runs left of one day: parts that no commit marker names, neither the one
that stands nor one of its history, once they are older than 24 hours by the clock of the store.
Spark's staging folders of that age go as well. It shows them, and asks.

Usage: deno task clean [DAY | --date DAY] [--dry-run] [--yes] [--output text|json]

  DAY, --date DAY   YYYY-MM-DD in UTC, today or yesterday; without it JOB_DATE, else today
  --dry-run         only show what would be removed
  --yes             do not ask
  --output json     one line of JSON per object, and one for what was removed

Examples:
  deno task clean 2025-12-28 --dry-run
  deno task clean 2025-12-28

It never removes a commit marker, history or quarantine. Of a day without a marker that can be used
it removes nothing, for nothing tells which files belong to the day.
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const lake = lakeConfig();
    const order: CleanOrder = {
      lake,
      output: choice(flags, "output", OUTPUTS),
      dryRun: flags.on("dry-run"),
      yes: flags.on("yes"),
      day: await dayFor(flags),
      reporter: failureReporterOf("clean"),
    };
    const needs = { lake, writes: !order.dryRun };
    return await runConfined(import.meta.resolve("./clean/worker.ts"), order, needs);
  },
});
