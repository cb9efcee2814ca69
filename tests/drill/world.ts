import { join } from "node:path";
import type { Report } from "../../checks/report/report.ts";
import { type Day, parseDay } from "../../pipeline/contract/window.ts";
import { REQUIRED_PACKAGES, rgwInstalled } from "../support/ceph_rgw.ts";
import { guardedFolder } from "../support/guarded_folder.ts";
import { REGISTRY_PACKAGES, registryInstalled } from "../support/registry.ts";
import { missingControlPlane } from "../cluster/binary.ts";
import { environment, runTask } from "../support/task.ts";
import { type ClusterPart, healthyCluster, startCluster } from "./parts/cluster.ts";
import { type DatabasePart, startDatabase } from "./parts/database.ts";
import { type ImagePart, startImage } from "./parts/image.ts";
import { type LakePart, startLake } from "./parts/lake.ts";
import { copyManifests, type ManifestsPart } from "./parts/manifests.ts";
import type { Part } from "./parts/part.ts";

/** A whole platform of real parts. */
export interface Parts {
  readonly cluster: ClusterPart;
  readonly image: ImagePart;
  readonly database: DatabasePart;
  readonly lake: LakePart;
  readonly manifests: ManifestsPart;
}

/** The parts, healthy until a drill breaks one, and the commands that look at them. */
export interface World extends Parts, AsyncDisposable {
  /** The flags that lead a preflight to the cluster and the manifests. */
  readonly where: readonly string[];
  /** The environment of an operator, with the logins of the database and the lake. */
  readonly env: Readonly<Record<string, string>>;
  /** What `deno task preflight` says. */
  preflight(facts: Facts): Promise<Report>;
  /** What `deno task postflight` says of {@linkcode DAY}. */
  postflight(): Promise<Report>;
}

/** What a preflight looks at: what is really there, or what would be after applying the manifests. */
export type Facts = "live" | "all";

/** The day of the runbook's first run. It has been run, and all of it has arrived. */
export const DAY: Day = parseDay("2025-12-28")!;

const FACTS: Readonly<Record<Facts, string>> = {
  live: "cluster,image,database,lake",
  all: "manifests,cluster,image,database,lake",
};

/** Why the parts cannot be started here; empty where they can. */
export async function missingParts(): Promise<readonly string[]> {
  const packages = [
    ...(rgwInstalled() ? [] : [`Ceph RGW is not here, install ${REQUIRED_PACKAGES}`]),
    ...(registryInstalled() ? [] : [`docker-registry is not here, install ${REGISTRY_PACKAGES}`]),
  ];
  return [await missingControlPlane() ?? [], packages].flat();
}

/** Starts all parts at the same time, each on 127.0.0.1. It takes some 15 s. */
export async function startWorld(): Promise<World> {
  await using starting = new AsyncDisposableStack();
  const ending = async <T extends Pick<Part, "stop">>(part: Promise<T>): Promise<T> => {
    const started = await part;
    starting.defer(() => started.stop());
    return started;
  };
  const folder = await guardedFolder("drill-");
  const [plane, image, database, lake] = await Promise.all([
    ending(startCluster(folder)),
    ending(startImage()),
    ending(startDatabase()),
    ending(startLake()),
  ]);
  const env = environmentOf(database, lake);
  // The copy goes with the control plane's folder, whatever ends this process.
  const manifests = await copyManifests(join(folder, "manifests"), image);
  const [cluster] = await Promise.all([
    healthyCluster(plane, { folder: manifests.folder, pull: image.pull }),
    run(env).then(() => lake.remember()),
  ]);
  const where = ["--kubeconfig", cluster.kubeconfig, "--manifests", manifests.folder];
  const stack = starting.move();
  return {
    ...{ cluster, image, database, lake, manifests, where, env },
    preflight: (facts) => report("preflight", [...where, "--facts", FACTS[facts]], env),
    postflight: () => report("postflight", ["--date", DAY], env),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The lake and the database, as the operator's own environment has them. */
function environmentOf(database: DatabasePart, lake: LakePart): Record<string, string> {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = lake.config;
  return {
    ...environment(database.config, ""),
    ...{ LAKE_URL: "", S3_ENDPOINT: endpoint, S3_BUCKET: bucket, AWS_REGION: region },
    ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  };
}

async function run(env: Record<string, string>): Promise<void> {
  const { code, stdout, stderr } = await runTask("run", ["--date", DAY], env);
  if (code !== 0) throw new Error(`The healthy run ended with ${code}:\n${stdout}${stderr}`);
}

/** Warnings count too: where all is well there is nothing to say. */
async function report(
  task: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Report> {
  const how = [...args, "--output", "json", "--strict"];
  const { code, stdout, stderr } = await runTask(task, how, env);
  const said = parsed(stdout);
  if (said?.results === undefined) throw new Error(`${task} gave no report:\n${stdout}${stderr}`);
  if (said.exitCode !== code) throw new Error(`${task} ended with ${code}, not ${said.exitCode}.`);
  return said as Report;
}

function parsed(text: string): Partial<Report> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
