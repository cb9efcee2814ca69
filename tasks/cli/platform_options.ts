import type { ClusterConfig, ClusterFlags } from "../../pipeline/cluster/locate_kubeconfig.ts";
import { clusterConfig } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";

// The flags that choose the cluster and the manifests.

/** The flags that choose a cluster. */
export const CLUSTER_FLAGS = ["kubeconfig", "context", "namespace"] as const;

/** Reads the flags that choose a cluster. */
export function clusterFlags(flags: Flags): ClusterFlags {
  return Object.fromEntries(CLUSTER_FLAGS.map((name) => [name, flags.value(name)]));
}

/**
 * Returns the cluster that the flags or the environment choose.
 *
 * @param task what needs the cluster, as in "apply the manifests"
 * @throws {Failure} configuration: they choose no cluster
 */
export function requiredCluster(flags: Flags, task: string): ClusterConfig {
  const cluster = clusterConfig(clusterFlags(flags));
  if (!("absent" in cluster)) return cluster;
  throw new Failure({
    kind: "configuration",
    task,
    problem: cluster.absent,
    remedy: "Choose a cluster with --kubeconfig.",
  });
}

/** The lines of a `--help` about these flags. */
export const CLUSTER_FLAGS_HELP = `
  --kubeconfig FILE      instead of KUBECONFIG or ~/.kube/config
  --context NAME         instead of the current context
  --namespace NAME       the namespace of objects that do not set one`.slice(1);

/**
 * Returns the directory of the manifests: `--manifests`, which can be `-` for the standard input, or
 * `manifests/`.
 *
 * @returns undefined if there is no `--manifests` and no `manifests/`
 * @throws {Failure} configuration: `--manifests` is not a directory
 */
export async function manifestsDirectory(flags: Flags): Promise<string | undefined> {
  const named = flags.value("manifests");
  if (named === "-") return named;
  const path = named ?? "manifests";
  const found = await Deno.stat(path).catch(() => undefined);
  if (found?.isDirectory) return path;
  if (named === undefined) return undefined;
  throw new Failure({
    kind: "configuration",
    task: `use --manifests ${JSON.stringify(named)}`,
    problem: found === undefined ? "there is no such directory" : "it is a file",
    remedy: found === undefined
      ? "Use the directory with the Kubernetes manifests."
      : "Use its directory, or send the file to the standard input: --manifests - < FILE",
  });
}
