import {
  type ClusterConfig,
  type ClusterFlags,
  findCluster,
  type NoCluster,
} from "./cluster/locate_kubeconfig.ts";
import { defaultsOf, type Environment, fileIn, PROCESS } from "./config/environment.ts";
import { DEFAULT_PROJECT, type Project } from "./contract/project.ts";
import { type Rule, validated } from "./config/validate.ts";

export {
  type DatabaseConfig,
  databaseConfig,
  databaseName,
  hostAndPort,
  outboxTable,
  unsetForDatabase,
} from "./config/database.ts";
export {
  clockDecides,
  dayBy,
  type DayFlags,
  type DaysAsked,
  daysOf,
  MOST_DAYS,
  type NamedDay,
  requestedDays,
  requestedRange,
} from "./config/days.ts";
export type { Environment } from "./config/environment.ts";
export {
  bucketName,
  type DirectoryConfig,
  isDirectoryLake,
  type LakeConfig,
  lakeConfig,
  type S3Config,
  unsetForLake,
} from "./config/lake.ts";
export { type TlsConfig, tlsConfig, type TlsMode } from "./config/tls.ts";

/** The default of `SEAL_GRACE_MINUTES`: how long a window stays open after its day ends. */
const DEFAULT_GRACE_MINUTES = "15";

const GRACE: Rule = {
  fault: (minutes) => /^\d{1,6}$/.test(minutes) ? undefined : "it is not a number of minutes",
  remedy: `Set it to a whole number of minutes, or remove it to use ${DEFAULT_GRACE_MINUTES}.`,
};

/** Variables whose values must not appear in messages. */
const HIDDEN = [
  "DJANGO_DB_PASSWORD",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
];

/**
 * How long after its end a window waits for slow writers before it is sealed, in microseconds.
 *
 * @throws {Failure} configuration: `SEAL_GRACE_MINUTES` is not a whole number of minutes
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sealGrace } from "./config.ts";
 * assertEquals(sealGrace(new Map([["SEAL_GRACE_MINUTES", "1"]])), 60_000_000n); // microseconds
 * ```
 */
export function sealGrace(env: Environment = PROCESS): bigint {
  const minutes = validated(env, "SEAL_GRACE_MINUTES", GRACE) ?? DEFAULT_GRACE_MINUTES;
  return BigInt(minutes) * 60_000_000n;
}

/**
 * The passwords and keys in the environment, which must not be printed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { secretsOf } from "./config.ts";
 * assertEquals(secretsOf(new Map([["DJANGO_DB_PASSWORD", "s3cret"]])), ["s3cret"]);
 * ```
 */
export function secretsOf(env: Environment = PROCESS): string[] {
  return HIDDEN.flatMap((name) => env.get(name) || []);
}

/**
 * Finds the configuration of a cluster: from the flags, otherwise from `KUBECONFIG`, `HOME` and the
 * files of a pod.
 *
 * @throws {Failure} configuration: the flags do not select a cluster
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { clusterConfig } from "./config.ts";
 * assertEquals("files" in clusterConfig({ kubeconfig: "/dev/null" }, new Map()), true);
 * ```
 */
export function clusterConfig(
  flags: ClusterFlags,
  env: Environment = PROCESS,
): ClusterConfig | NoCluster {
  return findCluster(flags, env);
}

/**
 * The cache directory of this user, according to the XDG Base Directory Specification:
 * `XDG_CACHE_HOME`, or a directory in `HOME`.
 *
 * @returns undefined if neither is an absolute path; nothing is cached then
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cacheFolder } from "./config.ts";
 * assertEquals(cacheFolder(new Map([["HOME", "/home/op"]])), "/home/op/.cache/deep-storage");
 * assertEquals(cacheFolder(new Map()), undefined);
 * ```
 */
export function cacheFolder(env: Environment = PROCESS): string | undefined {
  const absolute = (name: string) => [env.get(name) ?? ""].find((path) => path.startsWith("/"));
  const home = absolute("HOME");
  const folder = absolute("XDG_CACHE_HOME") ?? (home && fileIn(home, ".cache"));
  return folder && fileIn(folder, "deep-storage");
}

/**
 * The file with this user's registry logins, at the location that Docker uses: in `DOCKER_CONFIG`,
 * or in `~/.docker`.
 *
 * @returns a path that may not exist; undefined if the home directory is unknown
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dockerConfigFile } from "./config.ts";
 * assertEquals(dockerConfigFile(new Map([["HOME", "/home/op"]])), "/home/op/.docker/config.json");
 * ```
 */
export function dockerConfigFile(env: Environment = PROCESS): string | undefined {
  const home = env.get("HOME");
  const folder = env.get("DOCKER_CONFIG") || (home && fileIn(home, ".docker"));
  return folder && fileIn(folder, "config.json");
}

/**
 * The values of a Secret, taken unchanged from the environment.
 *
 * @param keys the keys of the Secret
 * @param project the names of the platform, which apply where a variable is not set
 * @returns the values by their keys; a variable that is not set and has no default is missing
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { secretValues } from "./config.ts";
 * const env = new Map([["S3_BUCKET", "rbs"]]);
 * assertEquals([...secretValues(["S3_BUCKET", "AWS_ACCESS_KEY_ID"], env)], [["S3_BUCKET", "rbs"]]);
 * ```
 */
export function secretValues(
  keys: readonly string[],
  env: Environment = PROCESS,
  project: Project = DEFAULT_PROJECT,
): Map<string, string> {
  const defaults: Readonly<Record<string, string>> = defaultsOf(project);
  const found = keys.map((key) => [key, env.get(key) || defaults[key]] as const);
  return new Map(found.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Variables that the Jobs set as plain values and not from a Secret. */
const PLAIN = [
  "OUTBOX_TABLE",
  "DJANGO_DB_PORT",
  "DJANGO_DB_SSLMODE",
  "PGSSLMODE",
  "PGSSLROOTCERT",
  "AWS_REGION",
];

/**
 * The variables that a Secret provides. Variables that are never in a Secret, such as the port and
 * the region, come from the environment; all other variables are unset.
 *
 * @param secret the Secret, for messages
 */
export function secretEnvironment(
  secret: string,
  texts: ReadonlyMap<string, string>,
  env: Environment = PROCESS,
): Environment {
  const get = (name: string) => PLAIN.includes(name) ? env.get(name) : texts.get(name);
  return { secret, get };
}
