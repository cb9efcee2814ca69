import { CONTRACT } from "../contract/contract_file.ts";
import { SOURCE_KEY } from "../contract/keys.ts";
import { formatSource, isSameSource, type Source } from "../contract/source.ts";
import { Failure } from "../errors.ts";
import type { Lake } from "./lake.ts";
import { type BronzeCommit, ordered, parseJson, parseSource } from "./marker.ts";

// The lake has one object that names its source. A run creates or replaces it conditionally, before
// the run writes a marker. Two runs that begin with different tables in an empty lake therefore
// cannot both publish.

/** The record of the sources of a lake, as it is stored. */
export interface StoredSources {
  /** The sources, oldest first. Only the last one is copied from. */
  readonly sources: readonly Source[];
  /** The tag for a conditional replacement. */
  readonly etag: string;
}

/** The source of a run, and the record that the run found in the lake. */
export interface RunSource {
  /** The source that the run reads. */
  readonly current: Source;
  /** The record; undefined if the lake has none. */
  readonly stored: StoredSources | undefined;
  /** The sources to record before the marker is written; absent if the record stays. */
  readonly next?: readonly Source[];
}

const { sourceFormat: FORMAT } = CONTRACT.marker;

/** The number of attempts to write the record if the store refuses although the condition is met. */
const ATTEMPTS = 3;

/**
 * Reads the record of the sources of a lake.
 *
 * @returns undefined if the lake has no record
 * @throws {Failure} data: the object is not such a record
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openLake } from "./open.ts";
 * import { readSources } from "./source_record.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * assertEquals(await readSources(lake), undefined);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function readSources(lake: Lake): Promise<StoredSources | undefined> {
  const stored = await lake.get(SOURCE_KEY);
  if (stored === undefined) return undefined;
  try {
    return { sources: parseSources(stored.bytes), etag: stored.etag };
  } catch (error) {
    throw new Failure({
      kind: "data",
      task: `use ${lake.url(SOURCE_KEY)}, which names the table that the lake was copied from`,
      problem: (error as Error).message,
      remedy: "Find out who changed it, and restore it from a backup.",
      cause: error,
    });
  }
}

/**
 * Reads the bytes of a record.
 *
 * @throws {Error} the bytes are not a record; the message has the reason
 */
export function parseSources(bytes: Uint8Array): Source[] {
  const document = parseJson(bytes);
  const { format, sources } = Object(document) as Record<string, unknown>;
  if (format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
  if (!Array.isArray(sources)) throw new Error("sources are not a list");
  if (sources.length === 0) throw new Error("sources are empty");
  return sources.map((each, i) => parseSource(each, `sources[${i}]`));
}

/** Renders the bytes of a record. Equal content gives equal bytes. */
export function renderSources(sources: readonly Source[]): Uint8Array<ArrayBuffer> {
  const document = ordered("sources", {
    format: FORMAT,
    sources: sources.map((each) => ordered("source", each)),
  });
  return new TextEncoder().encode(JSON.stringify(document, null, 2) + "\n");
}

/**
 * Records the source of a run, unless the record has it. The store must honour conditions.
 *
 * @throws {Failure} configuration: another run has recorded another source meanwhile
 */
export async function recordSource(
  lake: Lake,
  { current, stored, next }: RunSource,
): Promise<void> {
  if (next === undefined) return;
  const condition = stored === undefined ? "absent" : { etag: stored.etag };
  const task = `record ${formatSource(current)} as the source of ${lake.name}`;
  for (let attempt = 1;; attempt++) {
    if (await lake.put(SOURCE_KEY, renderSources(next), condition) === "stored") return;
    const now = await readSources(lake);
    const last = now?.sources.at(-1);
    if (last !== undefined && isSameSource(last, current)) return;
    if (now?.etag !== stored?.etag) throw anotherSource(task, last);
    // Stores refuse a request while they process another conditional write.
    if (attempt === ATTEMPTS) throw writeRefused(task, lake);
  }
}

function anotherSource(task: string, last: Source | undefined): Failure {
  const found = last === undefined
    ? `someone has removed ${SOURCE_KEY}`
    : `another run has recorded ${formatSource(last)}`;
  return new Failure({
    kind: "configuration",
    task,
    problem: `${found} meanwhile. Nothing was published`,
    remedy: "Find out which table the backend writes, and set DJANGO_DB_HOST, DJANGO_DB_NAME and " +
      "OUTBOX_TABLE to this table.",
  });
}

function writeRefused(task: string, lake: Lake): Failure {
  return new Failure({
    kind: "configuration",
    task,
    problem: `the store refuses to write ${lake.url(SOURCE_KEY)}, although the condition of the ` +
      "write holds. Nothing was published. The bucket may have versioning or object lock, or a " +
      "proxy may alter ETags",
    remedy: "Turn that feature off, or use a different bucket (S3_BUCKET).",
  });
}

/**
 * Records the source of a run that writes no marker, if the lake has a record and the operator or
 * the run recognized an earlier name of the source.
 *
 * @throws {Failure} as {@linkcode recordSource}, and if the store does not honour conditions
 */
export async function recordRecognized(lake: Lake, source: RunSource): Promise<void> {
  if (source.stored === undefined || source.next === undefined) return;
  await lake.confirmConditions();
  await recordSource(lake, source);
}

/**
 * Confirms that a day was copied from a source of the lake, without a database. A day of an earlier
 * version, or a lake without a record, is not judged.
 *
 * @param task the task that fails, such as `build silver of 2025-12-28`
 * @throws {Failure} data: the record of the lake does not name the table of the day
 */
export async function confirmDayOfLake(
  lake: Lake,
  { day, source }: BronzeCommit,
  task: string,
): Promise<void> {
  if (source === undefined) return;
  const sources = (await readSources(lake))?.sources ?? [];
  if (sources.length === 0 || sources.some((each) => isSameSource(each, source))) return;
  throw new Failure({
    kind: "data",
    task,
    problem: `bronze of ${day} was copied from ${formatSource(source)}, and the lake from ` +
      `${sources.map(formatSource).join(", ")}. Nothing was changed`,
    remedy: `Compare the day with the table that the backend writes: ` +
      `deno task postflight --date ${day}`,
  });
}
