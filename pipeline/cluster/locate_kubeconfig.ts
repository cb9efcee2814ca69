import { join } from "node:path";
import type { Environment } from "../config/environment.ts";
import { Failure } from "../errors.ts";

/** What an operator says about the cluster on the command line. */
export interface ClusterFlags {
  /** `--kubeconfig`: the file that counts instead of all others. */
  readonly kubeconfig?: string | undefined;
  /** `--context`: the context that counts instead of the current one. */
  readonly context?: string | undefined;
  /** `--namespace`: the namespace that counts instead of the context's. */
  readonly namespace?: string | undefined;
}

/** Where kubeconfigs are, and what counts in them. */
export interface KubeconfigFiles {
  /** Tells it from a pod's own login. */
  readonly kind: "kubeconfig";
  /** Paths, of which some may not be there; what comes first counts more. */
  readonly files: readonly string[];
  /** Who names the files, for people: `KUBECONFIG`. */
  readonly by: string;
  /** The context, if not the current one. */
  readonly context?: string | undefined;
  /** The namespace, if not the context's. */
  readonly namespace?: string | undefined;
}

/** The login that a pod has by its service account. */
export interface InCluster {
  /** Tells it from kubeconfigs. */
  readonly kind: "in-cluster";
  /** The API server's address. */
  readonly server: string;
  /** The directory with `token`, `ca.crt` and `namespace`. */
  readonly serviceAccount: string;
  /** The namespace, if not the pod's own. */
  readonly namespace?: string | undefined;
}

/** Where a cluster is looked for. */
export type ClusterConfig = KubeconfigFiles | InCluster;

/** Nothing leads to a cluster. */
export interface NoCluster {
  /** Why, as in `there is no kubeconfig (KUBECONFIG is not set)`. */
  readonly absent: string;
}

/** Where a pod finds what its service account logs in with. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Looks for a cluster as kubectl does: `--kubeconfig`, else the files of `KUBECONFIG`, else
 * `~/.kube/config`, else, in a pod, its own cluster.
 *
 * @param serviceAccount the directory of a pod's service account
 * @throws {Failure} configuration: there is a `--context` and no kubeconfig
 */
export function findCluster(
  flags: ClusterFlags,
  env: Environment,
  serviceAccount = SERVICE_ACCOUNT,
): ClusterConfig | NoCluster {
  const { kubeconfig, context, namespace } = flags;
  const listed = (env.get("KUBECONFIG") ?? "").split(":").filter((path) => path !== "");
  const home = env.get("HOME");
  const own = home ? join(home, ".kube", "config") : undefined;
  const files = (paths: readonly string[], by: string): KubeconfigFiles => (
    { kind: "kubeconfig", files: [...new Set(paths)], by, context, namespace }
  );
  if (kubeconfig !== undefined) return files([kubeconfig], "--kubeconfig");
  if (listed.length > 0) return files(listed, "KUBECONFIG");
  if (own !== undefined && exists(own)) return files([own], "~/.kube/config");
  const missing = `there is no kubeconfig (KUBECONFIG is not set, and ${
    own === undefined ? "neither is HOME" : "~/.kube/config is not there"
  })`;
  if (context !== undefined) {
    const remedy = "Set KUBECONFIG, or give --kubeconfig.";
    throw new Failure({
      kind: "configuration",
      task: `use --context ${context}`,
      problem: missing,
      remedy,
    });
  }
  const host = env.get("KUBERNETES_SERVICE_HOST");
  const port = env.get("KUBERNETES_SERVICE_PORT");
  if (!host || !port || !exists(join(serviceAccount, "token"))) return { absent: missing };
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { kind: "in-cluster", server, serviceAccount, namespace };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
