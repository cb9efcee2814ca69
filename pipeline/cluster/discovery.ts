import { Failure } from "../errors.ts";
import { ApiError, type Kind } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { type Fields, isFields } from "./kubeconfig.ts";
import { networkFailure } from "./network_failure.ts";
import { answersNotFound, objectIn, stranger } from "./refusal.ts";
import { shared } from "./shared.ts";

/** How the server calls a kind of objects in its paths. */
export interface Resource {
  /** As in `networkpolicies`. */
  readonly plural: string;
  /** Whether its objects live in namespaces. */
  readonly namespaced: boolean;
}

/** Looks a kind up; undefined where the server does not know it. */
export type Lookup = (kind: Kind, what: string, signal?: AbortSignal) => Promise<
  Resource | undefined
>;

/** The kinds of a version of the API. */
export type Resources = ReadonlyMap<string, Resource>;

/** Asks the server which kinds it has, once for each version of the API. */
export function discover(connection: Connection): Lookup {
  const versions = new Map<string, (signal: AbortSignal) => Promise<Resources>>();
  return async ({ apiVersion, kind }, what, signal = connection.closed) => {
    const asked = versions.get(apiVersion) ??
      shared(() => resourcesOf(apiVersion, connection, what));
    versions.set(apiVersion, asked);
    try {
      return (await asked(signal)).get(kind);
    } catch (error) {
      throw networkFailure(error, what, connection.access, signal);
    }
  };
}

/** What a request for a kind ends with that the server does not know. */
export function unknownKind({ apiVersion, kind }: Kind, what: string): ApiError {
  const says = `there is no kind ${JSON.stringify(kind)} in ${JSON.stringify(apiVersion)}`;
  return new ApiError({
    kind: "configuration",
    task: what,
    problem: `${says} on this server`,
    remedy: "Correct the apiVersion, or install what brings the kind.",
  }, { status: 404, reason: "NotFound", says });
}

/** The path of a version of the API, such as `/api/v1` or `/apis/apps/v1`. */
function apiPath(apiVersion: string): string {
  const parts = apiVersion.split("/").map(pathSegment).join("/");
  return parts.includes("/") ? `/apis/${parts}` : `/api/${parts}`;
}

/** The path of an object, or without a name that of all objects of its kind. */
export function objectPath(
  { apiVersion }: Kind,
  { plural, namespaced }: Resource,
  namespace: string | undefined,
  name?: string,
): string {
  const parts = [
    ...(namespaced && namespace !== undefined ? ["namespaces", namespace] : []),
    ...[plural, ...(name === undefined ? [] : [name])],
  ];
  return `${apiPath(apiVersion)}/${parts.map(pathSegment).join("/")}`;
}

/** A name within a path. One that is empty, or dots, would make it the path of something else. */
export function pathSegment(name: string): string {
  if (!/^\.{0,2}$/.test(name)) return encodeURIComponent(name);
  throw new Failure({
    kind: "configuration",
    task: `ask for an object called ${JSON.stringify(name)}`,
    problem: "that is no name",
    remedy: "Give it another one.",
  });
}

async function resourcesOf(
  apiVersion: string,
  connection: Connection,
  what: string,
): Promise<Resources> {
  const { access } = connection;
  const asked = { what, access };
  const answer = await connection.send({ what, method: "GET", path: apiPath(apiVersion) });
  if (answersNotFound(answer)) return new Map();
  const resources = parseResources(objectIn(answer, asked));
  if (resources === undefined) throw stranger(answer, asked);
  return resources;
}

/**
 * The kinds that a version of the API has.
 *
 * @param list what the server answers
 * @returns undefined where it is no such list
 */
export function parseResources(list: Fields): Resources | undefined {
  if (list.kind !== "APIResourceList" || !Array.isArray(list.resources)) return undefined;
  const resources = new Map<string, Resource>();
  for (const resource of list.resources) {
    if (!isFields(resource)) continue;
    const { kind, name, namespaced } = resource;
    // What has a slash is a part of an object, such as its status.
    if (typeof kind !== "string" || typeof name !== "string" || name.includes("/")) continue;
    resources.set(kind, { plural: name, namespaced: namespaced === true });
  }
  return resources;
}
