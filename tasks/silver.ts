import { main } from "./cli/command.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { DAY_FLAGS, DAY_FLAGS_HELP, workThroughDays } from "./days/command.ts";

await main({
  ...DAY_FLAGS,
  name: "silver",
  switches: [...DAY_FLAGS.switches, "dry-run"],
  help: `
Replays days of bronze into silver: one row per operation, with its latest state.

Usage: deno task silver [DAY | --date DAY | --from DAY [--to DAY]] [--keep-going] [--dry-run]
                        [--output text|json] [--verbose]

${DAY_FLAGS_HELP}
  --dry-run             read and encode all rows, and store and remove nothing
  --output json         one JSON object per step

Examples:
  deno task silver 2025-12-28                    build silver for that day from its bronze
  deno task silver 2025-12-28 --dry-run          show what a run would publish
  deno task silver --from 2025-12-01 --to 2025-12-31

It reads exactly the parts that bronze's commit marker names. It needs the database only if a day is
given as today or yesterday, or by default.
${ENVIRONMENT_HELP}`,
  run: (flags) => workThroughDays("silver", flags, OUTPUTS),
});
