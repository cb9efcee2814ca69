import { runBronze } from "../pipeline/bronze.ts";
import { databaseConfig, lakeConfig, sealGrace } from "../pipeline/config.ts";
import { openLake } from "../pipeline/lake/lake.ts";
import { main } from "./cli/command.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { choice } from "./cli/flags.ts";
import { OUTPUTS, printing } from "./cli/observer.ts";

await main({
  name: "bronze",
  values: ["date", "output"],
  switches: ["dry-run"],
  help: `
Copies one day of stop_events into bronze, exactly, and publishes it with a commit marker.

Usage: deno task bronze [--date YYYY-MM-DD] [--dry-run] [--output text|json]

  --date YYYY-MM-DD   the day, in UTC; without it JOB_DATE, else today by the database's clock
  --dry-run           read and encode everything, store and remove nothing
  --output json       one line of JSON per step

Examples:
  deno task bronze --date 2025-12-28             copy that day
  deno task bronze --date 2025-12-28 --dry-run   see what it would publish
  deno task bronze                               copy today so far; the window stays open

A day that is over is sealed once no transaction that began before its end (and a grace of
SEAL_GRACE_MINUTES, 15) is open. Running a sealed day again compares it and writes nothing.
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const observer = printing("bronze", choice(flags, "output", OUTPUTS));
    const day = await dayFor(flags);
    const database = databaseConfig();
    const lake = openLake(lakeConfig());
    try {
      const dryRun = flags.on("dry-run");
      await runBronze({ database, lake, day, grace: sealGrace(), dryRun, observer });
      return 0;
    } finally {
      lake.close();
    }
  },
});
