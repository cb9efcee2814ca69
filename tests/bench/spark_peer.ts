import type { S3Config } from "../../pipeline/config.ts";
import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { missingSpark } from "../spark/spark.ts";
import { startObjectStore } from "../support/object_store.ts";
import type { Program } from "./program.ts";
import { DAY } from "./queries.ts";
import type { SparkWork } from "./spark_worker.ts";

const WORKER = new URL("spark_worker.ts", import.meta.url).pathname;

const DOCKERFILE = new URL("../../manifests/image/Dockerfile", import.meta.url);

/** Our own job for Spark, into an object store on this machine. */
export const sparkBronze: Program = {
  name: "spark",
  title: `Spark ${version()} local[2], the job of the image`,
  layer: "bronze",
  peer: true,
  printsSeconds: false,
  once: true,
  unlike: "the job has the fence, the recount and the marker; it writes into an object store; " +
    "the time is that of the process, with the start of the JVM",
  files: ({ folder }) => `${folder}/*.parquet`,
  async install() {
    const missing = await missingSpark();
    if (missing !== undefined) throw new Error(missing);
    const store = await startObjectStore();
    try {
      const lake = await store.createBucket("bench");
      return {
        commandFor: ({ database }) => ({
          command: Deno.execPath(),
          args: ["run", "-q", "-P=test", WORKER],
          input: JSON.stringify({ database, lake } satisfies SparkWork),
        }),
        collect: ({ folder }) => download(lake, folder),
        stop: () => store.stop(),
      };
    } catch (error) {
      await store.stop();
      throw error;
    }
  },
};

async function download(config: S3Config, folder: string): Promise<void> {
  const lake = await openLake(config);
  try {
    for (const { key } of await lake.list(bronzePrefix(DAY))) {
      const name = key.slice(key.lastIndexOf("/") + 1);
      if (!name.endsWith(".parquet")) continue;
      await Deno.writeFile(`${folder}/${name}`, (await lake.get(key))!.bytes);
    }
  } finally {
    lake.close();
  }
}

function version(): string {
  return /^FROM apache\/spark:([\d.]+)/m.exec(Deno.readTextFileSync(DOCKERFILE))![1]!;
}
