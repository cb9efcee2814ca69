import type { ImageFiles } from "./layer_files.ts";

/** A jar in Spark's jars folder. */
export interface Jar {
  /** The file's name, as in `hadoop-aws-3.3.4.jar`. */
  readonly file: string;
  /** The part of the file's name before the version, as in `hadoop-aws`. */
  readonly name: string;
  /** The version in the file's name, as in `3.3.4`; undefined where the name has no version. */
  readonly version: string | undefined;
}

/** A jar that one layer of the image adds to Spark's jars folder, and a later layer deletes. */
export interface DeletedJar extends Jar {
  /** The number of the layer that deletes the jar, counted from 1. */
  readonly layer: number;
}

/** The jars that an image has for Spark. */
export interface SparkJars {
  /** Spark's jars folder, as in `/opt/spark/jars`. */
  readonly jarsFolder: string;
  /** The jars in the folder, by name; undefined where the folder does not exist. */
  readonly jars: readonly Jar[] | undefined;
  /** The jars that a later layer deletes. */
  readonly deletedJars: readonly DeletedJar[];
  /** The version of Hadoop, by Hadoop's own jars; undefined where there is no such jar. */
  readonly hadoopVersion: string | undefined;
}

/**
 * Reads which jars the layers of an image leave in Spark's folder.
 *
 * @param env the image's environment; `SPARK_HOME` decides where the folder is
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

/** Takes a jar's name apart, as in `netty-all-4.1.96.Final-linux-x86_64.jar`. */
function jarOf(file: string): Jar {
  const [, name, version, classifier = ""] =
    /^(.+)-(\d[\w.]*)((?:-[a-z][\w.-]*)?)\.jar$/i.exec(file) ?? [];
  return name === undefined
    ? { file, name: file.slice(0, -".jar".length), version: undefined }
    : { file, name: `${name}${classifier}`, version };
}

/** The jars that are Hadoop itself; Spark's images have the first two. */
const HADOOP = ["hadoop-client-api", "hadoop-client-runtime", "hadoop-common"];

function hadoopIn(jars: readonly Jar[]): string | undefined {
  const found = HADOOP.map((name) => jars.find((jar) => jar.name === name)?.version);
  return found.find((version) => version !== undefined);
}

/** What every image of the jobs needs beside Spark itself, by the names of their jars. */
export const JARS = ["hadoop-aws", "aws-java-sdk-bundle", "postgresql"] as const;

/**
 * The Hadoop that images of a release line of Spark come with, and so the version of hadoop-aws. From
 * the poms of spark-parent (`hadoop.version`).
 */
export const HADOOP_OF: Readonly<Record<string, string>> = {
  "3.3": "3.3.2",
  "3.4": "3.3.4",
  "3.5": "3.3.4",
};

/** A jar by its name and version. */
export interface JarVersion {
  /** As in `aws-java-sdk-bundle`. */
  readonly name: string;
  /** As in `1.12.262`. */
  readonly version: string;
}

const first = (version: string): JarVersion => ({ name: "aws-java-sdk-bundle", version });
const second = (version: string): JarVersion => ({ name: "bundle", version });

/**
 * The AWS SDK that the hadoop-aws of a version was built with; since 3.4 it is the second one. From
 * the poms of hadoop-project (`aws-java-sdk.version`, `aws-java-sdk-v2.version`).
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

/** The driver of PostgreSQL fits every Spark; this one was tested. */
export const POSTGRESQL: JarVersion = { name: "postgresql", version: "42.7.14" };

const GROUPS: Readonly<Record<string, string>> = {
  "hadoop-aws": "org.apache.hadoop",
  "aws-java-sdk-bundle": "com.amazonaws",
  "bundle": "software.amazon.awssdk",
  "postgresql": "org.postgresql",
};

/** How to get a jar into an image. */
export function howToAdd({ name, version }: JarVersion, folder = "/opt/spark/jars"): string {
  return `Copy ${name}-${version}.jar into ${folder}, after sha256sum --check. To fetch it: ` +
    `mvn dependency:copy -Dartifact=${GROUPS[name]}:${name}:${version} -DoutputDirectory=.`;
}
