import type { Facts } from "../../checks/check.ts";
import { type ClusterFact, gatherCluster } from "../../checks/facts/cluster.ts";
import { gatherDatabase } from "../../checks/facts/database.ts";
import { gatherLake } from "../../checks/facts/lake.ts";
import { gatherManifests, type ManifestsFact } from "../../checks/facts/manifests.ts";
import { isRefusal, type Refusal, refusal } from "../../checks/facts/refusal.ts";
import type { Absent, Gatherer, Gatherers } from "../../checks/runner.ts";
import type { ClusterConfig } from "../../pipeline/cluster/where.ts";
import { openCluster } from "../../pipeline/cluster/open.ts";
import {
  databaseConfig,
  lakeConfig,
  sealGrace,
  unsetForDatabase,
  unsetForLake,
} from "../../pipeline/config.ts";
import type { FactChoice } from "./before.ts";

/** Where the facts before a run are from. */
export interface Sources {
  /** The facts that are wanted. */
  readonly chosen: ReadonlySet<FactChoice>;
  /** The directory of the manifests, where there is one. */
  readonly manifests: string | undefined;
  /** How to open the cluster, or why it cannot be. */
  readonly cluster: ClusterConfig | Absent;
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
    database: fact("database", databaseOf()),
    lake: fact("lake", lakeOf()),
  };
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

function databaseOf(): Gatherer<Facts["database"]> | Absent {
  return unlessUnset(unsetForDatabase(), () => {
    const [config, grace] = [databaseConfig(), sealGrace()];
    return (signal) => gatherDatabase(config, grace, signal);
  });
}

function lakeOf(): Gatherer<Facts["lake"]> | Absent {
  return unlessUnset(unsetForLake(), () => {
    const config = lakeConfig();
    return (signal) => gatherLake(config, signal);
  });
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
