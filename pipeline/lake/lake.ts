/** One object's content, and the tag that changes whenever the content does. */
export interface StoredObject {
  /** The whole content. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Opaque, without quotes and without `W/`; only good for {@linkcode Condition}. */
  readonly etag: string;
}

/** One object in a listing. */
export interface ObjectEntry {
  /** The object's key. */
  readonly key: string;
  /** Size of the object in bytes. */
  readonly bytes: number;
  /** When it was stored, in milliseconds since 1970 by the clock of the store. */
  readonly modified: number;
}

/** The condition of a put: the object does not exist, or still has this tag. */
export type Condition = "absent" | { readonly etag: string };

/**
 * The store of bronze and silver: a bucket or a directory. Keys are relative, with `/` between
 * their parts. Every method throws a {@linkcode Failure} that names the lake and the key.
 */
export interface Lake {
  /** The name in messages: `s3://rbs at https://…` or `file:///…`. It contains no secret. */
  readonly name: string;
  /** The URL of a key: `s3://rbs/bronze/…` or `file:///…/bronze/…`. */
  url(key: string): string;
  /** The whole object, or undefined where there is none. */
  get(key: string): Promise<StoredObject | undefined>;
  /**
   * Stores an object at once and whole: a reader sees all of it or none. The store verifies the
   * content on arrival.
   *
   * @returns `conflict` where the condition did not hold, and nothing was stored
   */
  put(
    key: string,
    body: Uint8Array<ArrayBuffer>,
    condition?: Condition,
  ): Promise<"stored" | "conflict">;
  /** All objects whose key begins with the prefix, sorted by key. */
  list(prefix: string): Promise<ObjectEntry[]>;
  /** Removes an object. A missing object is not an error. */
  remove(key: string): Promise<void>;
  /**
   * Confirms that the store honours conditions, which publishing requires. The first call tries
   * this on a small object and removes the object; a directory needs no trial.
   *
   * @throws {Failure} configuration: conditions are not honoured; unreachable: it cannot be told,
   *   and the next call tries again
   */
  confirmConditions(): Promise<void>;
  /** Closes the connections. */
  close(): void;
}

/**
 * Whether two byte arrays have the same content.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { equalBytes } from "./lake.ts";
 * assertEquals(equalBytes(new Uint8Array([1, 2]), new Uint8Array([1, 2])), true);
 * ```
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
