import { dockerArchive, type Files, imageOf, JAR, type TestImage } from "./images.ts";

// A stand-in for the image of the Jobs if none was built. The files are at the paths of
// manifests/image, and the jars are empty ZIP files. The image is only inspected and loaded, never run. As a
// program, `stand_in_image.ts FILE` stores the image in the format of `docker save`.

const MANIFESTS = new URL("../../manifests/", import.meta.url);
const JARS = "opt/spark/jars";

/** The files of every Spark 3.5 image. */
const SPARK: Files = {
  "opt/spark/bin/spark-submit": "#!/bin/sh\n",
  [`${JARS}/hadoop-client-api-3.3.4.jar`]: JAR,
  [`${JARS}/hadoop-client-runtime-3.3.4.jar`]: JAR,
  [`${JARS}/spark-core_2.12-3.5.8.jar`]: JAR,
};
const ENV = ["SPARK_HOME=/opt/spark"];

/** Returns the image that the Jobs name, for example `ghcr.io/ldamasio/rbs-spark:3.5.8-phase1`. */
export async function imageOfJobs(): Promise<string> {
  const job = await Deno.readTextFile(new URL("50-bronze-ingest.yaml", MANIFESTS));
  return /^ +image: (\S+)$/m.exec(job)![1]!;
}

/** Returns the plain Spark image. */
export function plainSpark(): TestImage {
  return imageOf({ layers: [SPARK], env: ENV });
}

/**
 * Returns the image that the Dockerfile builds. An additional layer deletes each jar that should be
 * missing.
 */
export async function standInImage(
  { without }: { readonly without?: string } = {},
): Promise<TestImage> {
  const dockerfile = await Deno.readTextFile(new URL("image/Dockerfile", MANIFESTS));
  const jars = [...dockerfile.matchAll(/^ +[0-9a-f]{64} (\S+\.jar)/gm)].map(([, jar]) => jar!);
  const added = Object.fromEntries(jars.map((jar) => [`${JARS}/${jar}`, JAR]));
  const removed = jars.filter((jar) => without !== undefined && jar.startsWith(without));
  return imageOf({
    layers: [
      SPARK,
      added,
      await files(new URL("image/jobs/", MANIFESTS), "opt/deep-storage/jobs/"),
      ...removed.map((jar) => ({ [`${JARS}/.wh.${jar}`]: "" })),
    ],
    env: ENV,
  });
}

async function files(folder: URL, path: string): Promise<Files> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const found = await Promise.all(
    entries.toSorted((a, b) => a.name < b.name ? -1 : 1).map(async ({ name, isDirectory }) => {
      if (isDirectory) return await files(new URL(`${name}/`, folder), `${path}${name}/`);
      if (!/\.(py|json)$/.test(name)) return {};
      return { [`${path}${name}`]: await Deno.readFile(new URL(name, folder)) };
    }),
  );
  return Object.assign({}, ...found);
}

/** Stores the image in the format of `docker save` under the name in the Jobs. */
export async function saveStandIn(file: string): Promise<void> {
  await Deno.writeFile(file, dockerArchive(await standInImage(), [await imageOfJobs()]));
}

if (import.meta.main) await saveStandIn(Deno.args[0]!);
