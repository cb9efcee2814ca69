import { FORMATS } from "./cli/report_outputs.ts";
import { LOGIN_FLAGS, LOGIN_HELP } from "./cli/cluster_login.ts";
import type { Command } from "./cli/command.ts";
import { ENVIRONMENT_HELP } from "./cli/environment_help.ts";
import {
  DAY_FLAGS,
  DAY_FLAGS_HELP,
  DEFAULT_TIMEOUT,
  FILES_HELP,
  SILENCE_HELP,
  workThroughDays,
} from "./days/command.ts";
import { METRICS_FLAG, metricsFileHelp } from "./metrics/metrics_file.ts";

/** The command `postflight`. */
export const command: Command = {
  ...DAY_FLAGS,
  name: "postflight",
  values: [...DAY_FLAGS.values, ...LOGIN_FLAGS.values, "timeout", "silence", METRICS_FLAG],
  switches: [...DAY_FLAGS.switches, ...LOGIN_FLAGS.switches, "strict"],
  choices: { output: [...FORMATS, "html"], ...LOGIN_FLAGS.choices },
  help: `
Checks a day after a run: compares the outbox, bronze and silver with each other and with their
commit markers. It changes nothing.

Usage: deno task postflight [DAY | --date DAY | --from DAY [--to DAY]] [--keep-going]
                            [--output text|json|junit|github] [--strict] [--timeout SECONDS]
                            [--silence SECONDS] [--verbose] [--project FILE]
                            [--metrics-file FILE]
                            [--credentials cluster] [--port-forward] [--kubeconfig FILE]
                            [--context NAME] [--namespace NAME]

${DAY_FLAGS_HELP}
  --output json|junit   a report for programs; github adds annotations to a workflow run
${FILES_HELP}
${metricsFileHelp(24)}
  --strict              exit with 1 if there are warnings
${SILENCE_HELP}
  --timeout SECONDS     the time limit for each fact; default: ${DEFAULT_TIMEOUT}

${LOGIN_HELP}

Examples:
  deno task postflight 2025-12-28
  deno task postflight yesterday --output junit > postflight.xml
  deno task postflight yesterday --credentials cluster --port-forward
  deno task postflight --from 2025-12-01 --keep-going      all days until yesterday

Each check has a page: deno task explain <id>
${ENVIRONMENT_HELP}`,
  run: (flags, _, __, reports) => workThroughDays("postflight", flags, FORMATS, reports),
};
