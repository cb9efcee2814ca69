/** The namespace and the name of a Service. */
export interface ServiceName {
  /** The namespace. */
  readonly namespace: string;
  /** The name. */
  readonly name: string;
}

/**
 * Returns the Service of a host name in the cluster's DNS, or undefined for any other host name.
 *
 * @param host for example `pgbouncer.robson.svc.cluster.local`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { serviceOfHost } from "./service_host.ts";
 * assertEquals(serviceOfHost("pgbouncer.robson.svc.cluster.local"), {
 *   name: "pgbouncer",
 *   namespace: "robson",
 * });
 * assertEquals(serviceOfHost("db.example.com"), undefined);
 * ```
 */
export function serviceOfHost(host: string): ServiceName | undefined {
  const [, name, namespace] = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.[a-z0-9.-]+)?$/.exec(host) ?? [];
  return name === undefined || namespace === undefined ? undefined : { name, namespace };
}
