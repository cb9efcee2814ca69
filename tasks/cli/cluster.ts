import type { ClusterFlags } from "../../pipeline/cluster/locate_kubeconfig.ts";
import type { Flags } from "./flags.ts";

/** The flags of a command that turns to a cluster. */
export const CLUSTER_FLAGS = ["kubeconfig", "context", "namespace"] as const;

/** What the operator says about the cluster. */
export function clusterFlags(flags: Flags): ClusterFlags {
  return Object.fromEntries(CLUSTER_FLAGS.map((name) => [name, flags.value(name)]));
}

/** The lines of a `--help` about these flags. */
export const CLUSTER_FLAGS_HELP = `
  --kubeconfig FILE      instead of KUBECONFIG or ~/.kube/config
  --context NAME         instead of its current context
  --namespace NAME       where objects go that name none`.slice(1);
