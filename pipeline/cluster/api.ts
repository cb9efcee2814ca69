import { Failure } from "../errors.ts";
import {
  ApiError,
  type ApplyOptions,
  type Cluster,
  isFields,
  type Kind,
  type KubeObject,
  type RemoveOptions,
  type RequestOptions,
  type Watching,
} from "./cluster.ts";
import type { Connection, Request } from "./connection.ts";
import {
  apiGroupsOf,
  discover,
  type Lookup,
  objectPath,
  type Resource,
  unknownKind,
} from "./discovery.ts";
import { readLog } from "./log.ts";
import { forwardPort } from "./port_forward.ts";
import {
  type Answer,
  type Answered,
  isNotFound,
  notAnApiServer,
  parseObject,
  secretValues,
} from "./request_errors.ts";
import { watchObjects } from "./watch.ts";

/** The API of one server. */
interface Api {
  /** The connection to the server. */
  readonly connection: Connection;
  /** Looks up the kinds that the server has. */
  readonly lookUp: Lookup;
  /** The namespace of objects that do not set one. */
  readonly namespace: string;
  /** The number of objects per page of a list. */
  readonly pageSize: number;
}

/** Returns the cluster at the other end of a connection. */
export function clusterOf(
  connection: Connection,
  { namespace, pageSize }: { readonly namespace: string; readonly pageSize: number },
): Cluster {
  const api: Api = { connection, lookUp: discover(connection), namespace, pageSize };
  const { context, server } = connection.access;
  return {
    context,
    server,
    namespace,
    version: (options) => version(api, options),
    apiGroups: ({ signal } = {}) => apiGroupsOf(connection, signal),
    isNamespaced: async (kind, { signal } = {}) =>
      (await api.lookUp(kind, `look up the kind ${kind.kind}`, signal))?.namespaced,
    list: (...args) => list(api, ...args),
    get: (...args) => get(api, ...args),
    create: (object, options) => create(api, object, options),
    apply: (object, options) => apply(api, object, options),
    remove: (...args) => remove(api, ...args),
    watch: (...args) => watch(api, ...args),
    log: (...args) => readLog(connection, ...args),
    forward: (...args) => forwardPort(connection, ...args),
    close: connection.close,
  };
}

/** The field manager of objects that are created or applied. */
const MANAGER = "deep-storage";

async function version({ connection }: Api, { signal }: RequestOptions = {}): Promise<string> {
  const task = "read the server's version";
  const answer = await connection.send({ task, method: "GET", path: "/version", signal });
  const answered = { task, access: connection.access };
  const { gitVersion } = parseObject(answer, answered);
  if (typeof gitVersion !== "string") throw notAnApiServer(answer, answered);
  return gitVersion;
}

async function list(
  api: Api,
  kind: Kind,
  namespace: string | undefined,
  { signal }: RequestOptions = {},
): Promise<KubeObject[]> {
  const where = namespace === undefined ? "" : ` in the namespace ${namespace}`;
  const task = `list ${kind.kind} objects${where}`;
  const path = objectPath(kind, await resourceOf(api, kind, task, signal), namespace);
  const listing = { task, path, kind, signal };
  try {
    return (await listPages(api, listing)).objects;
  } catch (error) {
    // The continue token expires after some minutes. Start the list again once.
    const isExpired = error instanceof ApiError && error.status === 410;
    if (isExpired) return (await listPages(api, listing)).objects;
    throw error;
  }
}

async function watch(
  api: Api,
  kind: Kind,
  namespace: string,
  watching: Watching,
): Promise<void> {
  const { signal } = watching;
  const task = `watch ${kind.kind} objects in the namespace ${namespace}`;
  const find = async () => {
    const path = objectPath(kind, await resourceOf(api, kind, task, signal), namespace);
    return { path, ...await listPages(api, { task, path, kind, signal }) };
  };
  await watchObjects(api.connection, { task, kind, find, ...watching });
}

interface Listing {
  readonly task: string;
  readonly path: string;
  readonly kind: Kind;
  readonly signal: AbortSignal | undefined;
}

/** The objects of a kind, and the version of the list, from which a watch can begin. */
interface Listed {
  readonly objects: KubeObject[];
  readonly version: string;
}

/** Lists objects page by page. All pages have the state at the time of the first page. */
async function listPages(
  { connection, pageSize }: Api,
  { task, path, kind: { apiVersion, kind }, signal }: Listing,
): Promise<Listed> {
  const objects: KubeObject[] = [];
  let version = "";
  let next = "";
  do {
    const query = new URLSearchParams({ limit: String(pageSize), ...(next && { continue: next }) });
    const answer = await connection.send({ task, method: "GET", path: `${path}?${query}`, signal });
    const answered = { task, access: connection.access };
    const { items, metadata } = parseObject(answer, answered);
    if (!Array.isArray(items) || !items.every(isFields)) throw notAnApiServer(answer, answered);
    // The items of a list have no apiVersion and kind of their own.
    for (const item of items) objects.push({ apiVersion, kind, ...item } as KubeObject);
    const { continue: token, resourceVersion } = isFields(metadata) ? metadata : {};
    next = typeof token === "string" ? token : "";
    version = typeof resourceVersion === "string" ? resourceVersion : "";
  } while (next !== "");
  return { objects, version };
}

