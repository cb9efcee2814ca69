import { dockerArchive, type Files, imageOf, type TestImage } from "./images.ts";

// What stands in for the image of the Jobs where none was built: the files are where manifests/image
// puts them, the jars are empty. Nothing runs in it; it is there to be looked into, and to be loaded.
// As a program, `stand_in_image.ts FILE`, it is stored as `docker save` would.

const MANIFESTS = new URL("../../manifests/", import.meta.url);
const JARS = "opt/spark/jars";

/** What every image of Spark 3.5 has. */
const SPARK: Files = {
  "opt/spark/bin/spark-submit": "#!/bin/sh\n",
  [`${JARS}/hadoop-client-api-3.3.4.jar`]: "",
  [`${JARS}/hadoop-client-runtime-3.3.4.jar`]: "",
  [`${JARS}/spark-core_2.12-3.5.8.jar`]: "",
};
const ENV = ["SPARK_HOME=/opt/spark"];

/** The image that the Jobs name, as in `ghcr.io/ldamasio/rbs-spark:3.5.8-phase1`. */
export async function imageOfJobs(): Promise<string> {
  const job = await Deno.readTextFile(new URL("50-bronze-ingest.yaml", MANIFESTS));
  return /^ +image: (\S+)$/m.exec(job)![1]!;
}

/** Spark as others publish it. */
export function plainSpark(): TestImage {
  return imageOf({ layers: [SPARK], env: ENV });
}

/** What the Dockerfile makes of it. A jar that is to be missing is taken away by one more layer. */
export async function standInImage(
  { without }: { readonly without?: string } = {},
): Promise<TestImage> {
  const dockerfile = await Deno.readTextFile(new URL("image/Dockerfile", MANIFESTS));
  const jars = [...dockerfile.matchAll(/^ +[0-9a-f]{64} (\S+\.jar)/gm)].map(([, jar]) => jar!);
  const added = Object.fromEntries(jars.map((jar) => [`${JARS}/${jar}`, ""]));
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

/** Stores the image as `docker save` would, by the name that the Jobs have for it. */
export async function saveStandIn(file: string): Promise<void> {
  await Deno.writeFile(file, dockerArchive(await standInImage(), [await imageOfJobs()]));
}

if (import.meta.main) await saveStandIn(Deno.args[0]!);
