import type { JarDamage } from "./jar_damage.ts";
import type { ImageFiles } from "./layer_files.ts";

/** A jar in Spark's jars folder. */
export interface Jar {
  /** The file's name, as in `hadoop-aws-3.3.4.jar`. */
  readonly file: string;
  /** The part of the file's name before the version, as in `hadoop-aws`. */
  readonly name: string;
  /** The version in the file's name, as in `3.3.4`; undefined if the name has no version. */
  readonly version: string | undefined;
  /** What is wrong with the file; absent for a sound jar. */
  readonly damage?: JarDamage;
}

/** A jar in Spark's jars folder that a later layer of the image deletes. */
export interface DeletedJar extends Jar {
  /** The number of the layer that deletes the jar, counted from 1. */
  readonly layer: number;
}

/** The jars of Spark in an image. */
export interface SparkJars {
  /** Spark's jars folder, as in `/opt/spark/jars`. */
  readonly jarsFolder: string;
  /** The jars in the folder, sorted by name; undefined if the folder does not exist. */
  readonly jars: readonly Jar[] | undefined;
  /** The jars that a later layer deletes. */
  readonly deletedJars: readonly DeletedJar[];
  /** The version of Hadoop, from the names of Hadoop's jars; undefined if there are none. */
  readonly hadoopVersion: string | undefined;
}

/**
 * Lists the jars in Spark's jars folder of an image.
 *
 * @param env the environment variables of the image; `SPARK_HOME` determines the folder
 */
export function sparkJarsIn(env: ReadonlyMap<string, string>, files: ImageFiles): SparkJars {
  const jarsFolder = `${(env.get("SPARK_HOME") || "/opt/spark").replace(/\/+$/, "")}/jars`;
  const jars = files.filesIn(jarsFolder)?.filter(isJar).map((file): Jar => {
    const damage = files.damageOf(`${jarsFolder}/${file}`);
    return { ...jarOf(file), ...(damage === undefined ? {} : { damage }) };
  });
  const deletedJars = files.deletedFrom(jarsFolder)
    .filter(({ name }) => isJar(name))
    .map(({ name, layer }) => ({ ...jarOf(name), layer }));
  return { jarsFolder, jars, deletedJars, hadoopVersion: hadoopIn(jars ?? []) };
}

function isJar(file: string): boolean {
  return file.endsWith(".jar");
}

/**
 * The jars that the checks know, whose versions can have any form, such as `9.4-1201-jdbc41`. Linux
 * distributions name the PostgreSQL driver `postgresql-jdbc`.
 */
const KNOWN =
  /^(hadoop-aws|aws-java-sdk-bundle|bundle|postgresql|pgjdbc)(?:-jdbc)?(?:-v?(\d.*?))?\.jar$/;

/** Jars of Hadoop, whose versions can have a suffix of the vendor, such as `3.3.4-amzn-1`. */
const HADOOP_JAR = /^(hadoop-[a-z]+(?:-[a-z]+)*)-(\d.*?)(?:-(tests|sources|javadoc))?\.jar$/;

/** Splits a file name such as `netty-all-4.1.96.Final-linux-x86_64.jar` into name and version. */
export function jarOf(file: string): Jar {
  const isPart = /-(tests|sources|javadoc)\.jar$/.test(file);
  const known = isPart ? null : KNOWN.exec(file) ?? HADOOP_JAR.exec(file);
  if (known !== null) {
    const name = known[1] === "pgjdbc" ? POSTGRESQL.name : known[1]!;
    return { file, name, version: known[2] };
  }
  const [, name, version, classifier = ""] =
    /^(.+)-(\d[\w.]*)((?:-[a-z][\w.-]*)?)\.jar$/i.exec(file) ?? [];
  return name === undefined
    ? { file, name: file.slice(0, -".jar".length), version: undefined }
    : { file, name: `${name}${classifier}`, version };
}

/** The jars that have Hadoop's version in their names. Spark's images have the first two. */
const HADOOP = ["hadoop-client-api", "hadoop-client-runtime", "hadoop-common"];

function hadoopIn(jars: readonly Jar[]): string | undefined {
  const found = HADOOP.map((name) => jars.find((jar) => jar.name === name)?.version);
  return found.find((version) => version !== undefined);
}

/** The names of the jars that jobs need in addition to Spark; only one of the SDK's two. */
export const JARS = ["hadoop-aws", "aws-java-sdk-bundle", "bundle", "postgresql"] as const;

