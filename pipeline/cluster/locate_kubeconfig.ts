import { type Environment, fileIn } from "../config/environment.ts";
import { Failure } from "../errors.ts";

/** The flags that choose a cluster. */
export interface ClusterFlags {
  /** `--kubeconfig`: the only kubeconfig to use. */
  readonly kubeconfig?: string | undefined;
  /** `--context`: the context to use instead of the current one. */
  readonly context?: string | undefined;
  /** `--namespace`: the namespace to use instead of the context's. */
  readonly namespace?: string | undefined;
}

/** Kubeconfigs, and the context and the namespace to use. */
export interface KubeconfigFiles {
  /** The discriminator of {@linkcode ClusterConfig}. */
  readonly kind: "kubeconfig";
  /** The paths, in order of precedence. Some files may be missing. */
  readonly files: readonly string[];
  /** The source of the paths for messages, for example `KUBECONFIG`. */
  readonly by: string;
  /** The context, if it is not the current one. */
  readonly context?: string | undefined;
  /** The namespace, if it is not the context's. */
  readonly namespace?: string | undefined;
}

/** The service account of the pod that this process runs in. */
export interface InCluster {
  /** The discriminator of {@linkcode ClusterConfig}. */
  readonly kind: "in-cluster";
  /** The API server's address. */
  readonly server: string;
  /** The directory with `token`, `ca.crt` and `namespace`. */
  readonly serviceAccount: string;
  /** The namespace, if it is not the pod's own. */
  readonly namespace?: string | undefined;
}

/** The configuration for finding the API server and the credentials. */
export type ClusterConfig = KubeconfigFiles | InCluster;

/** The result if no cluster is configured. */
export interface NoCluster {
  /** The reason, for example `there is no kubeconfig (KUBECONFIG is not set)`. */
  readonly absent: string;
}

/** The directory with the credentials of a pod's service account. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the cluster as kubectl does: from `--kubeconfig`, `KUBECONFIG` or `~/.kube/config`, or in a
 * pod from the service account.
 *
 * @param serviceAccount the directory with the credentials of a pod's service account
 * @throws {Failure} configuration: `--context` without a kubeconfig
 */
export function findCluster(
  flags: ClusterFlags,
  env: Environment,
  serviceAccount = SERVICE_ACCOUNT,
): ClusterConfig | NoCluster {
  const { kubeconfig, context, namespace } = flags;
  const listed = (env.get("KUBECONFIG") ?? "").split(":").filter((path) => path !== "");
  const home = env.get("HOME");
  const own = home ? fileIn(home, ".kube/config") : undefined;
  const files = (paths: readonly string[], by: string): KubeconfigFiles => (
    { kind: "kubeconfig", files: [...new Set(paths)], by, context, namespace }
  );
  if (kubeconfig !== undefined) return files([kubeconfig], "--kubeconfig");
  if (listed.length > 0) return files(listed, "KUBECONFIG");
  if (own !== undefined && exists(own)) return files([own], "~/.kube/config");
  const missing = `there is no kubeconfig (KUBECONFIG is not set, and ${
    own === undefined ? "neither is HOME" : "~/.kube/config does not exist"
  })`;
  if (context !== undefined) {
    throw new Failure({
      kind: "configuration",
      task: `use --context ${context}`,
      problem: missing,
      remedy: "Set KUBECONFIG, or use --kubeconfig.",
    });
  }
  const host = env.get("KUBERNETES_SERVICE_HOST");
  const port = env.get("KUBERNETES_SERVICE_PORT");
  if (!host || !port || !exists(fileIn(serviceAccount, "token"))) return { absent: missing };
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
