import { join } from "node:path";
import {
  type ClusterConfig,
  type ClusterFlags,
  findCluster,
  type NoCluster,
} from "./cluster/where.ts";
import { type Day, parseDay } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { noSuchDay } from "./no_such_day.ts";

/** Where the outbox is. */
export interface DatabaseConfig {
  /** Host name or address. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** The database's name. */
  readonly name: string;
  /** The role that logs in. */
  readonly user: string;
  /** Its password, as it is. */
  readonly password: string;
}

/** A lake in a bucket. */
export interface S3Config {
  /** Tells the two kinds of lake apart. */
  readonly kind: "s3";
  /** Scheme, host and port, with nothing behind them. */
  readonly endpoint: string;
  /** The region that requests are signed for. */
  readonly region: string;
  /** The bucket's name. */
  readonly bucket: string;
  /** Names the key that requests are signed with. */
  readonly accessKeyId: string;
  /** That key. */
  readonly secretAccessKey: string;
  /** Goes with a key that is good for a while only. */
  readonly sessionToken?: string;
}

/** A lake in a local directory. */
export interface DirectoryConfig {
  /** Tells the two kinds of lake apart. */
  readonly kind: "directory";
  /** Absolute path; it is created with the first object. */
  readonly path: string;
}

/** Where bronze and silver live. */
export type LakeConfig = S3Config | DirectoryConfig;

/** The variables that a command sees. `Deno.env` is one. */
export interface Environment {
  /** The value of a variable; undefined where it is not set. */
  get(name: string): string | undefined;
  /** The Secret that says it, where one does. Its values are then in no error. */
  readonly secret?: string;
}

/** What the running system has, where nobody says otherwise. */
const DEFAULTS = {
  DJANGO_DB_HOST: "paradedb.robson.svc.cluster.local",
  DJANGO_DB_NAME: "rbsdb",
  DJANGO_DB_USER: "robson",
  S3_ENDPOINT: "https://eu2.contabostorage.com",
  S3_BUCKET: "rbs",
} as const;

/** How long after a day's end its window stays open, unless `SEAL_GRACE_MINUTES` says otherwise. */
const DEFAULT_GRACE_MINUTES = "15";

/**
 * Reads `DJANGO_DB_*`, with the defaults of the running system.
 *
 * @throws {Failure} configuration: no password, or a port that is none
 */
export function databaseConfig(env: Environment = Deno.env): DatabaseConfig {
  const port = env.get("DJANGO_DB_PORT") || "5432";
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
    throw new Failure(
      "configuration",
      `Cannot use DJANGO_DB_PORT=${JSON.stringify(port)}: a port is a number from 1 to 65535. ` +
        `Set it to the port of Postgres, usually 5432.`,
    );
  }
  return {
    host: given(env, "DJANGO_DB_HOST"),
    port: Number(port),
    name: given(env, "DJANGO_DB_NAME"),
    user: given(env, "DJANGO_DB_USER"),
    password: required(env, "DJANGO_DB_PASSWORD", "the password of DJANGO_DB_USER"),
  };
}

/**
 * Reads `LAKE_URL` (a directory), or else `S3_*` and `AWS_*` (a bucket).
 *
 * @throws {Failure} configuration: a key is missing, or a URL that cannot be one
 */
export function lakeConfig(env: Environment = Deno.env): LakeConfig {
  const url = env.get("LAKE_URL");
  if (url) return directoryConfig(url);
  return {
    kind: "s3",
    endpoint: s3Endpoint(env),
    region: env.get("AWS_REGION") || "us-east-1",
    bucket: given(env, "S3_BUCKET"),
    accessKeyId: key(env, "AWS_ACCESS_KEY_ID"),
    secretAccessKey: key(env, "AWS_SECRET_ACCESS_KEY"),
  };
}

/**
 * Looks for a cluster: by the flags, else by `KUBECONFIG`, `HOME` and what a pod has.
 *
 * @throws {Failure} configuration: flags that lead nowhere
 */
export function clusterConfig(
  flags: ClusterFlags,
  env: Environment = Deno.env,
): ClusterConfig | NoCluster {
  return findCluster(flags, env);
}

/**
 * Where this user's things are that can be had again, as the XDG Base Directory Specification has it:
 * `XDG_CACHE_HOME`, else `HOME`.
 *
 * @returns undefined where neither leads anywhere: nothing is remembered then
 */
export function cacheFolder(env: Environment = Deno.env): string | undefined {
  const absolute = (name: string) => [env.get(name) ?? ""].find((path) => path.startsWith("/"));
  const home = absolute("HOME");
  const folder = absolute("XDG_CACHE_HOME") ?? (home && join(home, ".cache"));
  return folder && join(folder, "deep-storage");
}

/**
 * Where this user's logins to registries are, as Docker has it: in `DOCKER_CONFIG`, else in
 * `~/.docker`.
 *
 * @returns a path, at which there may be nothing; undefined where no home is known
 */
export function dockerConfigFile(env: Environment = Deno.env): string | undefined {
  const home = env.get("HOME");
  const folder = env.get("DOCKER_CONFIG") || (home && join(home, ".docker"));
  return folder && join(folder, "config.json");
}

