import {
  ApiError,
  type Cluster,
  type Kind,
  type KubeObject,
} from "../../../pipeline/cluster/cluster.ts";
import type { ManifestObject } from "../manifests.ts";
import { observed } from "./live_objects.ts";

/** Objects that may not be read. */
export interface Unread {
  /** Their kind; one that is not of Kubernetes itself with its group, as in `X.example.com`. */
  readonly kind: string;
  /** Their namespace, where they have one. */
  readonly namespace?: string;
  /** Why, in the API server's words. */
  readonly problem: string;
}

/** What could be read, and what not. */
export interface Reading {
  /** What is there. */
  readonly objects: readonly ManifestObject[];
  /** What may not be read. */
  readonly unread: readonly Unread[];
}

/** Reads all objects of a kind, in a namespace or in all of them. */
export function readKind(
  cluster: Cluster,
  kind: Kind,
  namespace: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Reading> {
  return allowed(kind.kind, namespace, () => cluster.list(kind, namespace, { signal }));
}

/** Reads one object, which need not be there. */
export function readOne(
  cluster: Cluster,
  kind: Kind,
  { name, namespace }: { readonly name: string; readonly namespace: string | undefined },
  signal: AbortSignal | undefined,
): Promise<Reading> {
  return allowed(kind.kind, namespace, async () => {
    const found = await cluster.get(kind, name, namespace, { signal });
    return found === undefined ? [] : [found];
  });
}

/** Readings as one. */
export function joined(readings: readonly Reading[]): Reading {
  return {
    objects: readings.flatMap(({ objects }) => objects),
    unread: readings.flatMap(({ unread }) => unread),
  };
}

/** Whether the user has no right to something. Anything else that goes wrong ends the gathering. */
export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}

async function allowed(
  kind: string,
  namespace: string | undefined,
  read: () => Promise<readonly KubeObject[]>,
): Promise<Reading> {
  try {
    return { objects: (await read()).filter(isNamed).map((each) => observed(each)), unread: [] };
  } catch (error) {
    // Of a kind that the server does not know there are none.
    if (error instanceof ApiError && error.status === 404) return { objects: [], unread: [] };
    if (!isForbidden(error)) throw error;
    const place = namespace === undefined ? {} : { namespace };
    return { objects: [], unread: [{ kind, ...place, problem: error.message }] };
  }
}

/** What an extension serves is whatever its author made it. */
function isNamed({ metadata }: Partial<KubeObject>): boolean {
  return typeof metadata?.name === "string";
}
