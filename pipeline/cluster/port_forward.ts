import { shell } from "../shell.ts";
import { Failure } from "../errors.ts";
import {
  ApiError,
  type Cluster,
  type KubeObject,
  type PortForward,
  type RequestOptions,
} from "./cluster.ts";
import type { Connection, Request } from "./connection.ts";
import { fieldsIn, listIn } from "./fields.ts";
import { pathSegment } from "./discovery.ts";
import { notAnApiServer, oneLine, parseObject } from "./request_errors.ts";
import type { ServiceName } from "./service_host.ts";
import { openWebSocket, type WebSocketConnection } from "./web_socket.ts";

/** The subprotocol: one channel for data, and one for errors. */
const PROTOCOL = "v4.channel.k8s.io";

/**
 * Forwards a free port of 127.0.0.1 to a port of a pod. Each local connection opens a separate
 * WebSocket. Without a local connection, nothing is sent to the pod.
 *
 * @param options the signal closes the port forward when it aborts
 * @throws {ApiError} the server refuses the request, or the pod does not exist
 * @throws {Failure} configuration: the cluster is behind a proxy; unreachable: the server does not
 *   answer
 */
export async function forwardPort(
  connection: Connection,
  namespace: string,
  pod: string,
  port: number,
  { signal }: RequestOptions = {},
): Promise<PortForward> {
  const task = `forward port ${port} of Pod ${namespace}/${pod}`;
  const path = `/api/v1/namespaces/${pathSegment(namespace)}/pods/${pathSegment(pod)}` +
    `/portforward?ports=${port}`;
  await requireForwarding(connection, { task, path, method: "GET", signal });
  const closing = new AbortController();
  const ended = AbortSignal.any([closing.signal, connection.closed, ...(signal ? [signal] : [])]);
  ended.throwIfAborted();
  let problem: Failure | undefined;
  const onError = (message: string) => problem = brokenForward(task, message);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  ended.addEventListener("abort", () => listener.close());
  const tunnels = new Set<Promise<void>>();
  const accepting = (async () => {
    for await (const local of listener) {
      const tunnel = openTunnel(local, () => dial(connection, path, ended), onError);
      tunnels.add(tunnel);
      tunnel.finally(() => tunnels.delete(tunnel));
    }
  })().catch(() => {}); // closing the listener ends the loop with an error
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

/** Connects a local connection to the pod, and closes both at the end. Never rejects. */
async function openTunnel(
  local: Deno.Conn,
  dial: () => Promise<WebSocketConnection>,
  onError: (message: string) => void,
): Promise<void> {
  try {
    await tunnel(local, await dial(), onError);
  } catch (error) {
    onError((error as Error).message);
    local.close();
  }
}

async function dial({ access, session }: Connection, path: string, signal: AbortSignal) {
  const { headers, ca, cert, key } = await session(signal);
  const url = new URL(access.server + path);
  return await openWebSocket({ url, headers, ca, cert, key, protocol: PROTOCOL }, signal);
}

/** Checks that the server allows the port forward: sends the same request without the WebSocket. */
async function requireForwarding(connection: Connection, request: Request): Promise<void> {
  const { access } = connection;
  const { task } = request;
  if (access.cluster["proxy-url"] !== undefined) {
    throw new Failure({
      kind: "configuration",
      task,
      problem: "the API server is behind a proxy",
      remedy:
        "Run kubectl port-forward yourself, and set the database's host and port to its output.",
    });
  }
  const answer = await connection.send(request);
  if (answer.status === 400 && answer.text.includes("Upgrade request required")) return;
  const answered = { task, access };
  try {
    parseObject(answer, answered);
  } catch (error) {
    throw error instanceof ApiError && error.status === 403 ? forbiddenForward(error) : error;
  }
  throw notAnApiServer(answer, answered);
}

/**
 * Returns the failure for a missing permission. The server's message does not name the permission.
 */
function forbiddenForward(error: ApiError): ApiError {
  return new ApiError({
    kind: "configuration",
    task: error.task,
    problem: "the user may not create pods/portforward",
    remedy: "Ask an administrator to allow it, or choose another --context.",
  }, error);
}

function brokenForward(task: string, message: string): Failure {
  return new Failure({
    kind: "unreachable",
    task,
    problem: oneLine(message),
    remedy: "Check that the pod is running and listens on that port.",
  });
}

/** The channels of a port forward. The first byte of each message is the channel. */
const DATA = 0;
const ERRORS = 1;
/** The number of bytes at the start of each channel that contain the port number. */
const PREAMBLE = 2;
/**
 * Milliseconds without data after which a connection is closed if the local side has sent
 * everything. The protocol has no message for the end of the data, so the pod may wait forever.
 */
const CLOSE_AFTER_MS = 10_000;

/**
 * Copies bytes in both directions until one side closes, and then closes both sides. Each direction
 * reads only as fast as the other side accepts data.
 *
 * @param onError receives the error messages of the pod's node
 */
export async function tunnel(
  local: Deno.Conn,
  pod: WebSocketConnection,
  onError: (message: string) => void,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let hasEnded = false;
  const linger = () => {
    clearTimeout(timer);
    if (hasEnded) timer = setTimeout(pod.close, CLOSE_AFTER_MS);
  };
  const sent = upload(local, pod).then(() => hasEnded = true).then(linger, pod.close);
  try {
    await download(pod, local, onError, linger);
  } catch {
    // A broken connection has no error message. The other side sees that the connection is closed.
  } finally {
    hasEnded = false;
    pod.close();
    local.close();
    await sent;
    clearTimeout(timer);
  }
}

async function upload(local: Deno.Conn, pod: WebSocketConnection): Promise<void> {
  const buffer = new Uint8Array(1 + 32 * 1024);
  buffer[0] = DATA;
  for (;;) {
    const length = await local.read(buffer.subarray(1));
    if (length === null) return;
    await pod.send(buffer.subarray(0, 1 + length));
  }
}

async function download(
  pod: WebSocketConnection,
  local: Deno.Conn,
  onError: (message: string) => void,
  onMessage: () => void,
): Promise<void> {
  const skipped = new Map<number, number>([[DATA, 0], [ERRORS, 0]]);
  for (;;) {
    const message = await pod.receive();
    if (message === undefined) return;
    onMessage();
    const channel = message[0] ?? NaN;
    const before = skipped.get(channel);
    if (before === undefined) continue;
    const skip = Math.min(PREAMBLE - before, message.length - 1);
    skipped.set(channel, before + skip);
    const bytes = message.subarray(1 + skip);
    if (bytes.length === 0) continue;
    if (channel === ERRORS) onError(new TextDecoder().decode(bytes));
    else for (let at = 0; at < bytes.length;) at += await local.write(bytes.subarray(at));
  }
}

/**
 * Forwards a free port of 127.0.0.1 to one of a Service's ready pods.
 *
 * @param port the Service's port, which can differ from the pod's
 * @throws {Failure} unreachable: the Service or the port does not exist, or no pod is ready
 */
export async function forwardToService(
  cluster: Cluster,
  { name, namespace }: ServiceName,
  port: number,
  options: RequestOptions = {},
): Promise<PortForward> {
  const failure = (problem: string, remedy: string) =>
    new Failure({
      kind: "unreachable",
      task: `forward a port to Service ${namespace}/${name}`,
      problem,
      remedy,
    });
  const [service, pods] = await Promise.all([
    cluster.get({ apiVersion: "v1", kind: "Service" }, name, namespace, options),
    cluster.list({ apiVersion: "v1", kind: "Pod" }, namespace, options),
  ]);
  if (service === undefined) {
    throw failure("it does not exist", shell`Check with: kubectl -n ${namespace} get services`);
  }
  const { selector, ports } = fieldsIn(service.spec);
  const labels = Object.entries(fieldsIn(selector));
  const pod = pods.find((each) => labels.length > 0 && isReady(each) && hasLabels(each, labels));
  if (pod === undefined) {
    throw failure(
      "no pod of the Service is ready",
      shell`Check with: kubectl -n ${namespace} get pods`,
    );
  }
  const mapping = listIn(ports).find((each) => each.port === port);
  const target = mapping && targetPort(pod, mapping.targetPort ?? port);
  if (target === undefined) {
    const remedy = shell`Check with: kubectl -n ${namespace} describe service ${name}`;
    throw failure(`it has no port ${port}`, remedy);
  }
  return await cluster.forward(namespace, pod.metadata.name, target, options);
}

function hasLabels({ metadata }: KubeObject, wanted: readonly [string, unknown][]): boolean {
  const labels = fieldsIn(metadata.labels);
  return wanted.every(([key, value]) => labels[key] === value);
}

function isReady({ status }: KubeObject): boolean {
  const conditions = listIn(fieldsIn(status).conditions);
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** Resolves the `targetPort` of a Service, which can be the name of a container port. */
function targetPort({ spec }: KubeObject, target: unknown): number | undefined {
  if (typeof target === "number") return target;
  const ports = listIn(fieldsIn(spec).containers).flatMap((each) => listIn(each.ports));
  const number = ports.find(({ name }) => name === target)?.containerPort;
  return typeof number === "number" ? number : undefined;
}
