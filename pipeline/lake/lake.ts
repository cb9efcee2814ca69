import { Buffer } from "node:buffer";

/**
 * The number of requests for small objects that a run has in flight. The latency of the store
 * dominates such requests. The S3 client opens at most one connection for each.
 */
export const REQUESTS_IN_FLIGHT = 32;

/** The content of one object, and the tag that changes with the content. */
export interface StoredObject {
  /** The whole content. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The opaque tag, without quotes and without `W/`, for a {@linkcode Condition}. */
  readonly etag: string;
  /** The SHA-256 digest of the content, if it was computed while the content arrived. */
  readonly sha256?: string;
  /** Frees the memory of the content at once. The content must not be used any more. */
  readonly free?: () => void;
}

/** One object in a listing. */
export interface ObjectEntry {
  /** The object's key. */
  readonly key: string;
  /** Size of the object in bytes. */
  readonly bytes: number;
  /**
   * The time at which the object was stored, in milliseconds since 1970 by the clock of the store.
   */
  readonly modified: number;
}

/** The condition of a put: the object does not exist, or still has this tag. */
export type Condition = "absent" | { readonly etag: string };

/**
 * The store of bronze and silver: a bucket or a directory. Keys are relative, with `/` between
 * their parts. Every method throws a {@linkcode Failure} that contains the lake and the key.
 */
export interface Lake {
  /** The name in messages: `s3://rbs at https://…` or `file:///…`. It contains no secret. */
  readonly name: string;
  /** The URL of a key: `s3://rbs/bronze/…` or `file:///…/bronze/…`. */
  url(key: string): string;
  /**
   * Returns the whole object, or undefined if it does not exist. The caller owns the bytes.
   *
   * @param digests true if the caller needs the SHA-256 digest
   */
  get(key: string, digests?: boolean): Promise<StoredObject | undefined>;
  /**
   * Stores an object atomically: a reader sees all of it or nothing. The store verifies the content
   * on arrival.
   *
   * @param frees true to free the memory of the body when it is stored, unless an attempt that
   *   failed can still be sending it
   * @returns `conflict` if the condition did not hold and nothing was stored
   */
  put(
    key: string,
    body: Uint8Array<ArrayBuffer>,
    condition?: Condition,
    frees?: boolean,
  ): Promise<"stored" | "conflict">;
  /** Lists all objects whose key begins with the prefix, sorted by key. */
  list(prefix: string): Promise<ObjectEntry[]>;
  /**
   * Lists the folders in a folder, without their objects.
   *
   * @param prefix the folder, ending with `/`
   * @returns the prefixes of the folders, each ending with `/`, sorted
   */
  folders(prefix: string): Promise<string[]>;
  /** Removes an object. A missing object is not an error. */
  remove(key: string): Promise<void>;
  /**
   * Confirms that the store honours conditions, which publishing requires. The first call tests
   * this with a small object and removes the object; a directory needs no test.
   *
   * @throws {Failure} configuration: the store does not honour conditions; unreachable: the test
   * failed, and the next call repeats it
   */
  confirmConditions(): Promise<void>;
  /** Closes the connections. */
  close(): void;
}

/**
 * Returns whether two byte arrays have the same content.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { equalBytes } from "./lake.ts";
 * assertEquals(equalBytes(new Uint8Array([1, 2]), new Uint8Array([1, 2])), true);
 * ```
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
