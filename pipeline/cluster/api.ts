import { Failure } from "../errors.ts";
import type {
  ApplyOptions,
  Cluster,
  Kind,
  KubeObject,
  RemoveOptions,
  RequestOptions,
} from "./cluster.ts";
import type { Answer, Connection, Request } from "./connection.ts";
import { discover, type Lookup, objectPath, type Resource, unknownKind } from "./discovery.ts";
import { isFields } from "./kubeconfig.ts";
import { listAll } from "./list.ts";
import { forwardPort } from "./port_forward.ts";
import { secretsOf } from "./redact.ts";
import { answersNotFound, type Asked, objectIn, stranger } from "./refusal.ts";

/** A server's API, as those see it who send requests. */
export interface Api {
  /** The way to it. */
  readonly connection: Connection;
  /** Which kinds it has. */
  readonly lookUp: Lookup;
  /** Where objects are that name no namespace. */
  readonly namespace: string;
  /** How many objects a page of a list has. */
  readonly pageSize: number;
}

/** Makes a cluster of a connection. */
export function clusterOf(
  connection: Connection,
  { namespace, pageSize }: { readonly namespace: string; readonly pageSize: number },
): Cluster {
  const api: Api = { connection, lookUp: discover(connection), namespace, pageSize };
  const { context, server } = connection.access;
  return {
    ...{ context, server, namespace },
    version: (options) => version(api, options),
    isNamespaced: async (kind, { signal } = {}) =>
      (await api.lookUp(kind, `look up the kind ${kind.kind}`, signal))?.namespaced,
    list: (...how) => list(api, ...how),
    get: (...how) => get(api, ...how),
    create: (object, options) => create(api, object, options),
    apply: (object, options) => apply(api, object, options),
    remove: (...how) => remove(api, ...how),
    forward: (...how) => forwardPort(connection, ...how),
    close: connection.close,
  };
}

/** Whose fields those are that are made or applied. */
const MANAGER = "deep-storage";

async function version({ connection }: Api, { signal }: RequestOptions = {}): Promise<string> {
  const request = { what: "ask for the version", method: "GET", path: "/version", signal };
  const answer = await connection.send(request);
  const asked = { what: request.what, access: connection.access };
  const { gitVersion } = objectIn(answer, asked);
  if (typeof gitVersion !== "string") throw stranger(answer, asked);
  return gitVersion;
}

async function list(
  api: Api,
  kind: Kind,
  namespace: string | undefined,
  { signal }: RequestOptions = {},
): Promise<KubeObject[]> {
  const where = namespace === undefined ? "" : ` in the namespace ${namespace}`;
  const what = `list ${kind.kind} objects${where}`;
  const path = objectPath(kind, await known(api, kind, what, signal), namespace);
  return await listAll(api.connection, { what, path, kind, signal }, api.pageSize);
}

async function get(
  api: Api,
  kind: Kind,
  name: string,
  namespace: string | undefined,
  { signal }: RequestOptions = {},
): Promise<KubeObject | undefined> {
  const { what, path } = await locate(api, "read", { kind, name, namespace }, signal);
  const answer = await api.connection.send({ what, method: "GET", path, signal });
  return answersNotFound(answer)
    ? undefined
    : objectOf(answer, { what, access: api.connection.access });
}

async function create(
  api: Api,
  object: object,
  { signal }: RequestOptions = {},
): Promise<KubeObject> {
  const { kind, namespace, name } = identify(object, "create");
  const what = `create ${kind.kind} ${name ?? ""}`.trim();
  const resource = await known(api, kind, what, signal);
  const query = new URLSearchParams({ fieldManager: MANAGER, fieldValidation: "Strict" });
  const path = `${objectPath(kind, resource, namespace ?? api.namespace)}?${query}`;
  return await send(api, { what, method: "POST", path, body: object, signal });
}

async function apply(
  api: Api,
  object: object,
  { dryRun, force = false, signal }: ApplyOptions,
): Promise<KubeObject> {
  const task = dryRun ? "try to apply" : "apply";
  const { kind, namespace, name } = identify(object, task);
  if (name === undefined) throw unusable(task, `the ${kind.kind} has no metadata.name`);
  const { what, path } = await locate(api, task, { kind, name, namespace }, signal);
  const query = new URLSearchParams({
    fieldManager: MANAGER,
    fieldValidation: "Strict",
    force: String(force),
    ...(dryRun ? { dryRun: "All" } : {}),
  });
  // JSON is YAML, too.
  const contentType = "application/apply-patch+yaml";
  const request = { what, method: "PATCH", path: `${path}?${query}`, contentType, signal };
  return await send(api, { ...request, body: object });
}

async function remove(
  api: Api,
  kind: Kind,
  name: string,
  namespace: string | undefined,
  { resourceVersion, signal }: RemoveOptions = {},
): Promise<void> {
  const { what, path } = await locate(api, "remove", { kind, name, namespace }, signal);
  const body = {
    ...{ apiVersion: "v1", kind: "DeleteOptions" },
    propagationPolicy: "Background", // else the pods of a Job would stay
    ...(resourceVersion === undefined ? {} : { preconditions: { resourceVersion } }),
  };
  const answer = await api.connection.send({ what, method: "DELETE", path, body, signal });
  if (!answersNotFound(answer)) objectIn(answer, { what, access: api.connection.access });
}

interface Named {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** What a request for an object is called, and its path. */
async function locate(
  api: Api,
  task: string,
  { kind, name, namespace = api.namespace }: Named,
  signal: AbortSignal | undefined,
): Promise<{ readonly what: string; readonly path: string }> {
  const resource = await known(api, kind, `${task} ${kind.kind} ${name}`, signal);
  const full = resource.namespaced ? `${namespace}/${name}` : name;
  const path = objectPath(kind, resource, namespace, name);
  return { what: `${task} ${kind.kind} ${full}`, path };
}

async function known(
  { lookUp }: Api,
  kind: Kind,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Resource> {
  const resource = await lookUp(kind, what, signal);
  if (resource === undefined) throw unknownKind(kind, what);
  return resource;
}

async function send(api: Api, request: Request & { readonly body: object }): Promise<KubeObject> {
  const { what, body } = request;
  const asked = { what, access: api.connection.access, secrets: secretsOf({ ...body }) };
  return objectOf(await api.connection.send(request), asked);
}

/** Objects of reviews have no name; who asks for one does not read it. */
function objectOf(answer: Answer, asked: Asked): KubeObject {
  const object = objectIn(answer, asked);
  if (typeof object.kind !== "string" || !isFields(object.metadata)) throw stranger(answer, asked);
  return object as KubeObject;
}

/** What an object that is sent says it is. */
function identify(object: object, task: string) {
  const { apiVersion, kind, metadata } = object as Record<string, unknown>;
  if (typeof apiVersion !== "string" || typeof kind !== "string") {
    throw unusable(task, "the object has no apiVersion and kind");
  }
  const { name, namespace } = isFields(metadata) ? metadata : {};
  return {
    kind: { apiVersion, kind },
    name: typeof name === "string" ? name : undefined,
    namespace: typeof namespace === "string" ? namespace : undefined,
  };
}

function unusable(task: string, why: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `${task} an object`,
    problem: why,
    remedy: "Mend its manifest.",
  });
}
