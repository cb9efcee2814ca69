import type { ImageFiles } from "./layer_files.ts";

/** A jar in Spark's jars folder. */
export interface Jar {
  /** The file's name, as in `hadoop-aws-3.3.4.jar`. */
  readonly file: string;
  /** The part of the file's name before the version, as in `hadoop-aws`. */
  readonly name: string;
  /** The version in the file's name, as in `3.3.4`; undefined if the name has no version. */
  readonly version: string | undefined;
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
  const jars = files.filesIn(jarsFolder)?.filter(isJar).map(jarOf);
  const deletedJars = files.deletedFrom(jarsFolder)
    .filter(({ name }) => isJar(name))
    .map(({ name, layer }) => ({ ...jarOf(name), layer }));
  return { jarsFolder, jars, deletedJars, hadoopVersion: hadoopIn(jars ?? []) };
}

function isJar(file: string): boolean {
  return file.endsWith(".jar");
}

/** Splits a file name such as `netty-all-4.1.96.Final-linux-x86_64.jar` into name and version. */
function jarOf(file: string): Jar {
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

/** The names of the jars that the jobs need in addition to Spark. */
export const JARS = ["hadoop-aws", "aws-java-sdk-bundle", "postgresql"] as const;

/**
 * The version of Hadoop in Spark's images, by release line of Spark. The version of hadoop-aws must
 * be the same. Source: `hadoop.version` in the POMs of spark-parent.
 */
export const HADOOP_OF: Readonly<Record<string, string>> = {
  "3.3": "3.3.2",
  "3.4": "3.3.4",
  "3.5": "3.3.4",
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
 * The AWS SDK for each version of hadoop-aws: version 1 of the SDK before 3.4.0, and version 2 from
 * 3.4.0. Source: `aws-java-sdk.version` and `aws-java-sdk-v2.version` in the POMs of
 * hadoop-project.
 */
export const SDK_OF: Readonly<Record<string, JarVersion>> = {
  "3.3.1": first("1.11.901"),
  "3.3.2": first("1.11.1026"),
  "3.3.3": first("1.11.1026"),
  "3.3.4": first("1.12.262"),
  "3.3.5": first("1.12.316"),
  "3.3.6": first("1.12.367"),
  "3.4.0": second("2.23.19"),
  "3.4.1": second("2.24.6"),
};

/** The tested version of the PostgreSQL driver. The driver works with every version of Spark. */
export const POSTGRESQL: JarVersion = { name: "postgresql", version: "42.7.14" };

const GROUPS: Readonly<Record<string, string>> = {
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
