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

/** The real parts of a whole platform. */
export interface Parts {
  readonly cluster: ClusterPart;
  readonly image: ImagePart;
  readonly database: DatabasePart;
  readonly lake: LakePart;
  readonly manifests: ManifestsPart;
}

/** The parts, healthy until a drill breaks one, and the commands that check them. */
export interface World extends Parts, AsyncDisposable {
  /** The preflight flags that select the cluster and the manifests. */
  readonly where: readonly string[];
  /** The environment of an operator, with the logins of the database and the lake. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs `deno task preflight` and returns its report. */
  preflight(facts: Facts): Promise<Report>;
  /** Runs `deno task postflight` for {@linkcode DAY} and returns its report. */
  postflight(): Promise<Report>;
}

/**
 * The facts for a preflight: `live` for the current state, `all` for the state after the manifests
 * are applied.
 */
export type Facts = "live" | "all";

/** The day of the runbook's first run. Bronze and silver are published and sealed. */
export const DAY: Day = parseDay("2025-12-28")!;

const FACTS: Readonly<Record<Facts, string>> = {
  live: "cluster,image,database,lake",
  all: "manifests,cluster,image,database,lake",
};

/** Returns why the parts cannot be started here; empty if they can. */
export async function missingParts(): Promise<readonly string[]> {
  const packages = [
    ...(rgwInstalled() ? [] : [`Ceph RGW is not installed, install ${REQUIRED_PACKAGES}`]),
    ...(registryInstalled()
      ? []
      : [`docker-registry is not installed, install ${REGISTRY_PACKAGES}`]),
  ];
  return [await missingControlPlane() ?? [], packages].flat();
}

/** Starts all parts concurrently, each on 127.0.0.1. Takes about 15 s. */
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
  // The copy is in the control plane's folder, which is removed however this process exits.
  const manifests = await copyManifests(join(folder, "manifests"), image);
  const [cluster] = await Promise.all([
    healthyCluster(plane, { folder: manifests.folder, pull: image.pull }),
    run(env).then(() => lake.remember()),
  ]);
  const where = ["--kubeconfig", cluster.kubeconfig, "--manifests", manifests.folder];
  const stack = starting.move();
  return {
    cluster,
    image,
    database,
    lake,
    manifests,
    where,
    env,
    // On a busy machine, healthy servers take longer than the default.
    preflight: (facts) =>
      report("preflight", [...where, "--facts", FACTS[facts], "--timeout", "120"], env),
    postflight: () => report("postflight", ["--date", DAY], env),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Returns the variables for the lake and the database. */
function environmentOf(database: DatabasePart, lake: LakePart): Record<string, string> {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = lake.config;
  return {
    ...environment(database.config, ""),
    LAKE_URL: "",
    S3_ENDPOINT: endpoint,
    S3_BUCKET: bucket,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}

async function run(env: Record<string, string>): Promise<void> {
  const { code, stdout, stderr } = await runTask("run", ["--date", DAY], env);
  if (code !== 0) throw new Error(`The healthy run exited with ${code}:\n${stdout}${stderr}`);
}

/** Runs a task and returns its report. Warnings count as findings: a healthy platform has none. */
async function report(
  task: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Report> {
  const how = [...args, "--output", "json", "--strict"];
  const { code, stdout, stderr } = await runTask(task, how, env);
  const said = parsed(stdout);
  if (said?.results === undefined) {
    throw new Error(`${task} printed no report:\n${stdout}${stderr}`);
  }
  if (said.exitCode !== code) {
    throw new Error(`${task} exited with ${code}, but reported ${said.exitCode}.`);
  }
  return said as Report;
}

function parsed(text: string): Partial<Report> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
