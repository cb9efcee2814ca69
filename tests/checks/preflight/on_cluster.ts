import { type ClusterOpened, gatherCluster } from "../../../checks/facts/cluster.ts";
import type { ManifestsFact } from "../../../checks/facts/manifests.ts";
import { openCluster } from "../../../pipeline/cluster/open.ts";
import { assert } from "../../support/assert.ts";
import { type Access, kubeconfig } from "../../cluster/kubeconfig.ts";

/** The facts about manifests and a cluster, as preflight gathers them. */
export interface Gathered {
  readonly manifests: ManifestsFact;
  readonly cluster: ClusterOpened;
}

/** Gathers the facts about manifests and a cluster, as one of the users of the cluster. */
export async function gatherOn(access: Access, manifests: ManifestsFact): Promise<Gathered> {
  const file = await Deno.makeTempFile({ suffix: ".kubeconfig" });
  try {
    await Deno.writeTextFile(file, kubeconfig(access), { mode: 0o600 });
    const open = () => openCluster({ kind: "kubeconfig", files: [file], by: "--kubeconfig" });
    const cluster = await gatherCluster(open, manifests.objects);
    assert(cluster.opened, JSON.stringify(cluster));
    return { manifests, cluster };
  } finally {
    await Deno.remove(file);
  }
}
