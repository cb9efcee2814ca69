import { main } from "./cli/command.ts";
import { ENVIRONMENT_HELP } from "./cli/day.ts";
import { OUTPUTS } from "./cli/observer.ts";
import {
  DAY_FLAGS,
  DAY_FLAGS_HELP,
  DEFAULT_TIMEOUT,
  SILENCE_HELP,
  workThroughDays,
} from "./days/command.ts";

await main({
  ...DAY_FLAGS,
  name: "run",
  values: [...DAY_FLAGS.values, "timeout", "silence"],
  switches: [...DAY_FLAGS.switches, "pending", "dry-run"],
  help: `
Runs days through all of it: bronze, silver, and the checks after a run. It stops at the first
failure, with that failure's exit code.

Usage: deno task run [DAY | --date DAY | [--pending] --from DAY [--to DAY] | --pending]
                     [--keep-going] [--dry-run] [--output text|json]
                     [--timeout SECONDS] [--silence SECONDS] [--verbose]

${DAY_FLAGS_HELP}
  --pending             every day that is over and not sealed, from the first one that the outbox or
                        the lake has; --from and --to narrow it
  --dry-run             say what would be done, store and remove nothing
${SILENCE_HELP}
  --output json         one line of JSON per step, one per report of the checks, and for several
                        days one that sums them up
  --timeout SECONDS     how long each fact of the checks may take, ${DEFAULT_TIMEOUT} unless told

Examples:
  deno task run 2025-12-28
  deno task run yesterday
  deno task run                                  today so far
  deno task run --from 2025-12-01 --to 2025-12-31
  deno task run --pending --keep-going           bring everything up to date
  deno task run --pending --dry-run              see what that would do

Several days end with a table, and with the worst exit code: 1 before 3. Wrong configuration (2)
ends them at once. More about it: deno task explain run
${ENVIRONMENT_HELP}`,
  run: (flags) => workThroughDays("run", flags, OUTPUTS),
});
