import { clockDecides, databaseConfig, dayBy, requestedDays } from "../../pipeline/config.ts";
import { type Day, dayOf } from "../../pipeline/contract/window.ts";
import { EXIT_CODES_HELP } from "./exit_code.ts";
import type { Flags } from "./flags.ts";

/**
 * Returns the day to work on: the argument, `--date`, `JOB_DATE`, or today. The database's clock decides
 * which day is today or yesterday; for any other day the database is not needed.
 */
export async function dayFor(flags: Flags): Promise<Day> {
  const asked = requestedDays({ operand: flags.operand, date: flags.value("date") });
  return clockDecides(asked) ? dayBy(asked.from, await databaseToday()) : asked.from as Day;
}

async function databaseToday(): Promise<Day> {
  const [{ connect }, { databaseClock }] = await Promise.all([
    import("../../pipeline/outbox/connection.ts"),
    import("../../pipeline/outbox/fence.ts"),
  ]);
  const connection = await connect(databaseConfig());
  try {
    return dayOf(await databaseClock(connection));
  } finally {
    await connection.close();
  }
}

const CONNECTIONS = `
Environment (or a file: deno task --env-file=.env …):
  DJANGO_DB_HOST, _PORT, _NAME, _USER, _PASSWORD   the database of the outbox
  PGSSLMODE or DJANGO_DB_SSLMODE, PGSSLROOTCERT    encryption of the database connection
  S3_ENDPOINT, S3_BUCKET, AWS_REGION,
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
  AWS_SESSION_TOKEN                                the lake, in a bucket
  LAKE_URL=file:///some/directory                  the lake, in a directory instead
`;

/** The last lines of a `--help`: the environment and the exit codes. */
export const CONNECTION_HELP = `${CONNECTIONS}${EXIT_CODES_HELP}`;

/** The last lines of a `--help` for a command that works on days. */
export const ENVIRONMENT_HELP =
  `${CONNECTIONS}  JOB_DATE                                         the day, if no flag sets it
${EXIT_CODES_HELP}`;