async function get(
  api: Api,
  kind: Kind,
  name: string,
  namespace: string | undefined,
  { signal }: RequestOptions = {},
): Promise<KubeObject | undefined> {
  const { task, path } = await locate(api, "read", { kind, name, namespace }, signal);
  const answer = await api.connection.send({ task, method: "GET", path, signal });
  return isNotFound(answer)
    ? undefined
    : parseKubeObject(answer, { task, access: api.connection.access });
}

async function create(
  api: Api,
  object: object,
  { signal }: RequestOptions = {},
): Promise<KubeObject> {
  const { kind, namespace, name } = identify(object, "create");
  const task = `create ${kind.kind} ${name ?? ""}`.trim();
  const resource = await resourceOf(api, kind, task, signal);
  const query = new URLSearchParams({ fieldManager: MANAGER, fieldValidation: "Strict" });
  const path = `${objectPath(kind, resource, namespace ?? api.namespace)}?${query}`;
  return await send(api, { task, method: "POST", path, body: object, signal });
}

async function apply(
  api: Api,
  object: object,
  { dryRun, force = false, manager = MANAGER, signal }: ApplyOptions,
): Promise<KubeObject> {
  const verb = dryRun ? "try to apply" : "apply";
  const { kind, namespace, name } = identify(object, verb);
  if (name === undefined) throw incompleteObject(verb, `the ${kind.kind} has no metadata.name`);
  const { task, path } = await locate(api, verb, { kind, name, namespace }, signal);
  const query = new URLSearchParams({
    fieldManager: manager,
    fieldValidation: "Strict",
    force: String(force),
    ...(dryRun ? { dryRun: "All" } : {}),
  });
  return await send(api, {
    task,
    method: "PATCH",
    path: `${path}?${query}`,
    contentType: "application/apply-patch+yaml", // JSON is YAML
    body: object,
    signal,
  });
}

async function remove(
  api: Api,
  kind: Kind,
  name: string,
  namespace: string | undefined,
  { resourceVersion, signal }: RemoveOptions = {},
): Promise<void> {
  const { task, path } = await locate(api, "remove", { kind, name, namespace }, signal);
  const body = {
    apiVersion: "v1",
    kind: "DeleteOptions",
    propagationPolicy: "Background", // also deletes the pods of a Job
    ...(resourceVersion === undefined ? {} : { preconditions: { resourceVersion } }),
  };
  const answer = await api.connection.send({ task, method: "DELETE", path, body, signal });
  if (!isNotFound(answer)) parseObject(answer, { task, access: api.connection.access });
}

interface ObjectName {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Returns the path of an object, and the task of the request for error messages. */
async function locate(
  api: Api,
  verb: string,
  { kind, name, namespace = api.namespace }: ObjectName,
  signal: AbortSignal | undefined,
): Promise<{ readonly task: string; readonly path: string }> {
  const resource = await resourceOf(api, kind, `${verb} ${kind.kind} ${name}`, signal);
  const fullName = resource.namespaced ? `${namespace}/${name}` : name;
  const path = objectPath(kind, resource, namespace, name);
  return { task: `${verb} ${kind.kind} ${fullName}`, path };
}

async function resourceOf(
  { lookUp }: Api,
  kind: Kind,
  task: string,
  signal: AbortSignal | undefined,
): Promise<Resource> {
  const resource = await lookUp(kind, task, signal);
  if (resource === undefined) throw unknownKind(kind, task);
  return resource;
}

async function send(api: Api, request: Request & { readonly body: object }): Promise<KubeObject> {
  const { task, body } = request;
  const secrets = secretValues({ ...body });
  const answered = { task, access: api.connection.access, secrets };
  return parseKubeObject(await api.connection.send(request), answered);
}

/** Parses an object. Does not check the name, because access reviews have none. */
function parseKubeObject(answer: Answer, answered: Answered): KubeObject {
  const object = parseObject(answer, answered);
  const isKubeObject = typeof object.kind === "string" && isFields(object.metadata);
  if (!isKubeObject) throw notAnApiServer(answer, answered);
  return object as KubeObject;
}

/** Reads the kind and the name of an object to send. */
function identify(object: object, verb: string) {
  const { apiVersion, kind, metadata } = object as Record<string, unknown>;
  if (typeof apiVersion !== "string" || typeof kind !== "string") {
    throw incompleteObject(verb, "the object has no apiVersion and kind");
  }
  const { name, namespace } = isFields(metadata) ? metadata : {};
  return {
    kind: { apiVersion, kind },
    name: typeof name === "string" ? name : undefined,
    namespace: typeof namespace === "string" ? namespace : undefined,
  };
}

function incompleteObject(verb: string, problem: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `${verb} an object`,
    problem,
    remedy: "Correct the manifest.",
  });
}
