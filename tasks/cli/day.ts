import { clockDecides, databaseConfig, dayBy, requestedDays } from "../../pipeline/config.ts";
import { type Day, dayOf } from "../../pipeline/contract/window.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { databaseClock } from "../../pipeline/outbox/fence.ts";
import type { Flags } from "./flags.ts";

/**
 * The day that a command is about: its argument, `--date`, else `JOB_DATE`, else today. Only for today
 * and yesterday is the database asked, for they are by its clock.
 */
export async function dayFor(flags: Flags): Promise<Day> {
  const asked = requestedDays({ operand: flags.operand, date: flags.value("date") });
  return clockDecides(asked) ? dayBy(asked.from, await databaseToday()) : asked.from as Day;
}

async function databaseToday(): Promise<Day> {
  const connection = await connect(databaseConfig());
  try {
    return dayOf(await databaseClock(connection));
  } finally {
    await connection.close();
  }
}

const CONNECTIONS = `
Environment (or a file of it: deno task --env-file=.env …):
  DJANGO_DB_HOST, _PORT, _NAME, _USER, _PASSWORD   the database of the outbox
  PGSSLMODE or DJANGO_DB_SSLMODE, PGSSLROOTCERT    how the connection to it is encrypted
  S3_ENDPOINT, S3_BUCKET, AWS_REGION,
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
  AWS_SESSION_TOKEN                                the lake, in a bucket
  LAKE_URL=file:///some/directory                  the lake, in a directory instead
`;

const EXIT_CODES = `
Exit codes: 0 all well; 1 a check failed or the data is wrong; 2 wrong usage or configuration;
3 could not tell, because something was out of reach.
`;

/** The end of a `--help`: where database and lake come from, and what the exit codes mean. */
export const CONNECTION_HELP = `${CONNECTIONS}${EXIT_CODES}`;

/** The same for a command that is about a day. */
export const ENVIRONMENT_HELP =
  `${CONNECTIONS}  JOB_DATE                                         the day, where no flag says it
${EXIT_CODES}`;
