import { createHash } from "node:crypto";
import { CONTRACT } from "../contract/contract_file.ts";
import {
  dayInKey,
  LATE_STEM,
  numberInKey,
  PART_STEM,
  partName,
  SILVER_PREFIX,
} from "../contract/keys.ts";
import { Failure } from "../errors.ts";
import { LONGEST_RUN } from "./lifetimes.ts";
import { readAhead } from "../parallel.ts";
import { preciseTime, type Work } from "../progress.ts";
import { type Lake, type ObjectEntry, REQUESTS_IN_FLIGHT } from "./lake.ts";
import type { BronzeCommit, Part, SilverCommit, StoredMarker } from "./marker.ts";
import { openPart, type PartReader } from "./parquet_reader.ts";

/** A part ends with the row group that reaches this size, in bytes. */
export const TARGET_BYTES: number = 15 << 20;
/**
 * The largest size of a part, in bytes. A part is stored with one request and is completely in
 * memory.
 */
const MOST_BYTES = CONTRACT.parts.mostBytes;

/** A part and its bytes, before it is stored. */
export interface NewPart extends Part {
  /** The file's bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * The rules for names of new parts. Two runs never use one name for different content, and a name
 * that a marker no longer lists is never used again. Therefore, a removal never deletes a part of a
 * later run.
 */
export interface Lineage {
  /** The keys of the parts that stay, by folder and digest. */
  readonly kept: ReadonlyMap<string, string>;
  /**
   * The prefix of names. Parts for a sealed window begin with `late-`: only clean removes these.
   */
  readonly stem: string;
  /**
   * The digest of the marker that the parts replace, which is the end of their names; undefined if
   * there is no such marker.
   */
  readonly replaced: string | undefined;
  /** Keys that must not be used again, because their objects may be cleaned up at any time. */
  readonly avoided: ReadonlySet<string>;
  /** The number of the amendment that adds the parts; absent for other runs. */
  readonly amendment?: number;
}

/** Creates the names for a window that has no marker yet. */
const FIRST: Lineage = {
  kept: new Map(),
  stem: PART_STEM,
  replaced: undefined,
  avoided: new Set(),
};

/** The state of a window when a run began. */
export interface Found {
  /** The marker; undefined if there is none. */
  readonly previous: StoredMarker<BronzeCommit | SilverCommit> | undefined;
  /** The window's objects. */
  readonly listed: readonly ObjectEntry[];
}

/**
 * The names for parts that replace the parts of a marker.
 *
 * @param amendment the number of the amendment, for parts that are added to the previous ones
 */
export function lineageOf({ previous, listed }: Found, amendment?: number): Lineage {
  const avoided = new Set(abandoned(listed));
  if (previous === undefined) return { ...FIRST, avoided };
  const replaced = previous.sha256;
  if (amendment !== undefined) {
    const stem = `${LATE_STEM}${numberInKey(amendment)}-`;
    return { kept: new Map(), stem, replaced, avoided, amendment };
  }
  const { state, parts } = previous.commit;
  const kept = new Map(parts.map((part) => [identity(folderOf(part), part.sha256), part.key]));
  return { kept, stem: state === "sealed" ? LATE_STEM : PART_STEM, replaced, avoided };
}

/**
 * Returns the keys of listed parts that are so old that clean could remove them before this run
 * publishes.
 */
function abandoned(listed: readonly ObjectEntry[]): string[] {
  const newest = Date.now() - LONGEST_RUN / 2;
  return listed.filter(({ modified }) => modified < newest).map(({ key }) => key);
}

/** The folder of an object, ending with `/`. */
export function folderOf({ key }: { readonly key: string }): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}

function identity(folder: string, sha256: string): string {
  return `${folder} ${sha256}`;
}

