import { Failure } from "../errors.ts";
import { ApiError, type PortForward, type RequestOptions } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { pathSegment } from "./discovery.ts";
import { objectIn, sentence, stranger } from "./refusal.ts";
import { tunnel } from "./tunnel.ts";
import { openWebSocket, type WebSocketConnection } from "./web_socket.ts";

/** What an API server passes on to a pod's node: a channel for data, and one for errors. */
const PROTOCOL = "v4.channel.k8s.io";

/**
 * Leads a free port of 127.0.0.1 to a port of a pod. Each connection has a WebSocket of its own, and the
 * pod hears of none before somebody connects.
 *
 * @param options its signal ends the whole of it, whenever it aborts
 * @throws {ApiError} the server refuses, or there is no such pod
 * @throws {Failure} configuration: it cannot be done this way; unreachable: no answer
 */
export async function forwardPort(
  connection: Connection,
  namespace: string,
  pod: string,
  port: number,
  { signal }: RequestOptions = {},
): Promise<PortForward> {
  const what = `forward port ${port} of Pod ${namespace}/${pod}`;
  const path = `/api/v1/namespaces/${pathSegment(namespace)}/pods/${pathSegment(pod)}` +
    `/portforward?ports=${port}`;
  await mustBePossible(connection, { what, path, method: "GET", signal });
  const closing = new AbortController();
  const ended = AbortSignal.any([closing.signal, connection.closed, ...(signal ? [signal] : [])]);
  ended.throwIfAborted();
  let problem: Failure | undefined;
  const tell = (says: string) => problem = broken(what, says);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  ended.addEventListener("abort", () => listener.close());
  const tunnels = new Set<Promise<void>>();
  const accepting = (async () => {
    for await (const local of listener) {
      const one = lead(local, () => dial(connection, path, ended), tell);
      tunnels.add(one);
      one.finally(() => tunnels.delete(one));
    }
  })().catch(() => {}); // the listener ends with an error when it is closed
  return {
    port: listener.addr.port,
    problem: () => problem,
    async close() {
      closing.abort();
      await accepting;
      await Promise.all(tunnels);
    },
  };
}

/** Leads one connection to the pod, and closes it in the end. Never rejects. */
async function lead(
  local: Deno.Conn,
  dial: () => Promise<WebSocketConnection>,
  tell: (says: string) => void,
): Promise<void> {
  try {
    await tunnel(local, await dial(), tell);
  } catch (error) {
    tell((error as Error).message);
    local.close();
  }
}

async function dial({ access, session }: Connection, path: string, signal: AbortSignal) {
  const { headers, ca, cert, key } = await session(signal);
  const url = new URL(access.server + path);
  return await openWebSocket({ url, headers, ca, cert, key, protocol: PROTOCOL }, signal);
}

/** Asks the server whether it would forward, without the upgrade to a WebSocket that begins it. */
async function mustBePossible(
  connection: Connection,
  request: Parameters<Connection["send"]>[0],
): Promise<void> {
  const { access } = connection;
  const { what } = request;
  if (access.cluster["proxy-url"] !== undefined) {
    throw new Failure({
      kind: "configuration",
      task: what,
      problem: "the way to the API server leads through a proxy",
      remedy: "Run kubectl port-forward yourself, and set the host and port that it says.",
    });
  }
  const answer = await connection.send(request);
  if (answer.status === 400 && answer.text.includes("Upgrade request required")) return;
  const asked = { what, access };
  try {
    objectIn(answer, asked);
  } catch (error) {
    // The server does not say which right is missing.
    throw error instanceof ApiError && error.status === 403 ? forbidden(error, what) : error;
  }
  throw stranger(answer, asked);
}

function forbidden(error: ApiError, what: string): ApiError {
  const problem = "the user may not create pods/portforward";
  const remedy = "Have an administrator allow it, or choose another --context.";
  return new ApiError({ kind: "configuration", task: what, problem, remedy }, error);
}

function broken(what: string, says: string): Failure {
  const remedy = "Look whether the pod is running and listens on that port.";
  return new Failure({
    kind: "unreachable",
    task: what,
    problem: sentence(says),
    remedy,
  });
}
