import { lakeConfig } from "../pipeline/config.ts";
import { openLake } from "../pipeline/lake/lake.ts";
import { runSilver } from "../pipeline/silver.ts";
import { main } from "./cli/command.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { choice } from "./cli/flags.ts";
import { OUTPUTS, printing } from "./cli/observer.ts";

await main({
  name: "silver",
  values: ["date", "output"],
  switches: ["dry-run"],
  help: `
Replays one day of bronze into silver: one row per operation, with its latest state.

Usage: deno task silver [--date YYYY-MM-DD] [--dry-run] [--output text|json]

  --date YYYY-MM-DD   the day, in UTC; without it JOB_DATE, else today by the database's clock
  --dry-run           read and encode everything, store and remove nothing
  --output json       one line of JSON per step

Examples:
  deno task silver --date 2025-12-28             make that day's silver from its bronze
  deno task silver --date 2025-12-28 --dry-run   see what it would publish

It reads exactly the parts that bronze's commit marker names, and needs no database where the day
is given.
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const observer = printing("silver", choice(flags, "output", OUTPUTS));
    const lake = openLake(lakeConfig());
    try {
      await runSilver({ lake, day: await dayFor(flags), dryRun: flags.on("dry-run"), observer });
      return 0;
    } finally {
      lake.close();
    }
  },
});
