import {
  type DatabaseConfig,
  databaseConfig,
  type Environment,
  lakeConfig,
  type S3Config,
  secretEnvironment,
} from "../config.ts";
import { DATABASE_SECRET, JOBS_NAMESPACE, LAKE_SECRET } from "../contract/cluster.ts";
import { Failure } from "../errors.ts";

/** What a Secret holds, decoded: each key with its value. */
export type SecretTexts = ReadonlyMap<string, string>;

/** The keys of the Secret that the jobs log in to the database with. */
export const DATABASE_KEYS = [
  ...["DJANGO_DB_HOST", "DJANGO_DB_NAME", "DJANGO_DB_USER", "DJANGO_DB_PASSWORD"],
] as const;

/** The keys of the Secret that the jobs open the lake with. */
export const LAKE_KEYS = [
  ...["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_ENDPOINT", "S3_BUCKET"],
] as const;

/**
 * How to reach the database, by the Secret that the jobs get. The port is the environment's, else
 * Postgres's own: no Secret has it.
 *
 * @param texts undefined where there is no such Secret
 * @param env what the port is read from, if not the process's environment
 * @throws {Failure} configuration: the Secret or a key of it is missing; the message has no value
 */
export function databaseOfSecret(
  texts: SecretTexts | undefined,
  env?: Environment,
): DatabaseConfig {
  return databaseConfig(complete(DATABASE_SECRET, DATABASE_KEYS, texts, env));
}

/**
 * How to open the lake, by the Secret that the jobs get. The region is the environment's, else the
 * default: no Secret has it.
 *
 * @param texts undefined where there is no such Secret
 * @param env what the region is read from, if not the process's environment
 * @throws {Failure} configuration: the Secret or a key of it is missing, or cannot be used; the message
 *   has no value
 */
export function lakeOfSecret(texts: SecretTexts | undefined, env?: Environment): S3Config {
  // A Secret names no directory.
  return lakeConfig(complete(LAKE_SECRET, LAKE_KEYS, texts, env)) as S3Config;
}

/** A job does not start without a key that it reads, so no default stands in for one. */
function complete(
  name: string,
  keys: readonly string[],
  texts: SecretTexts | undefined,
  env: Environment | undefined,
): Environment {
  const secret = `Secret ${JOBS_NAMESPACE}/${name}`;
  const missing = keys.filter((key) => !texts?.get(key));
  if (texts !== undefined && missing.length === 0) return secretEnvironment(secret, texts, env);
  const why = texts === undefined ? "it is not there" : `it has no ${missing.join(" and no ")}`;
  throw new Failure({
    kind: "configuration",
    task: `log in with ${secret}`,
    problem: why,
    remedy: "Make it with: deno task secrets",
  });
}
