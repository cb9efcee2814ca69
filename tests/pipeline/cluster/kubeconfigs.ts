import { stringify } from "yaml";
import type { Cluster } from "../../../pipeline/cluster/cluster.ts";
import { openCluster, type OpenOptions } from "../../../pipeline/cluster/open.ts";
import { clusterConfig } from "../../../pipeline/config.ts";

/** A cluster and its kubeconfig. The end of the block closes the cluster and removes the file. */
export interface Opened extends AsyncDisposable {
  readonly cluster: Cluster;
  /** The kubeconfig's path. */
  readonly file: string;
}

/** The fields of the only cluster and the only user of a kubeconfig. */
export interface Said {
  readonly cluster: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

/** Returns a kubeconfig with the context `suite` for the user `someone`. */
export function kubeconfigText({ cluster, user = {} }: Said): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "suite", cluster }],
    users: [{ name: "someone", user }],
    contexts: [{ name: "suite", context: { cluster: "suite", user: "someone" } }],
    "current-context": "suite",
  }, { lineWidth: 0 });
}

/** Opens the cluster of a kubeconfig. */
export async function open(text: string, options?: OpenOptions): Promise<Opened> {
  const file = await Deno.makeTempFile({ prefix: "kubeconfig-" });
  await Deno.writeTextFile(file, text);
  const config = clusterConfig({ kubeconfig: file });
  if ("absent" in config) throw new Error(config.absent);
  const cluster = await openCluster(config, options);
  return {
    cluster,
    file,
    async [Symbol.asyncDispose]() {
      cluster.close();
      await Deno.remove(file);
    },
  };
}

/** Opens the cluster of a kubeconfig with one context. */
export function openSaid(said: Said, options?: OpenOptions): Promise<Opened> {
  return open(kubeconfigText(said), options);
}
