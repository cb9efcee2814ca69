import { runBronze } from "../pipeline/bronze.ts";
import { databaseConfig, lakeConfig, sealGrace } from "../pipeline/config.ts";
import { openLake } from "../pipeline/lake/lake.ts";
import { runSilver } from "../pipeline/silver.ts";
import { checkAfter } from "./cli/checking.ts";
import { main } from "./cli/command.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { choice } from "./cli/flags.ts";
import { OUTPUTS, printing } from "./cli/observer.ts";

/** How long each fact of the checks may take to gather, in seconds. */
const TIMEOUT = 300;

await main({
  name: "run",
  values: ["date", "output"],
  switches: [],
  help: `
Runs one day through all of it: bronze, silver, and the checks after a run. It stops at the first
failure, with that failure's exit code.

Usage: deno task run [--date YYYY-MM-DD] [--output text|json]

  --date YYYY-MM-DD   the day, in UTC; without it JOB_DATE, else today by the database's clock
  --output json       one line of JSON per step, and one for the report of the checks

Examples:
  deno task run --date 2025-12-28
  deno task run                     today so far
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const output = choice(flags, "output", OUTPUTS);
    const requested = await dayFor(flags);
    const database = databaseConfig();
    const config = lakeConfig();
    const grace = sealGrace();
    const lake = openLake(config);
    try {
      const bronze = printing("bronze", output);
      const day = await runBronze({ database, lake, day: requested, grace, observer: bronze });
      await runSilver({ lake, day, observer: printing("silver", output) });
      const format = output === "json" ? "json-line" : "text";
      return await checkAfter({ database, lake: config, day, output: format, timeout: TIMEOUT });
    } finally {
      lake.close();
    }
  },
});
