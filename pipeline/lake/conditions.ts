import { equalBytes, type Lake } from "./lake.ts";

/** A state of the bucket in which stores ignore conditions; undefined if the state is unknown. */
export type BucketState = "object-locked" | "versioned" | undefined;

/**
 * Tests whether a store honours the conditions that publishing relies on, with five puts of one
 * small object and a few reads.
 *
 * @param key the key for the object; the caller removes the object
 * @returns the violation if a condition was not honoured
 * @throws {Failure} the store refused an operation, or is out of reach
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tryConditions } from "./conditions.ts";
 * import { openDirectory } from "./directory.ts";
 * const path = await Deno.makeTempDir();
 * const lake = openDirectory({ kind: "directory", path });
 * assertEquals(await tryConditions(lake, "scratch/conditions"), undefined); // every condition holds
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function tryConditions(
  lake: Pick<Lake, "get" | "put">,
  key: string,
): Promise<string | undefined> {
  const [first, second, third, fourth] = ["first", "second", "third", "fourth"].map((text) =>
    new TextEncoder().encode(text)
  ) as [Bytes, Bytes, Bytes, Bytes];
  // A put that was sent twice may conflict with itself, so only the stored content counts.
  await lake.put(key, first, "absent");
  const created = await lake.get(key);
  if (created === undefined || !equalBytes(created.bytes, first)) {
    return "a put with If-None-Match: * did not store its content";
  }
  if (await lake.put(key, second, "absent") === "stored") {
    return "a put with If-None-Match: * overwrote an object: the condition is ignored";
  }
  const { etag } = created!;
  if (await lake.put(key, third, { etag }) === "conflict" && !await holds(lake, key, third)) {
    return "a put with If-Match was refused, although it had the object's current ETag";
  }
  const stale = await lake.put(key, fourth, { etag });
  if (stale === "stored" || !await holds(lake, key, third)) {
    return "a put with If-Match and an old ETag overwrote an object: the condition is ignored";
  }
}

/**
 * Explains why a store does not honour conditions and what to change, in two sentences.
 *
 * @param state the state of the bucket, as the store reports it
 */
export function conditionsRemedy(state: BucketState): string {
  const nothing = "Nothing was published";
  switch (state) {
    case "object-locked":
      return "The bucket has object lock, which implies versioning, and stores such as Ceph RGW 16 " +
        `ignore conditions there. Set S3_BUCKET to a bucket without object lock. ${nothing}`;
    case "versioned":
      return "The bucket has versioning, and stores such as Ceph RGW 16 ignore conditions there. " +
        `Set S3_BUCKET to a bucket that never had versioning. ${nothing}`;
    case undefined:
      return "Set S3_ENDPOINT to the store itself, without a proxy, or to a store " +
        `that honours If-None-Match and If-Match. ${nothing}`;
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

async function holds(lake: Pick<Lake, "get">, key: string, body: Bytes): Promise<boolean> {
  const stored = await lake.get(key);
  return stored !== undefined && equalBytes(stored.bytes, body);
}
