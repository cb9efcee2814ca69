import type { Absent } from "../../checks/runner.ts";
import { openCluster } from "../../pipeline/cluster/open.ts";
import { forwardToService, serviceOfHost } from "../../pipeline/cluster/port_forward.ts";
import type { ClusterConfig } from "../../pipeline/cluster/locate_kubeconfig.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";

/** The way to a database. */
export interface Way {
  /** The cluster that it may be in. */
  readonly cluster: ClusterConfig | Absent;
  /** Whether a port of this machine is led to it, where its name is one of the cluster's own. */
  readonly portForward: boolean;
}

/**
 * Uses a database whose name may be one that only the cluster knows.
 *
 * @throws {Failure} what `use` throws, with the way that there is; or that the way leads nowhere
 */
export async function throughCluster<T>(
  { cluster, portForward }: Way,
  config: DatabaseConfig,
  signal: AbortSignal | undefined,
  use: (config: DatabaseConfig) => Promise<T>,
): Promise<T> {
  const service = serviceOfHost(config.host);
  if (service === undefined) return await use(config);
  if (!portForward) return await use(config).catch((error) => Promise.reject(withWay(error)));
  if ("absent" in cluster) {
    const remedy = "Give --kubeconfig, or leave out --port-forward.";
    throw new Failure({
      kind: "configuration",
      task: "forward a port",
      problem: cluster.absent,
      remedy,
    });
  }
  const opened = await openCluster(cluster);
  try {
    const forward = await forwardToService(opened, service, config.port, { signal });
    try {
      return await use({ ...config, host: "127.0.0.1", port: forward.port });
    } catch (error) {
      // On this side it is only a connection that was cut.
      throw forward.problem() ?? error;
    } finally {
      await forward.close();
    }
  } finally {
    opened.close();
  }
}

function withWay(error: unknown): unknown {
  if (!(error instanceof Failure) || error.kind !== "unreachable") return error;
  const { kind, task, problem } = error;
  const remedy = `${error.remedy} From outside of the cluster, add --port-forward.`;
  return new Failure({ kind, task, problem, remedy, cause: error });
}
