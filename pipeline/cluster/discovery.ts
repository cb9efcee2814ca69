import { Failure } from "../errors.ts";
import { ApiError, type Fields, isFields, type Kind } from "./cluster.ts";
import { type Connection, shareValue } from "./connection.ts";
import { isNotFound, networkFailure, notAnApiServer, parseObject } from "./request_errors.ts";

/** A resource type of the server, which serves the objects of a kind. */
export interface Resource {
  /** The plural name in paths, for example `networkpolicies`. */
  readonly plural: string;
  /** True if the objects belong to namespaces. */
  readonly namespaced: boolean;
}

/**
 * Looks up a kind. Returns undefined if the server does not know the kind.
 *
 * @param task the task of the request, which follows "Cannot" in messages
 */
export type Lookup = (kind: Kind, task: string, signal?: AbortSignal) => Promise<
  Resource | undefined
>;

/** The resources of one API version, by kind. */
export type Resources = ReadonlyMap<string, Resource>;

/** Returns a lookup that requests the server's kinds once for each API version. */
export function discover(connection: Connection): Lookup {
  const versions = new Map<string, (signal: AbortSignal) => Promise<Resources>>();
  return async ({ apiVersion, kind }, task, signal = connection.closed) => {
    const asked = versions.get(apiVersion) ??
      shareValue(() => resourcesOf(apiVersion, connection, task));
    versions.set(apiVersion, asked);
    try {
      return (await asked(signal)).get(kind);
    } catch (error) {
      throw networkFailure(error, task, connection.access, signal);
    }
  };
}

/** Returns the server's API groups, each with its API versions, the preferred one first. */
export async function apiGroupsOf(
  connection: Connection,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const task = "list the API groups";
  const answered = { task, access: connection.access };
  const answer = await connection.send({ task, method: "GET", path: "/apis", signal });
  const { groups } = parseObject(answer, answered);
  if (!Array.isArray(groups)) throw notAnApiServer(answer, answered);
  return new Map(
    groups.filter(isFields).map(({ name, preferredVersion, versions }) => {
      const listed = [preferredVersion, ...(Array.isArray(versions) ? versions : [])];
      const names = listed.flatMap((each) => isFields(each) ? String(each.groupVersion) : []);
      return [String(name), [...new Set(names)]];
    }),
  );
}

/** Returns the failure for a kind that the server does not know. */
export function unknownKind({ apiVersion, kind }: Kind, task: string): ApiError {
  const serverMessage = `there is no kind ${JSON.stringify(kind)} in ${JSON.stringify(apiVersion)}`;
  return new ApiError({
    kind: "configuration",
    task,
    problem: `${serverMessage} on this server`,
    remedy: "Correct the apiVersion, or install the CustomResourceDefinition.",
  }, { status: 404, reason: "NotFound", serverMessage });
}

/** Returns the path of an API version, for example `/api/v1` or `/apis/apps/v1`. */
function apiPath(apiVersion: string): string {
  const parts = apiVersion.split("/").map(pathSegment).join("/");
  return parts.includes("/") ? `/apis/${parts}` : `/api/${parts}`;
}

/** Returns the path of an object, or without a name, of all objects of the kind. */
export function objectPath(
  { apiVersion }: Kind,
  { plural, namespaced }: Resource,
  namespace: string | undefined,
  name?: string,
): string {
  const parts = [
    ...(namespaced && namespace !== undefined ? ["namespaces", namespace] : []),
    plural,
    ...(name === undefined ? [] : [name]),
  ];
  return `${apiPath(apiVersion)}/${parts.map(pathSegment).join("/")}`;
}

/** Encodes a name for a path. An empty name, "." or ".." would lead to another object. */
export function pathSegment(name: string): string {
  if (!/^\.{0,2}$/.test(name)) return encodeURIComponent(name);
  throw new Failure({
    kind: "configuration",
    task: `request an object with the name ${JSON.stringify(name)}`,
    problem: "Kubernetes does not allow this name",
    remedy: "Correct the name.",
  });
}

async function resourcesOf(
  apiVersion: string,
  connection: Connection,
  task: string,
): Promise<Resources> {
  const answered = { task, access: connection.access };
  const answer = await connection.send({ task, method: "GET", path: apiPath(apiVersion) });
  if (isNotFound(answer)) return new Map();
  const resources = parseResources(parseObject(answer, answered));
  if (resources === undefined) throw notAnApiServer(answer, answered);
  return resources;
}

/** Parses an `APIResourceList`. Returns undefined for any other object. */
export function parseResources(list: Fields): Resources | undefined {
  if (list.kind !== "APIResourceList" || !Array.isArray(list.resources)) return undefined;
  const resources = new Map<string, Resource>();
  for (const resource of list.resources) {
    if (!isFields(resource)) continue;
    const { kind, name, namespaced } = resource;
    // A name with a slash is a subresource, such as an object's status.
    if (typeof kind !== "string" || typeof name !== "string" || name.includes("/")) continue;
    resources.set(kind, { plural: name, namespaced: namespaced === true });
  }
  return resources;
}
