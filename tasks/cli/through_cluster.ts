import type { Absent } from "../../checks/runner.ts";
import { forwardToService } from "../../pipeline/cluster/port_forward.ts";
import type { ClusterConfig } from "../../pipeline/cluster/locate_kubeconfig.ts";
import { serviceOfHost } from "../../pipeline/cluster/service_host.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import { advisePortForward } from "./port_forward_advice.ts";

/** Options for connecting to a database. */
export interface Way {
  /** The cluster that the database can be in. */
  readonly cluster: ClusterConfig | Absent;
  /** Whether to forward a local port if the database's host name is internal to the cluster. */
  readonly portForward: boolean;
}

/**
 * Runs `use` with a database, through a port forward if the host name is internal to the cluster.
 *
 * @throws {Failure} the failure of `use` or of the port forward. Without `--port-forward`, the
 *   remedy names that flag
 */
export async function throughCluster<T>(
  { cluster, portForward }: Way,
  config: DatabaseConfig,
  signal: AbortSignal | undefined,
  use: (config: DatabaseConfig) => Promise<T>,
): Promise<T> {
  const service = serviceOfHost(config.host);
  if (service === undefined) return await use(config);
  if (!portForward) return await use(advisePortForward(config));
  if ("absent" in cluster) {
    const remedy = "Choose a cluster with --kubeconfig, or leave out --port-forward.";
    throw new Failure({
      kind: "configuration",
      task: "forward a port",
      problem: cluster.absent,
      remedy,
    });
  }
  const { openCluster } = await import("../../pipeline/cluster/open.ts");
  const opened = await openCluster(cluster);
  try {
    const forward = await forwardToService(opened, service, config.port, { signal });
    try {
      return await use({ ...config, host: "127.0.0.1", port: forward.port });
    } catch (error) {
      // The local side only sees that the connection was closed.
      throw forward.problem() ?? error;
    } finally {
      await forward.close();
    }
  } finally {
    opened.close();
  }
}
