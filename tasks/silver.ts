import { main } from "./cli/command.ts";
import { ENVIRONMENT_HELP } from "./cli/day.ts";
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
  --dry-run             read and encode everything, store and remove nothing
  --output json         one line of JSON per step

Examples:
  deno task silver 2025-12-28                    make that day's silver from its bronze
  deno task silver 2025-12-28 --dry-run          see what it would publish
  deno task silver --from 2025-12-01 --to 2025-12-31

It reads exactly the parts that bronze's commit marker names, and needs no database where every day
is given by its date.
${ENVIRONMENT_HELP}`,
  run: (flags) => workThroughDays("silver", flags, OUTPUTS),
});
