import { equalBytes, type Lake } from "./lake.ts";
import { Failure } from "../errors.ts";
import { allInOrder } from "../parallel.ts";
import type { S3Probe } from "./s3.ts";
import type { Scratch } from "./scratch.ts";

/** A promise of a store that publishing and reading rely on. */
export type PromiseName =
  | "read-after-write"
  | "conditional-create"
  | "conditional-replace"
  | "content-md5"
  | "listing"
  | "range";

/** The result of testing a promise. */
export interface Kept {
  /** The promise. */
  readonly promise: PromiseName;
  /** True if the store kept the promise; undefined if unknown. */
  readonly kept: boolean | undefined;
  /**
   * The observed behaviour if the promise was not kept, or the reason why the result is unknown.
   */
  readonly problem?: string;
}

/** Tries one promise. Returns the violation if the store did not keep the promise. */
type Trial = (scratch: Scratch) => Promise<string | undefined>;

/** Number of writers that race to create the same object. */
const RACERS = 4;

/**
 * Tests all promises of a store concurrently, each with its own objects.
 *
 * @throws {Failure} nothing could be tried: the store is out of reach
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tryPromises } from "./conformance.ts";
 * import { inScratch } from "./scratch.ts";
 * const path = await Deno.makeTempDir();
 * const kept = await inScratch({ kind: "directory", path }, undefined, tryPromises);
 * assertEquals(kept.every(({ kept }) => kept), true);
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function tryPromises(scratch: Scratch): Promise<Kept[]> {
  const trials: [PromiseName, Trial][] = [
    ["read-after-write", readsWrittenObject],
    ["conditional-create", createsOnce],
    ["conditional-replace", replacesOnlyKnownVersion],
    ["listing", listsEveryObject],
  ];
  const { probe } = scratch;
  if (probe !== undefined) {
    trials.push(["content-md5", (given) => detectsDamage(given, probe)]);
    trials.push(["range", (given) => readsRanges(given, probe)]);
  }
  const failures: Failure[] = [];
  const results = await Promise.all(trials.map(async ([promise, trial]): Promise<Kept> => {
    try {
      const problem = await trial(scratch);
      return problem === undefined ? { promise, kept: true } : { promise, kept: false, problem };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.kind === "unreachable") failures.push(error);
      const kept = error.kind === "unreachable" ? undefined : false;
      return { promise, kept, problem: error.message };
    }
  }));
  if (failures.length === trials.length) throw failures[0];
  return results;
}

const readsWrittenObject: Trial = async ({ lake, at }) => {
  const key = at("read-after-write");
  const [first, second] = [content("first"), content("the second, which is longer")];
  await lake.put(key, first);
  if (!await holds(lake, key, first)) {
    return "a stored object did not come back unchanged";
  }
  await lake.put(key, second);
  if (!await holds(lake, key, second)) {
    return "an overwritten object came back with its old " +
      "content";
  }
  await lake.remove(key);
  if (await lake.get(key) !== undefined) return "a removed object came back";
};

const createsOnce: Trial = async ({ lake, at }) => {
  const key = at("conditional-create");
  const bodies = Array.from({ length: RACERS }, (_, i) => content(`writer ${i}`));
  const outcomes = await Promise.all(bodies.map((body) => lake.put(key, body, "absent")));
  const winner = (await lake.get(key))?.bytes;
  const stored = outcomes.flatMap((outcome, i) => outcome === "stored" ? [bodies[i]!] : []);
  if (stored.length > 1) {
    return `${stored.length} of ${RACERS} writers succeeded in creating the same object: ` +
      "If-None-Match: * is ignored";
  }
  // A writer whose response was lost gets a conflict on its retry, so zero winners is possible.
  const candidates = stored.length === 1 ? stored : bodies;
  if (winner === undefined || !candidates.some((body) => equalBytes(body, winner))) {
    return "a put with If-None-Match: * did not store its content";
  }
  const again = await lake.put(key, content("much later"), "absent");
  if (again === "stored" || !await holds(lake, key, winner)) {
    return "a put with If-None-Match: * overwrote an object";
  }
};

const replacesOnlyKnownVersion: Trial = async ({ lake, at }) => {
  const key = at("conditional-replace");
  const [first, second, third] = [content("first"), content("second"), content("third")];
  await lake.put(key, first);
  const before = await lake.get(key);
  if (before === undefined) return "a stored object could not be found";
  const current = await lake.put(key, second, { etag: before.etag });
  if (current === "conflict" && !await holds(lake, key, second)) {
    return "a put with If-Match and the object's current ETag was refused";
  }
  const old = { etag: before.etag };
  const [stale, missing] = await allInOrder(
    lake.put(key, third, old),
    lake.put(at("never-created"), third, old),
  );
  if (stale === "stored" || !await holds(lake, key, second)) {
    return "a put with If-Match and an old ETag overwrote an object: If-Match is ignored";
  }
  if (missing === "stored") return "a put with If-Match created an object that did not exist";
};

const listsEveryObject: Trial = async ({ lake, at, prefix }) => {
  const names = ["listing/a", "listing/b/c", "listing/b/d"];
  await Promise.all(names.map((name) => lake.put(at(name), content(name))));
  const list = async () =>
    (await lake.list(`${prefix}listing/`))
      .map(({ key, bytes }) => `${key.slice(prefix.length)} of ${bytes} bytes`).join(", ");
  const expected = (of: readonly string[]) =>
    of.map((name) => `${name} of ${content(name).length} bytes`).join(", ");
  const all = await list();
  if (all !== expected(names)) {
    return `a listing right after ${names.length} puts shows: ${all || "nothing"}`;
  }
  await lake.remove(at(names[1]!));
  const rest = await list();
  if (rest !== expected([names[0]!, names[2]!])) {
    return `a listing right after one object of ${names.length} was removed shows: ${
      rest || "nothing"
    }`;
  }
};

async function detectsDamage({ lake, at }: Scratch, probe: S3Probe): Promise<string | undefined> {
  const key = at("content-md5");
  if (await probe.putDamaged(key, content("damaged")) === "stored") {
    return "a put whose content did not match its Content-MD5 was accepted";
  }
  if (await lake.get(key) !== undefined) {
    return "a put whose content did not match its Content-MD5 was refused but stored anyway";
  }
}

async function readsRanges({ lake, at }: Scratch, probe: S3Probe): Promise<string | undefined> {
  const key = at("range");
  const body = content("0123456789");
  await lake.put(key, body);
  const bytes = await probe.range(key, 2, 5);
  if (!equalBytes(bytes, body.subarray(2, 6))) {
    return `a request for 4 bytes of an object returned ${bytes.length} other bytes`;
  }
}

async function holds(lake: Lake, key: string, body: Uint8Array): Promise<boolean> {
  const stored = await lake.get(key);
  return stored !== undefined && equalBytes(stored.bytes, body);
}

function content(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