/** A finished Parquet file without a name. */
export interface PartBody {
  /** The number of rows. */
  readonly rows: number;
  /** The file's bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Names the files of a window as parts. A name contains the digest of the content, and of the
 * marker that the part will replace.
 *
 * @param prefix the folder that the parts are named into, ending with `/`
 * @throws {Failure} data: a file is larger than a part may be
 */
export async function* nameParts(
  files: AsyncIterable<PartBody>,
  prefix: string,
  lineage: Lineage = FIRST,
): AsyncGenerator<NewPart> {
  let index = 0;
  for await (const file of files) yield await name(file, prefix, index++, lineage);
}

async function name(
  { rows, body }: PartBody,
  prefix: string,
  index: number,
  { kept, stem, replaced, avoided, amendment }: Lineage,
): Promise<NewPart> {
  const sha256 = await digestOf(body);
  const fresh = `${prefix}${partName(stem, index, sha256, replaced)}`;
  const key = kept.get(identity(prefix, sha256)) ?? firstFreeName(avoided, fresh);
  if (body.length > MOST_BYTES) {
    throw new Failure({
      kind: "data",
      task: `write ${key}`,
      problem: `it has ${body.length >> 20} MiB in ${rows} rows, but the limit is ` +
        `${MOST_BYTES >> 20} MiB`,
      remedy: "Look for events whose payload_json or error_message is that large.",
    });
  }
  const added = amendment === undefined ? {} : { amendment };
  return { key, rows, bytes: body.length, sha256, ...added, body };
}

/** From this size on, another thread computes a digest, in bytes. It copies the bytes. */
const LEAST_FOR_THREAD = 1 << 20;

async function digestOf(body: Uint8Array<ArrayBuffer>): Promise<string> {
  if (body.length < LEAST_FOR_THREAD) return sha256Of(body);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex();
}

/** The SHA-256 digest, which this thread computes. That takes as long as a copy of the bytes. */
function sha256Of(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

/** Returns the first of `name.parquet`, `name-2.parquet`, … that may be used. */
function firstFreeName(avoided: ReadonlySet<string>, name: string): string {
  for (let number = 1;; number++) {
    const key = `${name}${number === 1 ? "" : `-${number}`}${CONTRACT.parts.suffix}`;
    if (!avoided.has(key)) return key;
  }
}

/**
 * The total size of the parts that are in flight, in bytes: two parts of the usual size are on
 * their way while the next one is encoded.
 */
const BYTES_IN_FLIGHT = 32 << 20;

/** Options of {@linkcode storeParts}. */
export interface StoringParts {
  /** False to store nothing. */
  readonly stores: boolean;
  /** The largest total size of the parts that are in flight, in bytes. */
  readonly bytesInFlight?: number;
  /** Receives each part when its upload begins. */
  onPart?(part: Part): void;
  /** Receives the time that each upload took. */
  onWork?(work: Work): void;
}

/**
 * Stores parts while the next ones are encoded. The lake frees the memory of a stored part.
 *
 * @returns the entries for a marker, in the order of the parts
 * @throws {Failure} a part could not be stored; no further part is encoded
 */
export async function storeParts(
  lake: Lake,
  parts: AsyncIterable<NewPart>,
  { stores, bytesInFlight = BYTES_IN_FLIGHT, onPart, onWork }: StoringParts,
): Promise<Part[]> {
  const named: Part[] = [];
  const inFlight = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let bytes = 0;
  try {
    for await (const { body, ...part } of parts) {
      named.push(part);
      onPart?.(part);
      if (!stores) continue;
      bytes += part.bytes;
      const began = preciseTime();
      const put = lake.put(part.key, body, undefined, true) // frees the memory early
        .then(() => {
          const ended = preciseTime();
          onWork?.({ kind: "put", began, ended, busy: ended - began });
        }, (error) => void failures.push(error))
        .finally(() => {
          inFlight.delete(put);
          bytes -= part.bytes;
        });
      inFlight.add(put);
      while (inFlight.size >= REQUESTS_IN_FLIGHT || bytes > bytesInFlight) {
        await Promise.race(inFlight);
      }
      if (failures.length > 0) break;
    }
  } finally {
    await Promise.all(inFlight);
  }
  if (failures.length > 0) throw failures[0];
  return named;
}

/** The bytes of a part that a marker lists, as they are in the lake. */
export interface FetchedPart {
  /** The part. */
  readonly part: Part;
  /** The bytes. Their size and digest are those in the marker. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Frees the memory of the bytes at once, as {@linkcode StoredObject.free}. */
  readonly free?: (() => void) | undefined;
}

/** The total size of the parts that are read ahead, in bytes. */
const BYTES_AHEAD = 16 << 20;

/**
 * Fetches parts that a marker lists, in order. While the caller handles a part, the next ones are
 * fetched.
 *
 * @param countsCurrent true to have a large part alone in memory, as in {@linkcode readAhead}
 * @throws {Failure} data: a part is missing, or has another size or digest than the marker says
 */
export function fetchParts(
  lake: Lake,
  parts: Iterable<Part>,
  countsCurrent = false,
): AsyncGenerator<FetchedPart> {
  return readAhead(parts, (part) => fetchPart(lake, part), {
    count: REQUESTS_IN_FLIGHT,
    size: BYTES_AHEAD,
    countsCurrent,
    sizeOf: ({ bytes }) => bytes,
  });
}

async function fetchPart(lake: Lake, part: Part): Promise<FetchedPart> {
  const stored = await lake.get(part.key, true);
  if (stored === undefined) throw damaged(lake, part, "it is missing");
  const problem = difference(part, stored.bytes, stored.sha256);
  if (problem !== undefined) throw damaged(lake, part, problem);
  return { part, body: stored.bytes, free: stored.free };
}

/**
 * Reads a part that a marker lists, and verifies its size and digest.
 *
 * @throws {Failure} data: it is missing, has other bytes or rows than the marker says, or is no
 *   Parquet file
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bronzePrefix } from "../contract/keys.ts";
 * import { EVENT_COLUMNS } from "../contract/tables.ts";
 * import { parseDay } from "../contract/window.ts";
 * import { openLake } from "./open.ts";
 * import { createPageFile } from "./page_file.ts";
 * import { readPart } from "./parts.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * const body = createPageFile(EVENT_COLUMNS).finish();
 * const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex();
 * const part = { key: `${bronzePrefix(day)}part-00000.parquet`, rows: 0, bytes: body.length, sha256 };
 * await lake.put(part.key, body);
 * assertEquals((await readPart(lake, part)).rows, 0);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function readPart(lake: Lake, part: Part): Promise<PartReader> {
  return openFetched(lake, await fetchPart(lake, part));
}

/**
 * Opens a part that was fetched.
 *
 * @throws {Failure} data: it is no Parquet file, or has other rows than the marker says
 */
export function openFetched(lake: Lake, { part, body, free }: FetchedPart): PartReader {
  try {
    const reader = openPart(body, free);
    if (reader.rows === part.rows) return reader;
  } catch (error) {
    throw malformed(lake, part, `it is not a readable Parquet file (${(error as Error).message})`);
  }
  throw malformed(
    lake,
    part,
    `the row count in its footer differs from the commit marker ` +
      `(${part.rows})`,
  );
}

/**
 * Describes how bytes differ from the part in the marker; undefined if they are equal.
 *
 * @param sha256 the digest of the bytes, if it is known
 */
export function difference(part: Part, body: Uint8Array, sha256?: string): string | undefined {
  if (body.length !== part.bytes) {
    return `it has ${body.length} bytes, but the commit marker says ${part.bytes}`;
  }
  const found = sha256 ?? sha256Of(body);
  return found === part.sha256 ? undefined : "its sha256 differs from the commit marker";
}

/** The failure for a part that does not match its marker. */
export function damaged(lake: Lake, part: Part, problem: string): Failure {
  return new Failure({
    kind: "data",
    task: `use ${lake.url(part.key)}`,
    problem: `${problem}. The object was changed after it was published`,
    remedy: rebuild(part) ?? "Restore it from a backup.",
  });
}

/**
 * The failure for a part whose size and digest are those in the marker, but whose content is not
 * that of its layer.
 */
export function malformed(lake: Lake, part: Part, problem: string): Failure {
  return new Failure({
    kind: "data",
    task: `use ${lake.url(part.key)}`,
    problem: `${problem}. The object has the digest in the commit marker, so it was published ` +
      "with this content",
    remedy: rebuild(part) ?? "Restore it and the commit marker from a backup.",
  });
}

/** The remedy for a part of silver. */
function rebuild({ key }: Part): string | undefined {
  const day = key.startsWith(SILVER_PREFIX) ? dayInKey(key) : undefined;
  return day && `Rebuild silver from bronze: deno task amend --date ${day}`;
}
