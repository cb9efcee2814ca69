import { type ClusterFact, type ClusterOpened, gatherCluster } from "../../checks/facts/cluster.ts";
import { type DatabaseFact, gatherDatabase } from "../../checks/facts/database.ts";
import { gatherImages, type ImageFact } from "../../checks/facts/image.ts";
import { gatherLake, type LakeFact } from "../../checks/facts/lake.ts";
import { gatherManifests, type ManifestsFact } from "../../checks/facts/manifests.ts";
import { isRefusal, type Refusal, refusal } from "../../checks/facts/refusal.ts";
import { imagesOf, requestsFor } from "../../checks/preflight/image/image_uses.ts";
import { dataOf } from "../../checks/kubernetes/workloads.ts";
import { poolPlatform } from "../../checks/preflight/capacity/analytics_nodes.ts";
import { platformOf } from "../../checks/preflight/platform.ts";
import type { Absent, Gatherer, Gatherers } from "../../checks/runner.ts";
import { ofKind } from "../../checks/kubernetes/objects.ts";
import { treeOf } from "../../checks/facts/tree.ts";
import {
  databaseOfSecret,
  lakeOfSecret,
  type SecretTexts,
} from "../../pipeline/cluster/job_secrets.ts";
import { openCluster } from "../../pipeline/cluster/open.ts";
import type { ClusterConfig } from "../../pipeline/cluster/locate_kubeconfig.ts";
import {
  cacheFolder,
  type DatabaseConfig,
  databaseConfig,
  isDirectoryLake,
  lakeConfig,
  sealGrace,
  unsetForDatabase,
  unsetForLake,
} from "../../pipeline/config.ts";
import { DATABASE_SECRET, JOBS_NAMESPACE, LAKE_SECRET } from "../../pipeline/contract/platform.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { FactChoice } from "./before.ts";
import { ownLogins, readCertificates } from "./registry_files.ts";
import { throughCluster } from "./through_cluster.ts";

/** Where the facts before a run are from. */
export interface Sources {
  /** The facts that are wanted. */
  readonly chosen: ReadonlySet<FactChoice>;
  /** The directory of the manifests, where there is one. */
  readonly manifests: string | undefined;
  /** How to open the cluster, or why it cannot be. */
  readonly cluster: ClusterConfig | Absent;
  /** Whose credentials open the database and the lake. */
  readonly credentials: "environment" | "cluster";
  /** Whether the database is reached by way of the cluster. */
  readonly portForward: boolean;
  /** The archive of an image that stands in for registries. */
  readonly archive: string | undefined;
  /** A file of certificates that registries may be signed by. */
  readonly registryCa: string | undefined;
}

/** What other facts are made from too. */
interface Platforms {
  readonly manifests: Gatherer<ManifestsFact> | Absent;
  readonly cluster: Gatherer<ClusterFact> | Absent;
}

/** How the chosen facts are gathered, and why the others are not. */
export function gatherersBefore(sources: Sources): Gatherers {
  const { chosen } = sources;
  const manifests = manifestsOf(sources);
  const cluster = clusterOf(sources, manifests);
  const fact = <T>(name: FactChoice, gatherer: Gatherer<T> | Absent) =>
    chosen.has(name) ? gatherer : leftOut(name, chosen);
  return {
    manifests: fact("manifests", manifests),
    cluster: fact("cluster", cluster),
    image: fact("image", imageOf(sources, { manifests, cluster })),
    database: fact("database", databaseOf(sources, { manifests, cluster })),
    lake: fact("lake", lakeOf(sources, { manifests, cluster })),
  };
}

/**
 * The permissions that no chosen fact is gathered with.
 *
 * @param writesLake whether the lake is in a directory, in which preflight tries writing
 */
export function unneededPermissions(
  sources: Sources,
  writesLake: boolean = isDirectoryLake(),
): Deno.PermissionName[] {
  const { chosen, cluster, credentials, portForward } = sources;
  const asksCluster = !("absent" in cluster) &&
    (chosen.has("cluster") || credentials === "cluster" || portForward);
  const isNeeded = {
    net: asksCluster || chosen.has("image") || chosen.has("database") || chosen.has("lake"),
    run: asksCluster, // a kubeconfig can name a program that logs in
    write: chosen.has("image") || (chosen.has("lake") && writesLake),
  };
  return (["net", "run", "write"] as const).filter((name) => !isNeeded[name]);
}

function manifestsOf({ manifests }: Sources): Gatherer<ManifestsFact> | Absent {
  if (manifests === undefined) {
    return { absent: "there is no directory manifests/ (see --manifests)" };
  }
  return shared((signal) => gatherManifests(manifests, signal));
}

function clusterOf(
  { cluster, chosen }: Sources,
  manifests: Gatherer<ManifestsFact> | Absent,
): Gatherer<ClusterFact> | Absent {
  if ("absent" in cluster) return cluster;
  return shared(async (signal) => {
    const { objects } = typeof manifests === "function" && chosen.has("manifests")
      ? await manifests(signal)
      : { objects: [] };
    return await gatherCluster(() => openCluster(cluster), objects, signal);
  });
}