/** The variables that {@linkcode databaseConfig} cannot do without, and that are not set. */
export function unsetForDatabase(env: Environment = Deno.env): string[] {
  return ["DJANGO_DB_PASSWORD"].filter((name) => !env.get(name));
}

/** The variables that {@linkcode lakeConfig} cannot do without, and that are not set. */
export function unsetForLake(env: Environment = Deno.env): string[] {
  if (env.get("LAKE_URL")) return [];
  return ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].filter((name) => !env.get(name));
}

/**
 * What a Secret would hold by the environment, each value exactly as it is there.
 *
 * @param keys the Secret's
 * @returns the values by their keys; a variable that is not set and has no default is missing
 */
export function secretValues(
  keys: readonly string[],
  env: Environment = Deno.env,
): Map<string, string> {
  const defaults: Readonly<Record<string, string>> = DEFAULTS;
  const found = keys.map((key) => [key, env.get(key) || defaults[key]] as const);
  return new Map(found.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** What Jobs have as plain values, beside their Secrets. */
const PLAIN = ["DJANGO_DB_PORT", "AWS_REGION"];

/**
 * The variables that a Secret stands for. What no Secret says, the port and the region, is as in the
 * environment; all else is as if it were not set.
 *
 * @param secret for people: the Secret
 */
export function secretEnvironment(
  secret: string,
  texts: ReadonlyMap<string, string>,
  env: Environment = Deno.env,
): Environment {
  const get = (name: string) => PLAIN.includes(name) ? env.get(name) : texts.get(name);
  return { secret, get };
}

/**
 * The day that the operator asked for: the flag, else `JOB_DATE`.
 *
 * @returns undefined where neither is given: the day is then today, by the database's clock in UTC
 * @throws {Failure} configuration: the text is no day
 */
export function requestedDay(
  flag: string | undefined,
  env: Environment = Deno.env,
): Day | undefined {
  const [name, text] = flag === undefined ? ["JOB_DATE=", env.get("JOB_DATE")] : ["--date ", flag];
  if (text === undefined) return undefined;
  const day = parseDay(text);
  if (day === undefined) throw new Failure("configuration", noSuchDay(name, text));
  return day;
}

/**
 * How long after its end a window waits for slow writers before it is sealed, in microseconds.
 *
 * @throws {Failure} configuration: `SEAL_GRACE_MINUTES` is no whole number of minutes
 */
export function sealGrace(env: Environment = Deno.env): bigint {
  const minutes = env.get("SEAL_GRACE_MINUTES") || DEFAULT_GRACE_MINUTES;
  if (!/^\d{1,6}$/.test(minutes)) {
    throw new Failure(
      "configuration",
      `Cannot use SEAL_GRACE_MINUTES=${
        JSON.stringify(minutes)
      }: it is a whole number of minutes. ` +
        `Remove it for ${DEFAULT_GRACE_MINUTES}.`,
    );
  }
  return BigInt(minutes) * 60_000_000n;
}

function given(env: Environment, name: keyof typeof DEFAULTS): string {
  return env.get(name) || DEFAULTS[name];
}

function directoryConfig(text: string): DirectoryConfig {
  const absolute = /^file:(\/\/(localhost)?)?\/(?!\/)[^?#]*$/i.test(text);
  const path = absolute ? decoded(new URL(text).pathname) : undefined;
  if (path === undefined || path.includes("\0")) {
    throw new Failure(
      "configuration",
      `Cannot use LAKE_URL=${JSON.stringify(withoutLogin(text))}: it names a local directory, as ` +
        "in file:///var/lib/lake. For a bucket, remove it and set S3_ENDPOINT and S3_BUCKET.",
    );
  }
  return { kind: "directory", path: path.replace(/(?<=.)\/+$/, "") };
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function s3Endpoint(env: Environment): string {
  const text = given(env, "S3_ENDPOINT");
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href) {
    return url.origin;
  }
  const said = env.secret === undefined ? `=${JSON.stringify(withoutLogin(text))}` : of(env);
  throw new Failure(
    "configuration",
    `Cannot use S3_ENDPOINT${said}: it is the store's address and nothing more, as in ` +
      "https://eu2.contabostorage.com. The bucket goes into S3_BUCKET.",
  );
}

/** A URL as it may be shown: without the user and password that it should not hold. */
function withoutLogin(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:[/\\]*)?.*@/is, "$1…@");
}

function key(env: Environment, name: string): string {
  const value = required(env, name, "the lake's key (or LAKE_URL for a local directory)");
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  const shape = /\s$/.test(value)
    ? "ends with white space or a newline"
    : "has a character no key has";
  throw new Failure(
    "configuration",
    `Cannot use ${name}${of(env)}: its value ${shape}. ` +
      "Set it again, without quotes or a line break.",
  );
}

function required(env: Environment, name: string, meaning: string): string {
  const value = env.get(name);
  if (value) return value;
  throw new Failure(
    "configuration",
    `Cannot start: ${name} is ${value === "" ? "empty" : "not set"}. Set it to ${meaning}.`,
  );
}

function of({ secret }: Environment): string {
  return secret === undefined ? "" : ` of ${secret}`;
}
