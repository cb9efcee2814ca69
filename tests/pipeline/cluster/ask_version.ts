import { openCluster } from "../../../pipeline/cluster/open.ts";
import { clusterConfig } from "../../../pipeline/config.ts";

// Asks the cluster of KUBECONFIG for its version, with whatever permissions it is given.

const config = clusterConfig({});
if ("absent" in config) throw new Error(config.absent);
const cluster = await openCluster(config);
console.log(await cluster.version().catch((error) => (error as Error).message));
cluster.close();