/**
 * The version of Hadoop in Spark's images, by release line of Spark. The version of hadoop-aws must
 * be the same. Source: `hadoop.version` in the POMs of `org.apache.spark:spark-parent_2.13` and of
 * `spark-parent_2.12`.
 */
export const HADOOP_OF: Readonly<Record<string, string>> = {
  "3.1": "3.2.0",
  "3.2": "3.3.1",
  "3.3": "3.3.2",
  "3.4": "3.3.4",
  "3.5": "3.3.4",
  "4.0": "3.4.1",
  "4.1": "3.4.2",
  "4.2": "3.5.0",
};

/** The name and version of a jar. */
export interface JarVersion {
  /** The name, as in `aws-java-sdk-bundle`. */
  readonly name: string;
  /** The version, as in `1.12.262`. */
  readonly version: string;
}

const first = (version: string): JarVersion => ({ name: "aws-java-sdk-bundle", version });
const second = (version: string): JarVersion => ({ name: "bundle", version });

/**
 * The AWS SDK that each version of hadoop-aws was built with: version 1 of the SDK before 3.4.0, and
 * version 2 from 3.4.0. Source: `aws-java-sdk.version` and `aws-java-sdk-v2.version` in the POMs of
 * `org.apache.hadoop:hadoop-project`.
 */
const SDK_OF: Readonly<Record<string, JarVersion>> = {
  "3.2.0": first("1.11.375"),
  "3.3.0": first("1.11.563"),
  "3.3.1": first("1.11.901"),
  "3.3.2": first("1.11.1026"),
  "3.3.3": first("1.11.1026"),
  "3.3.4": first("1.12.262"),
  "3.3.5": first("1.12.316"),
  "3.3.6": first("1.12.367"),
  "3.4.0": second("2.23.19"),
  "3.4.1": second("2.24.6"),
  "3.4.2": second("2.29.52"),
  "3.4.3": second("2.35.4"),
  "3.5.0": second("2.35.4"),
};

/** The AWS SDK for a version of Hadoop, also with a vendor's suffix such as `3.3.4-amzn-1`. */
export function sdkOf(hadoop: string): JarVersion | undefined {
  return SDK_OF[/^\d+\.\d+\.\d+/.exec(hadoop)?.[0] ?? ""];
}

/** The name of the SDK's jar for a version of Hadoop, also for an unknown version. */
export function sdkName(hadoop: string): string {
  const [major = 0, minor = 0] = hadoop.split(".").map(Number);
  return major > 3 || (major === 3 && minor >= 4) ? "bundle" : "aws-java-sdk-bundle";
}

/**
 * Judges the version of the AWS SDK: `fits`, `wrong`, or `newer` than the one that hadoop-aws was
 * built with, in a way that can matter.
 */
export function judgeSdk(
  { name, version }: JarVersion,
  wanted: JarVersion,
): "fits" | "wrong" | "newer" {
  if (name !== wanted.name) return "wrong";
  const order = compareVersions(version, wanted.version);
  if (order === 0) return "fits";
  if (order < 0) return "wrong";
  // From 2.30 on, the SDK sends checksums that stores other than AWS can refuse.
  const isPast = (text: string) => compareVersions(text, "2.30.0") >= 0;
  return name !== "bundle" || isPast(version) && !isPast(wanted.version) ? "newer" : "fits";
}

/** Compares two versions number by number. */
export function compareVersions(a: string, b: string): number {
  const numbers = (text: string) => text.split(/[.-]/).map((part) => Number.parseInt(part) || 0);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = (left[i] ?? 0) - (right[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

/** The tested version of the PostgreSQL driver. The driver works with every version of Spark. */
export const POSTGRESQL: JarVersion = { name: "postgresql", version: "42.7.14" };

/** The oldest PostgreSQL driver that can log in with SCRAM, the default since Postgres 14. */
export const OLDEST_POSTGRESQL = "42.2.0";

/** The Maven group of each jar. */
export const GROUPS: Readonly<Record<string, string>> = {
  "hadoop-aws": "org.apache.hadoop",
  "aws-java-sdk-bundle": "com.amazonaws",
  "bundle": "software.amazon.awssdk",
  "postgresql": "org.postgresql",
};

/** Returns instructions for adding a jar to an image. */
export function howToAdd({ name, version }: JarVersion, folder = "/opt/spark/jars"): string {
  return `Verify ${name}-${version}.jar with sha256sum --check, and copy it into ${folder}. To download it: ` +
    `mvn dependency:copy -Dartifact=${GROUPS[name]}:${name}:${version} -DoutputDirectory=.`;
}
