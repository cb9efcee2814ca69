import type { Command } from "./cli/command.ts";
import { ENGINE_CHOICES, ENGINE_FLAGS, ENGINE_HELP, usesSpark } from "./spark/options.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import {
  DAY_FLAGS,
  DAY_FLAGS_HELP,
  LAYER_FORMATS,
  OUTPUT_HELP,
  workThroughDays,
} from "./days/command.ts";

/** The command `silver`. */
export const command: Command = {
  ...DAY_FLAGS,
  name: "silver",
  values: [...DAY_FLAGS.values, ...ENGINE_FLAGS.values],
  repeatable: [...DAY_FLAGS.repeatable, ...ENGINE_FLAGS.repeatable],
  choices: { output: [...LAYER_FORMATS, "html"], ...ENGINE_CHOICES },
  switches: [...DAY_FLAGS.switches, ...ENGINE_FLAGS.switches, "dry-run"],
  help: `
Replays days of bronze into silver: one row per operation, with its latest state.

Usage: deno task silver [DAY | --date DAY | --from DAY [--to DAY]] [--keep-going] [--dry-run]
                        [--output text|json|junit] [--verbose] [--project FILE]
       deno task silver [DAY …] --engine spark [--attach] [--no-preflight] [--skip ID=REASON]…

${DAY_FLAGS_HELP}
  --dry-run             read and encode all rows, and store and remove nothing
${OUTPUT_HELP}
${ENGINE_HELP}

Examples:
  deno task silver 2025-12-28                    build silver for that day from its bronze
  deno task silver 2025-12-28 --dry-run          show what a run would publish
  deno task silver --from 2025-12-01 --to 2025-12-31
  deno task silver 2025-12-28 --engine spark --port-forward      with the Job of the manifests

It reads exactly the parts that bronze's commit marker names. It needs the database only if a day is
given as today or yesterday, or by default.
${ENVIRONMENT_HELP}`,
  cleansUp: usesSpark,
  run: (flags, interrupted, interrupts, reports) =>
    workThroughDays("silver", flags, LAYER_FORMATS, reports, { interrupted, interrupts }),
};
