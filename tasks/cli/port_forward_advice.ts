import { serviceOfHost } from "../../pipeline/cluster/service_host.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";

/**
 * Adds the advice to forward a port to a database whose host is a Service of a cluster, for a command
 * with `--port-forward`.
 */
export function advisePortForward(config: DatabaseConfig): DatabaseConfig {
  if (serviceOfHost(config.host) === undefined) return config;
  return { ...config, advice: "From outside the cluster, add --port-forward." };
}