/**
 * The images that jobs run, by manifests and cluster, are looked into as the cluster's nodes would pull
 * them. Without a cluster their login is unknown, and the operator's own one has to do.
 */
function imageOf(
  sources: Sources,
  { manifests, cluster }: Platforms,
): Gatherer<ImageFact> | Absent {
  const { chosen, archive, registryCa } = sources;
  const withCluster = typeof cluster === "function" && chosen.has("cluster");
  const withManifests = typeof manifests === "function" &&
    (chosen.has("manifests") || !chosen.has("cluster"));
  if (!withCluster && !withManifests && archive === undefined) {
    return { absent: "there are neither manifests nor a cluster to say which images jobs run" };
  }
  return async (signal) => {
    const [files, opened] = await Promise.all([
      withManifests ? manifests(signal) : undefined,
      withCluster ? openedOf(cluster, signal) : undefined,
    ]);
    const platform = opened === undefined ? files : platformOf(files, opened);
    const uses = platform === undefined ? [] : imagesOf(treeOf(platform));
    const own = opened === undefined ? await ownLogins() : [];
    const architecture = opened && poolPlatform(opened.objects);
    return await gatherImages(requestsFor(uses, own), {
      ...(architecture === undefined ? {} : { platform: architecture }),
      ...(archive === undefined ? {} : { archive }),
      caCertificates: registryCa === undefined ? [] : [await readCertificates(registryCa)],
      cache: cacheFolder(),
      signal,
    });
  };
}

function databaseOf(sources: Sources, { cluster }: Platforms): Gatherer<DatabaseFact> | Absent {
  const look = (config: DatabaseConfig, signal: AbortSignal) =>
    throughCluster(
      sources,
      config,
      signal,
      (reached) => gatherDatabase(reached, sealGrace(), signal),
    );
  if (sources.credentials === "cluster") {
    return bySecret(
      cluster,
      DATABASE_SECRET,
      (texts, signal) => look(databaseOfSecret(texts), signal),
    );
  }
  return unlessUnset(unsetForDatabase(), () => {
    const config = databaseConfig();
    sealGrace();
    return (signal) => look(config, signal);
  });
}

function lakeOf({ credentials }: Sources, { cluster }: Platforms): Gatherer<LakeFact> | Absent {
  if (credentials === "cluster") {
    return bySecret(
      cluster,
      LAKE_SECRET,
      (texts, signal) => gatherLake(lakeOfSecret(texts), signal),
    );
  }
  return unlessUnset(unsetForLake(), () => {
    const config = lakeConfig();
    return (signal) => gatherLake(config, signal);
  });
}

/** Logs in with what a Secret of the cluster says, so that the Secret itself is proven. */
function bySecret<T>(
  cluster: Gatherer<ClusterFact> | Absent,
  name: string,
  look: (texts: SecretTexts | undefined, signal: AbortSignal) => Promise<T>,
): Gatherer<T | Refusal> | Absent {
  if (typeof cluster !== "function") return { absent: `--credentials cluster: ${cluster.absent}` };
  return async (signal) => {
    const { objects, unread } = await openedOf(cluster, signal);
    const forbidden = unread.find(({ kind }) => kind === "Secret");
    if (forbidden !== undefined) {
      const { task, problem, remedy } = forbidden.failure;
      throw new Failure({ kind: "unreachable", task, problem, remedy, cause: forbidden.failure });
    }
    const secret = ofKind(objects, "Secret", JOBS_NAMESPACE).find((each) => each.name === name);
    try {
      return await look(secret && dataOf(secret.value), signal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return refusal(`Secret ${JOBS_NAMESPACE}/${name}`, error);
    }
  };
}

/** A cluster that refuses the login is no source of anything else. */
async function openedOf(
  cluster: Gatherer<ClusterFact>,
  signal: AbortSignal,
): Promise<ClusterOpened> {
  const fact = await cluster(signal);
  if (fact.opened) return fact;
  const { task, problem, remedy } = fact.failure;
  throw new Failure({ kind: "unreachable", task, problem, remedy, cause: fact.failure });
}

/** Facts that are made from one another have the first one gathered once. */
function shared<T>(gatherer: Gatherer<T>): Gatherer<T> {
  let once: Promise<T> | undefined;
  return (signal) => once ??= gatherer(signal);
}

function leftOut(name: FactChoice, chosen: ReadonlySet<FactChoice>): Absent {
  return { absent: `--facts ${[...chosen].join(",")} leaves out ${name}`, asked: true };
}

/**
 * A variable that is not set is no fact at all. One that cannot be used is: it is what a run would
 * stumble over, and no reason to say nothing of all the rest.
 */
function unlessUnset<T>(
  unset: readonly string[],
  gatherer: () => Gatherer<T | Refusal>,
): Gatherer<T | Refusal> | Absent {
  if (unset.length > 0) {
    return { absent: `${unset.join(" and ")} ${unset.length === 1 ? "is" : "are"} not set` };
  }
  try {
    return gatherer();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return () => Promise.resolve(refusal("the environment", error));
  }
}
