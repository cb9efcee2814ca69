import { openCluster } from "../../../pipeline/cluster/open.ts";
import { clusterConfig } from "../../../pipeline/config.ts";

// Reads the version of the cluster in KUBECONFIG. The caller chooses the Deno permissions.

const config = clusterConfig({});
if ("absent" in config) throw new Error(config.absent);
const cluster = await openCluster(config);
console.log(await cluster.version().catch((error) => (error as Error).message));
cluster.close();
