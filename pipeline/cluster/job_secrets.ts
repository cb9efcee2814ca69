import {
  type DatabaseConfig,
  databaseConfig,
  type Environment,
  lakeConfig,
  type S3Config,
  secretEnvironment,
} from "../config.ts";
import {
  DATABASE_KEYS,
  DEFAULT_PROJECT,
  LAKE_KEYS,
  type Project,
  secretsCommand,
} from "../contract/project.ts";
import { Failure } from "../errors.ts";

/** The decoded values of a Secret, by key. */
export type SecretTexts = ReadonlyMap<string, string>;

/**
 * Reads the database's address and credentials from the Secret of the jobs. The Secret has no port:
 * the port comes from the environment, or is the default of Postgres.
 *
 * @param texts the Secret's values, or undefined if the Secret does not exist
 * @param env the environment with the port; this process's environment by default
 * @param project the names of the Secret and its namespace
 * @throws {Failure} configuration: the Secret or a key is missing; the message quotes no value
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { databaseOfSecret } from "./job_secrets.ts";
 * const texts = new Map([
 *   ["DJANGO_DB_HOST", "db"],
 *   ["DJANGO_DB_NAME", "rbsdb"],
 *   ["DJANGO_DB_USER", "robson"],
 *   ["DJANGO_DB_PASSWORD", "s3cret"],
 * ]);
 * const { host, port } = databaseOfSecret(texts, new Map());
 * assertEquals([host, port], ["db", 5432]);
 * ```
 */
export function databaseOfSecret(
  texts: SecretTexts | undefined,
  env?: Environment,
  project: Project = DEFAULT_PROJECT,
): DatabaseConfig {
  return databaseConfig(
    complete(project, project.database.secret, DATABASE_KEYS, texts, env),
    project,
  );
}

/**
 * Reads the lake's address and credentials from the Secret of the jobs. The Secret has no region:
 * the region comes from the environment, or is the default.
 *
 * @param texts the Secret's values, or undefined if the Secret does not exist
 * @param env the environment with the region; this process's environment by default
 * @param project the names of the Secret and its namespace
 * @throws {Failure} configuration: the Secret or a key is missing or invalid; the message quotes no
 *   value
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lakeOfSecret } from "./job_secrets.ts";
 * const texts = new Map([
 *   ["AWS_ACCESS_KEY_ID", "id"],
 *   ["AWS_SECRET_ACCESS_KEY", "s3cret"],
 *   ["S3_ENDPOINT", "https://s3.example.com"],
 *   ["S3_BUCKET", "rbs"],
 * ]);
 * assertEquals(lakeOfSecret(texts, new Map()).bucket, "rbs");
 * ```
 */
export function lakeOfSecret(
  texts: SecretTexts | undefined,
  env?: Environment,
  project: Project = DEFAULT_PROJECT,
): S3Config {
  // A Secret always contains a bucket. Only the environment can configure a lake in a directory.
  return lakeConfig(
    complete(project, project.lake.secret, LAKE_KEYS, texts, env),
    project,
  ) as S3Config;
}

/** Returns the values of the required keys. The jobs do not start if a key is missing. */
function complete(
  project: Project,
  name: string,
  keys: readonly string[],
  texts: SecretTexts | undefined,
  env: Environment | undefined,
): Environment {
  const secret = `Secret ${project.jobs.namespace}/${name}`;
  const missing = keys.filter((key) => !texts?.get(key));
  if (texts !== undefined && missing.length === 0) return secretEnvironment(secret, texts, env);
  const problem = texts === undefined
    ? "it does not exist"
    : `it has no ${missing.join(" and no ")}`;
  throw new Failure({
    kind: "configuration",
    task: `log in with ${secret}`,
    problem,
    remedy: `Create it with: ${secretsCommand(project)}`,
  });
}
