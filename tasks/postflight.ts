import { databaseConfig, lakeConfig } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import { checkAfter } from "./cli/checking.ts";
import { main } from "./cli/command.ts";
import { dayFor, ENVIRONMENT_HELP } from "./cli/day.ts";
import { choice, type Flags } from "./cli/flags.ts";

/** How long each fact may take to gather, in seconds, unless told otherwise. */
const DEFAULT_TIMEOUT = "300";

await main({
  name: "postflight",
  values: ["date", "output", "timeout"],
  switches: ["strict"],
  help: `
Checks, after a run, that everything arrived and nothing changed: the outbox, bronze and silver of
one day are compared with each other and with their commit markers. It changes nothing.

Usage: deno task postflight [--date YYYY-MM-DD] [--output text|json|junit] [--strict]

  --date YYYY-MM-DD      the day, in UTC; without it JOB_DATE, else today by the database's clock
  --output json|junit    a report for programs
  --strict               warnings fail as well
  --timeout SECONDS      how long each fact may take to gather, ${DEFAULT_TIMEOUT} unless told

Examples:
  deno task postflight --date 2025-12-28
  deno task postflight --date 2025-12-28 --output junit > postflight.xml

Each check has a page: runbook/<id>.md
${ENVIRONMENT_HELP}`,
  async run(flags) {
    const output = choice(flags, "output", ["text", "json", "junit"]);
    const strict = flags.on("strict");
    const timeout = seconds(flags);
    const lake = lakeConfig();
    const database = databaseConfig();
    return await checkAfter({ database, lake, day: await dayFor(flags), output, timeout, strict });
  },
});

function seconds(flags: Flags): number {
  const text = flags.value("timeout") ?? DEFAULT_TIMEOUT;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Failure(
    "configuration",
    `Cannot use --timeout ${JSON.stringify(text)}: it is a whole number of seconds, at least 1.`,
  );
}
