import { Failure } from "../errors.ts";
import type { PortForward, RequestOptions } from "./cluster.ts";
import type { Connection } from "./connection.ts";

/** Leads a free port of 127.0.0.1 to a port of a pod. */
export async function forwardPort(
  _connection: Connection,
  namespace: string,
  pod: string,
  port: number,
  _options?: RequestOptions,
): Promise<PortForward> {
  throw await new Failure(
    "configuration",
    `Cannot forward ${namespace}/${pod}:${port}: not yet. .`,
  );
}
