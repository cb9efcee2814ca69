import { Failure } from "../errors.ts";
import type { RequestOptions } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { pathSegment } from "./discovery.ts";
import { linesOf } from "./lines.ts";
import { networkFailure, parseObject } from "./request_errors.ts";

/**
 * Yields the lines of a container's log until the container ends, or the connection drops.
 *
 * @throws {ApiError} the server refuses the request, or the container has not started
 * @throws {Failure} unreachable: the server does not answer
 */
export async function* readLog(
  connection: Connection,
  namespace: string,
  pod: string,
  container: string,
  { signal }: RequestOptions = {},
): AsyncGenerator<string> {
  const task = `read the log of Pod ${namespace}/${pod}`;
  const { access } = connection;
  const query = new URLSearchParams({ container, follow: "true" });
  const path = `/api/v1/namespaces/${pathSegment(namespace)}/pods/${pathSegment(pod)}/log?${query}`;
  const { response, login } = await connection.stream({ task, method: "GET", path, signal });
  const { status, headers, body } = response;
  if (!response.ok) {
    parseObject({ status, headers, text: await response.text(), login }, { task, access });
  }
  if (body === null) return;
  try {
    yield* linesOf(body);
  } catch (error) {
    const failure = networkFailure(error, task, access, signal);
    // The caller reads the log again, if the container has not ended.
    if (!(failure instanceof Failure)) throw failure;
  }
}
