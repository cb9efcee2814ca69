import { DEFAULT_PROJECT, type Project } from "../contract/project.ts";
import { type Defaulted, type Environment, markDefault, PROCESS, unsetIn } from "./environment.ts";
import { Failure } from "../errors.ts";
import { type Fault, required, type Rule, validated, validatedOrDefault } from "./validate.ts";

/** A lake in a bucket. */
export interface S3Config {
  /** The kind of lake. */
  readonly kind: "s3";
  /** Scheme, host and port, without a path. */
  readonly endpoint: string;
  /** The region that requests are signed for. */
  readonly region: string;
  /** The bucket's name. */
  readonly bucket: string;
  /** The access key ID that requests are signed with. */
  readonly accessKeyId: string;
  /** The secret key of the access key. */
  readonly secretAccessKey: string;
  /** The session token of a temporary key. */
  readonly sessionToken?: string;
  /** The variables that are unset, so that their defaults apply. */
  readonly defaults?: readonly Defaulted[];
}

/** A lake in a local directory. */
export interface DirectoryConfig {
  /** The kind of lake. */
  readonly kind: "directory";
  /** The absolute path. The first object creates the directory. */
  readonly path: string;
}

/** The location of bronze and silver. */
export type LakeConfig = S3Config | DirectoryConfig;

const DIRECTORY: Rule = {
  blanks: true,
  fault: (url) =>
    directoryOf(url) === undefined
      ? "it is not the URL of a local " +
        "directory"
      : undefined,
  remedy:
    "Set it to a local directory, as in file:///var/lib/lake. For a bucket, remove it and set " +
    "S3_ENDPOINT and S3_BUCKET.",
};

const ENDPOINT: Rule = {
  fault: endpointFault,
  remedy: "Set it to the store's address and nothing more, as in https://s3.example.com. The " +
    "bucket goes into S3_BUCKET.",
};

const BUCKET: Rule = {
  fault: bucketFault,
  remedy: "Set it to the bucket's name alone, as in my-lake; the address goes into S3_ENDPOINT.",
};

const REGION: Rule = {
  fault: (region) =>
    /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(region)
      ? undefined
      : "it has a character that is not allowed in a region",
  remedy: "Set it to the store's region, as in us-east-1, or remove it.",
};

const KEY: Rule = {
  hidden: true,
  fault: (key) =>
    /^[\x21-\x7e]+$/.test(key)
      ? undefined
      : "its value has a character that is not allowed in a key",
  remedy: "Set it again, without quotes or a line break.",
};

/**
 * Reads `LAKE_URL` (a directory), or `S3_*` and `AWS_*` (a bucket).
 *
 * @param project the names of the platform, which apply where a variable is not set
 * @throws {Failure} configuration: a key is missing, or a variable that cannot be used
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lakeConfig } from "./lake.ts";
 * assertEquals(lakeConfig(new Map([["LAKE_URL", "file:///data/lake"]])), {
 *   kind: "directory",
 *   path: "/data/lake",
 * });
 * ```
 */
export function lakeConfig(
  env: Environment = PROCESS,
  project: Project = DEFAULT_PROJECT,
): LakeConfig {
  const url = validated(env, "LAKE_URL", DIRECTORY);
  if (url !== undefined) return { kind: "directory", path: directoryOf(url)! };
  const endpoint = validatedOrDefault(env, "S3_ENDPOINT", ENDPOINT, project);
  const bucket = validatedOrDefault(env, "S3_BUCKET", BUCKET, project);
  const region = validated(env, "AWS_REGION", REGION) ?? "us-east-1";
  const unset = unsetForLake(env);
  if (unset.length === 2) {
    throw new Failure({
      kind: "configuration",
      task: "start",
      problem: `${unset.join(" and ")} are not set`,
      remedy: "Set them to the lake's keys, or LAKE_URL to a local directory.",
    });
  }
  const key = (name: string) =>
    required(env, name, "the lake's key (or LAKE_URL for a local directory)", KEY);
  const sessionToken = validated(env, "AWS_SESSION_TOKEN", KEY);
  const defaults = unsetIn(["S3_ENDPOINT", "S3_BUCKET"], env, project);
  return {
    kind: "s3",
    endpoint: new URL(endpoint).origin,
    region,
    bucket,
    accessKeyId: key("AWS_ACCESS_KEY_ID"),
    secretAccessKey: key("AWS_SECRET_ACCESS_KEY"),
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(defaults.length === 0 ? {} : { defaults }),
  };
}

/** The name of a bucket: `s3://rbs at https://…`. Default values are followed by `(default)`. */
export function bucketName({ bucket, endpoint, defaults = [] }: S3Config): string {
  const shown = (value: string, variable: Defaulted) =>
    markDefault(value, defaults.includes(variable));
  return `${shown(`s3://${bucket}`, "S3_BUCKET")} at ${shown(endpoint, "S3_ENDPOINT")}`;
}

/** Returns whether LAKE_URL is set, so that the lake is a directory. */
export function isDirectoryLake(env: Environment = PROCESS): boolean {
  return Boolean(env.get("LAKE_URL"));
}

/** The unset variables that {@linkcode lakeConfig} requires. */
export function unsetForLake(env: Environment = PROCESS): string[] {
  if (isDirectoryLake(env)) return [];
  return ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].filter((name) => !env.get(name));
}

function directoryOf(url: string): string | undefined {
  if (!/^file:(\/\/(localhost)?)?\/(?!\/)[^?#]*$/i.test(url)) return undefined;
  try {
    const path = decodeURIComponent(new URL(url).pathname);
    return path.includes("\0") ? undefined : path.replace(/(?<=.)\/+$/, "");
  } catch {
    return undefined; // a percent sign that encodes nothing
  }
}

function endpointFault(text: string): Fault {
  if (text.includes("@")) return "it contains a login";
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return "it is not an http or https address";
  return `${url.origin}/` === url.href ? undefined : "it has more after the address";
}

function bucketFault(bucket: string): Fault {
  if (/^s3:/i.test(bucket)) return "it begins with s3:";
  if (bucket.includes("://")) return "it is a URL";
  if (bucket.includes("/")) return "it has a slash";
  if (/^\.+$/.test(bucket)) return "it is not a name";
  return /^[A-Za-z0-9._:-]+$/.test(bucket)
    ? undefined
    : "it has a character that is not allowed in a bucket name";
}
