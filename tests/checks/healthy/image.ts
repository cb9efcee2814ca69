import type { Jar } from "../../../checks/image/spark_jars.ts";
import type { ImageContents, ImageRefusal, ImageTrouble } from "../../../checks/facts/image.ts";

// Facts about images without faults. Each test changes one of them.

/** A jar by its name and version. */
export function jar(name: string, version: string): Jar {
  return { file: `${name}-${version}.jar`, name, version };
}

/** The jars of a healthy image. */
export const JARS: readonly Jar[] = [
  jar("hadoop-client-api", "3.3.4"),
  jar("hadoop-aws", "3.3.4"),
  jar("aws-java-sdk-bundle", "1.12.262"),
  jar("postgresql", "42.7.14"),
  jar("spark-core_2.12", "3.5.8"),
];

export const DIGEST = `sha256:${"d".repeat(64)}`;

/** A healthy image. */
export function contents(reference: string, changes: Partial<ImageContents> = {}): ImageContents {
  return {
    opened: true,
    reference,
    credentials: [],
    loggedIn: false,
    digest: DIGEST,
    platform: "linux/amd64",
    platforms: ["linux/amd64"],
    source: "registry",
    jarsFolder: "/opt/spark/jars",
    jars: JARS,
    deletedJars: [],
    hadoopVersion: "3.3.4",
    files: ["/opt/deep-storage/jobs/bronze_ingest.py"],
    ...changes,
  };
}

/** An image that could not be read. */
export function refusal(
  reference: string,
  trouble: ImageTrouble,
  changes: Partial<ImageRefusal> = {},
): ImageRefusal {
  return {
    opened: false,
    reference,
    credentials: [],
    loggedIn: false,
    trouble,
    platforms: [],
    problem: `Cannot read the image ${reference}: it is ${trouble}`,
    fix: "Mend the image.",
    ...changes,
  };
}
