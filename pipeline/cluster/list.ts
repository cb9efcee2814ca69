import { ApiError, type Kind, type KubeObject } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { isFields } from "./kubeconfig.ts";
import { objectIn, stranger } from "./refusal.ts";

/** Which objects are listed. */
export interface Listing {
  /** As in `list Pod objects`. */
  readonly what: string;
  /** The path of the list. */
  readonly path: string;
  /** What the objects are. */
  readonly kind: Kind;
  /** Ends it when it aborts. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Lists objects, page by page, all as they were at the same moment. A server forgets that moment after
 * some minutes; then it begins again, once.
 *
 * @throws {ApiError} the server refuses
 * @throws {Failure} unreachable: no answer, or none of an API server
 */
export async function listAll(
  connection: Connection,
  listing: Listing,
  pageSize: number,
): Promise<KubeObject[]> {
  try {
    return await pages(connection, listing, pageSize);
  } catch (error) {
    if (error instanceof ApiError && error.status === 410) {
      return await pages(connection, listing, pageSize);
    }
    throw error;
  }
}

async function pages(
  connection: Connection,
  { what, path, kind: { apiVersion, kind }, signal }: Listing,
  pageSize: number,
): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  let next = "";
  do {
    const query = new URLSearchParams({ limit: String(pageSize), ...(next && { continue: next }) });
    const answer = await connection.send({ what, method: "GET", path: `${path}?${query}`, signal });
    const asked = { what, access: connection.access };
    const { items, metadata } = objectIn(answer, asked);
    if (!Array.isArray(items) || !items.every(isFields)) throw stranger(answer, asked);
    // The server does not repeat in every item of a list what kind it is.
    for (const item of items) objects.push({ apiVersion, kind, ...item } as KubeObject);
    const token = isFields(metadata) ? metadata.continue : undefined;
    next = typeof token === "string" ? token : "";
  } while (next !== "");
  return objects;
}
