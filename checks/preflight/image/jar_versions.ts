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
