import { EXIT_CODES_HELP } from "./exit_code.ts";

const CONNECTIONS = `
Environment (or a file: deno task --env-file=.env …):
  DJANGO_DB_HOST, _PORT, _NAME, _USER, _PASSWORD   the database of the outbox
  OUTBOX_TABLE                                     the table of the outbox, as in shop.events
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
