import type { Command } from "./cli/command.ts";
import { ENGINE_CHOICES, ENGINE_FLAGS, ENGINE_HELP, usesSpark } from "./spark/options.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import { FACT_TIMEOUT } from "./cli/preflight_options.ts";
import {
  DAY_FLAGS,
  DAY_FLAGS_HELP,
  DEFAULT_TIMEOUT,
  EARLIER_SOURCE_HELP,
  LAYER_FORMATS,
  OUTPUT_HELP,
  SILENCE_HELP,
  workThroughDays,
} from "./days/command.ts";
import { METRICS_FLAG, metricsFileHelp } from "./metrics/metrics_file.ts";

/** The command `run`. */
export const command: Command = {
  ...DAY_FLAGS,
  name: "run",
  values: [...DAY_FLAGS.values, ...ENGINE_FLAGS.values, "silence", "earlier-source", METRICS_FLAG],
  repeatable: [...DAY_FLAGS.repeatable, ...ENGINE_FLAGS.repeatable],
  choices: { output: [...LAYER_FORMATS, "html"], ...ENGINE_CHOICES },
  switches: [...DAY_FLAGS.switches, ...ENGINE_FLAGS.switches, "pending", "dry-run"],
  help: `
Runs bronze, silver and postflight for each day. It stops at the first failure, with the exit code
of that failure.

Usage: deno task run [DAY | --date DAY | [--pending] --from DAY [--to DAY] | --pending]
                     [--keep-going] [--dry-run] [--output text|json|junit]
                     [--timeout SECONDS] [--silence SECONDS] [--verbose] [--project FILE]
                     [--earlier-source SOURCE] [--metrics-file FILE]
       deno task run [DAY …] --engine spark [--attach] [--no-preflight] [--skip ID=REASON]…

${DAY_FLAGS_HELP}
  --pending             every day that is over and not sealed, from the first day in the outbox or
                        the lake; --from and --to limit the search
  --dry-run             show what a run would do, and store and remove nothing
${SILENCE_HELP}
${EARLIER_SOURCE_HELP}
${OUTPUT_HELP}
${metricsFileHelp(24)}
  --timeout SECONDS     the time limit for each fact of the checks; default: ${DEFAULT_TIMEOUT}, in preflight ${FACT_TIMEOUT}
${ENGINE_HELP}

Examples:
  deno task run 2025-12-28
  deno task run yesterday
  deno task run                                  today so far
  deno task run --from 2025-12-01 --to 2025-12-31
  deno task run --pending --keep-going           every day that is not sealed yet
  deno task run --pending --dry-run              preview of the same command
  deno task run yesterday --engine spark --port-forward          with the Jobs of the manifests
  deno task run 2025-12-28 --engine spark --attach               follow them again

A run of several days ends with a table, and with the worst exit code: 1 before 3. Wrong
configuration (2) ends the command at once. More about it: deno task explain run
${ENVIRONMENT_HELP}`,
  cleansUp: usesSpark,
  run: (flags, interrupted, interrupts, reports) =>
    workThroughDays("run", flags, LAYER_FORMATS, reports, { interrupted, interrupts }),
};
