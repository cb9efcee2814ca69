import type { Command } from "./cli/command.ts";
import { ENGINE_CHOICES, ENGINE_FLAGS, ENGINE_HELP, usesSpark } from "./spark/options.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import {
  DAY_FLAGS,
  DAY_FLAGS_HELP,
  EARLIER_SOURCE_HELP,
  LAYER_FORMATS,
  OUTPUT_HELP,
  SILENCE_HELP,
  workThroughDays,
} from "./days/command.ts";

/** The command `bronze`. */
export const command: Command = {
  ...DAY_FLAGS,
  name: "bronze",
  values: [...DAY_FLAGS.values, ...ENGINE_FLAGS.values, "silence", "earlier-source"],
  repeatable: [...DAY_FLAGS.repeatable, ...ENGINE_FLAGS.repeatable],
  choices: { output: [...LAYER_FORMATS, "html"], ...ENGINE_CHOICES },
  switches: [...DAY_FLAGS.switches, ...ENGINE_FLAGS.switches, "dry-run"],
  help: `
Copies days of the outbox into bronze, exactly, and publishes each day with a commit marker.

Usage: deno task bronze [DAY | --date DAY | --from DAY [--to DAY]] [--keep-going] [--dry-run]
                        [--output text|json|junit] [--silence SECONDS] [--verbose] [--project FILE]
                        [--earlier-source SOURCE]
       deno task bronze [DAY …] --engine spark [--attach] [--no-preflight] [--skip ID=REASON]…

${DAY_FLAGS_HELP}
  --dry-run             read and encode all rows, and store and remove nothing
${SILENCE_HELP}
${EARLIER_SOURCE_HELP}
${OUTPUT_HELP}
${ENGINE_HELP}

Examples:
  deno task bronze 2025-12-28                    copy that day
  deno task bronze 2025-12-28 --dry-run          show what a run would publish
  deno task bronze                               copy today so far; the day stays open
  deno task bronze --from 2025-12-01 --to 2025-12-31 --keep-going
  deno task bronze 2025-12-28 --engine spark --port-forward      with the Job of the manifests
  deno task bronze 2025-12-28 --engine spark --attach            follow that Job again

A day is sealed when it and its grace period (SEAL_GRACE_MINUTES, default 15) are over, and no
transaction that began before then is open. A run of a sealed day compares it with the outbox and
writes nothing.
${ENVIRONMENT_HELP}`,
  cleansUp: usesSpark,
  run: (flags, interrupted, interrupts, reports) =>
    workThroughDays("bronze", flags, LAYER_FORMATS, reports, { interrupted, interrupts }),
};
