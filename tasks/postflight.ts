import { databaseConfig, lakeConfig } from "../pipeline/config.ts";
import { checkAfter, FORMATS } from "./cli/checking.ts";
import { main } from "./cli/command.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { choice, seconds } from "./cli/flags.ts";

/** How long each fact may take to gather, in seconds, unless told otherwise. */
const DEFAULT_TIMEOUT = 300;

await main({
  name: "postflight",
  values: ["date", "output", "timeout"],
  switches: ["strict"],
  help: `
Checks, after a run, that everything arrived and nothing changed: the outbox, bronze and silver of
one day are compared with each other and with their commit markers. It changes nothing.

Usage: deno task postflight [--date YYYY-MM-DD] [--output text|json|junit|github]
                            [--strict] [--timeout SECONDS]

  --date YYYY-MM-DD      the day, in UTC; without it JOB_DATE, else today by the database's clock
  --output json|junit    a report for programs; github annotates a workflow's run
  --strict               warnings fail as well
  --timeout SECONDS      how long each fact may take to gather, ${DEFAULT_TIMEOUT} unless told

Examples:
  deno task postflight --date 2025-12-28
  deno task postflight --date 2025-12-28 --output junit > postflight.xml

Each check has a page: runbook/<id>.md
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const output = choice(flags, "output", FORMATS);
    const strict = flags.on("strict");
    const timeout = seconds(flags, DEFAULT_TIMEOUT);
    const lake = lakeConfig();
    const database = databaseConfig();
    return await checkAfter({ database, lake, day: await dayFor(flags), output, timeout, strict });
  },
});
