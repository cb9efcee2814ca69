import { createHash } from "node:crypto";
import { CONTRACT, type FieldList } from "../contract/contract_file.ts";
import type { Source } from "../contract/source.ts";
import { historyKey, partPattern, quarantineKey } from "../contract/keys.ts";
import type { Day } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import type { Lake } from "./lake.ts";

/** One Parquet file that a marker lists. */
export interface Part {
  /** The key in the lake. */
  readonly key: string;
  /** The number of rows. */
  readonly rows: number;
  /** The size in bytes. */
  readonly bytes: number;
  /** Hexadecimal digest of the file. */
  readonly sha256: string;
  /**
   * The number of the amendment that added the part, from 1; absent for a part from before any
   * amendment.
   */
  readonly amendment?: number;
}

/** Events that bronze keeps although they are missing or have different values in the outbox. */
export interface Acknowledged {
  /** Number of events. */
  readonly events: number;
  /** The digest of their identities, see {@linkcode identityDigest}. */
  readonly sha256: string;
}

/** The history of an amended marker. */
export interface Amended {
  /** Number of amendments so far, from 1. */
  readonly version: number;
  /** The copy of the marker that the last amendment replaced, and the digest of its bytes. */
  readonly previous: { readonly key: string; readonly sha256: string };
  /** Events in bronze that were no longer in the outbox. */
  readonly lost: Acknowledged;
  /** Events whose values differed in the outbox. Bronze kept its own values. */
  readonly altered: Acknowledged;
}

/** The document with the quarantined events of a day. */
export interface QuarantineLink {
  /** The key in the lake. */
  readonly key: string;
  /** Number of events in it. */
  readonly events: number;
  /** The size in bytes. */
  readonly bytes: number;
  /** Hexadecimal digest of the bytes. */
  readonly sha256: string;
}

/** The fields that the markers of both layers have. */
export interface Commit {
  /** The day of the window. */
  readonly day: Day;
  /** Open if the window can still grow; otherwise sealed. */
  readonly state: "open" | "sealed";
  /** The number of rows in all parts. */
  readonly rows: number;
  /** The fingerprint of the parts' columns. */
  readonly contract: string;
  /** The parts of the window, in reading order. */
  readonly parts: readonly Part[];
}

/** The commit marker of a day's bronze. */
export interface BronzeCommit extends Commit {
  /** Distinguishes the two kinds of markers. */
  readonly layer: "bronze";
  /** The smallest event_seq; null if no event has one. */
  readonly minSeq: bigint | null;
  /** The largest event_seq; null if no event has one. */
  readonly maxSeq: bigint | null;
  /** The table that the last run copied from; absent in a marker of an earlier version. */
  readonly source?: Source;
  /** The quarantined events of the day; absent if no event is in quarantine. */
  readonly quarantine?: QuarantineLink;
  /** The amendments; absent if the day was never amended. */
  readonly amended?: Amended;
}

/** The commit marker of a day's silver. */
export interface SilverCommit extends Commit {
  /** Distinguishes the two kinds of markers. */
  readonly layer: "silver";
  /** The bronze marker that it was made from, and the hexadecimal digest of that marker's bytes. */
  readonly bronze: { readonly key: string; readonly sha256: string };
}

/** A marker as it is stored in the lake. */
export interface StoredMarker<C> {
  /** The key in the lake. */
  readonly key: string;
  /** The content of the marker. */
  readonly commit: C;
  /** The bytes of the object. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The tag for a conditional replacement of the marker. */
  readonly etag: string;
  /** Hexadecimal digest of the bytes. */
  readonly sha256: string;
}

type Json = Record<string, unknown>;

const { format: FORMAT, fields: FIELDS, states: STATES, mostCount, mostLevels } = CONTRACT.marker;
const DIGEST = new RegExp(`^(?:${CONTRACT.marker.digestPattern})$`);
const INTEGER = new RegExp(`^(?:${CONTRACT.marker.integerPattern})$`);

/**
 * Renders the bytes of a marker. Equal content gives equal bytes, whichever run wrote the marker.
 * 64-bit integers are strings, because many JSON readers would round them.
 */
export function renderMarker(commit: BronzeCommit | SilverCommit): Uint8Array<ArrayBuffer> {
  const { layer, day, state, rows, contract, parts } = commit;
  const common = {
    format: FORMAT,
    layer,
    date: day,
    state,
    rows,
    contract,
    parts: parts.map((each) => ordered("part", each)),
  };
  const own = layer === "bronze"
    ? bronzeFields(commit)
    : { bronze: ordered("link", commit.bronze) };
  const document = ordered(layer, { ...common, ...own });
  return new TextEncoder().encode(JSON.stringify(document, null, 2) + "\n");
}

function bronzeFields({ minSeq, maxSeq, source, quarantine, amended }: BronzeCommit): Json {
  return {
    event_seq: ordered("event_seq", { min: text(minSeq), max: text(maxSeq) }),
    source: source && ordered("source", source),
    quarantine: quarantine && ordered("quarantine", quarantine),
    amended: amended && ordered("amended", {
      version: amended.version,
      previous: ordered("link", amended.previous),
      lost: ordered("acknowledged", amended.lost),
      altered: ordered("acknowledged", amended.altered),
    }),
  };
}

/** The values in the contract's order of fields. JSON omits undefined values. */
export function ordered(list: FieldList, values: object): Record<string, unknown> {
  const all = values as Json;
  return Object.fromEntries(FIELDS[list].map((field) => [field, all[field]]));
}

/**
 * A digest of a set of events: the hexadecimal SHA-256 of the sorted event_ids, each followed by a
 * line feed.
 */
export function identityDigest(eventIds: Iterable<string>): string {
  const hash = createHash("sha256");
  for (const id of [...eventIds].sort()) hash.update(`${id}\n`);
  return hash.digest("hex");
}

/** Summarizes a set of events for the acknowledgement in a marker. */
export function acknowledge(eventIds: ReadonlySet<string>): Acknowledged {
  return { events: eventIds.size, sha256: identityDigest(eventIds) };
}

/**
 * Reads the marker of a window.
 *
 * @returns undefined if the window has no marker
 * @throws {Failure} data: the object is not a marker of that window
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bronzeMarkerKey } from "../contract/keys.ts";
 * import { parseDay } from "../contract/window.ts";
 * import { readMarker } from "./marker.ts";
 * import { openLake } from "./open.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * assertEquals(await readMarker(lake, "bronze", bronzeMarkerKey(day), day), undefined);
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function readMarker<L extends "bronze" | "silver">(
  lake: Lake,
  layer: L,
  key: string,
  day: Day,
): Promise<StoredMarker<L extends "bronze" ? BronzeCommit : SilverCommit> | undefined> {
  const stored = await lake.get(key);
  if (stored === undefined) return undefined;
  const sha256 = createHash("sha256").update(stored.bytes).digest("hex");
  try {
    const commit = parseMarker(stored.bytes, layer, day);
    return { ...stored, key, sha256, commit: commit as never };
  } catch (error) {
    const { message } = error as Error;
    throw new Failure({
      kind: "data",
      task: `use the commit marker ${lake.url(key)}`,
      problem: message,
      remedy: "Find out who changed it, and " +
        `${(layer === "bronze"
          ? "restore it from a backup."
          : `rebuild silver from bronze: deno task amend --date ${day}`)}`,
      cause: error,
    });
  }
}

/**
 * Reads a marker's bytes.
 *
 * @throws {Error} the bytes are not a marker of that window; the message has the reason
 */
export function parseMarker(
  bytes: Uint8Array,
  layer: "bronze" | "silver",
  day: Day,
): BronzeCommit | SilverCommit {
  const marker = object(parseJson(bytes), "the marker");
  expect(marker.format === FORMAT, `its format is not ${FORMAT}`);
  expect(marker.layer === layer, `its layer is not ${layer}`);
  expect(marker.date === day, `its date is not ${day}`);
  const { state } = marker;
  const known = STATES.find((each) => each === state);
  if (known === undefined) {
    throw new Error(`its state is not ${STATES.map((each) => `"${each}"`).join(" or ")}`);
  }
  expect(Array.isArray(marker.parts), "its parts are not a list");
  const pattern = partPattern(layer, day);
  const parts = (marker.parts as unknown[]).map((entry, i) => part(entry, `parts[${i}]`, pattern));
  expect(new Set(parts.map(({ key }) => key)).size === parts.length, "it lists a part twice");
  const rows = count(marker.rows, "rows");
  expect(
    rows === parts.reduce((sum, each) => sum + each.rows, 0),
    "its row count differs from the total of its parts",
  );
  const common = {
    day,
    state: known,
    rows,
    contract: string(marker.contract, "contract"),
    parts,
  } as const;
  if (layer === "silver" || marker.amended === undefined) {
    expect(
      parts.every((each) => each.amendment === undefined),
      "a part has an amendment " +
        "number, but the marker has no amendment",
    );
  }
  if (layer === "bronze") {
    const seq = object(marker.event_seq, "event_seq");
    const [minSeq, maxSeq] = [integer(seq.min, "event_seq.min"), integer(seq.max, "event_seq.max")];
    const ends = minSeq === null || maxSeq === null ? minSeq === maxSeq : minSeq <= maxSeq;
    expect(ends, "event_seq.min and event_seq.max do not match");
    const source = marker.source === undefined ? {} : { source: parseSource(marker.source) };
    const quarantine = marker.quarantine === undefined
      ? {}
      : { quarantine: quarantineLink(marker.quarantine, day) };
    const amended = marker.amended === undefined
      ? {}
      : { amended: amendment(marker.amended, day, parts) };
    return { layer, ...common, minSeq, maxSeq, ...source, ...quarantine, ...amended };
  }
  const bronze = object(marker.bronze, "bronze");
  const source = { key: string(bronze.key, "bronze.key"), sha256: digest(bronze.sha256, "bronze") };
  return { layer: "silver", ...common, bronze: source };
}

/**
 * Parses only JSON that both engines interpret in the same way.
 *
 * @throws {Error} the bytes are not JSON in UTF-8, or have too many levels of objects and lists
 */
export function parseJson(bytes: Uint8Array): unknown {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Error("it is not JSON");
  }
  confirmLevels(json, mostLevels);
  return json;
}

function confirmLevels(value: unknown, levels: number): void {
  if (typeof value !== "object" || value === null) return;
  expect(levels > 0, `it has more than ${mostLevels} levels`);
  for (const each of Object.values(value)) confirmLevels(each, levels - 1);
}

/**
 * Reads the source in a marker, or in the record of the lake.
 *
 * @throws {Error} it is not a source; the message has the reason
 */
export function parseSource(value: unknown, place = "source"): Source {
  const { database, system, schema, table } = object(value, place);
  return {
    database: string(database, `${place}.database`),
    ...(system === undefined ? {} : { system: systemOf(system, `${place}.system`) }),
    schema: string(schema, `${place}.schema`),
    table: string(table, `${place}.table`),
  };
}

function systemOf(value: unknown, place: string): string {
  const number = typeof value === "string" ? integer(value, place) : null;
  if (number === null) throw new Error(`${place} is not a 64-bit integer in a string`);
  return String(number);
}

function quarantineLink(value: unknown, day: Day): QuarantineLink {
  const { key, events, bytes, sha256 } = object(value, "quarantine");
  const link = {
    key: string(key, "quarantine.key"),
    events: count(events, "quarantine.events"),
    bytes: count(bytes, "quarantine.bytes"),
    sha256: digest(sha256, "quarantine"),
  };
  expect(link.events > 0, "quarantine.events is 0");
  expect(link.key === quarantineKey(day, link.sha256), "quarantine.key does not match its sha256");
  return link;
}

function amendment(value: unknown, day: Day, parts: readonly Part[]): Amended {
  const json = object(value, "amended");
  const version = count(json.version, "amended.version");
  expect(version > 0, "amended.version is 0");
  const previous = object(json.previous, "amended.previous");
  const sha256 = digest(previous.sha256, "amended.previous");
  const key = string(previous.key, "amended.previous.key");
  expect(
    key === historyKey(day, version - 1, sha256),
    "amended.previous.key is not its history key",
  );
  let last = 0;
  for (const { amendment = 0 } of parts) {
    expect(amendment >= last && amendment <= version, "parts are not in the order of amendments");
    last = amendment;
  }
  return {
    version,
    previous: { key, sha256 },
    lost: acknowledged(json.lost, "amended.lost"),
    altered: acknowledged(json.altered, "amended.altered"),
  };
}

function acknowledged(value: unknown, place: string): Acknowledged {
  const { events, sha256 } = object(value, place);
  return { events: count(events, `${place}.events`), sha256: digest(sha256, place) };
}

function part(entry: unknown, place: string, pattern: RegExp): Part {
  const { key, rows, bytes, sha256, amendment } = object(entry, place);
  const name = string(key, `${place}.key`);
  expect(pattern.test(name), `${place} is outside the window`);
  return {
    key: name,
    rows: count(rows, `${place}.rows`),
    bytes: count(bytes, `${place}.bytes`),
    sha256: digest(sha256, place),
    ...(amendment === undefined ? {} : { amendment: positive(amendment, `${place}.amendment`) }),
  };
}

function positive(value: unknown, place: string): number {
  const number = count(value, place);
  expect(number > 0, `${place} is 0`);
  return number;
}

function expect(holds: boolean, problem: string): void {
  if (!holds) throw new Error(problem);
}

function object(value: unknown, place: string): Json {
  expect(
    typeof value === "object" && value !== null && !Array.isArray(value),
    `${place} is not an object`,
  );
  return value as Json;
}

function string(value: unknown, place: string): string {
  const isText = typeof value === "string" && value !== "" && value.isWellFormed();
  expect(isText, `${place} is not a text`);
  return value as string;
}

function count(value: unknown, place: string): number {
  const isCount = Number.isInteger(value) && value as number >= 0 && value as number <= mostCount;
  expect(isCount, `${place} is not a count`);
  return value as number;
}

function digest(value: unknown, place: string): string {
  expect(typeof value === "string" && DIGEST.test(value), `${place}.sha256 is not a digest`);
  return value as string;
}

function integer(value: unknown, place: string): bigint | null {
  if (value === null) return null;
  const problem = `${place} is not a 64-bit integer in a string`;
  if (typeof value !== "string" || !INTEGER.test(value)) throw new Error(problem);
  const number = BigInt(value);
  expect(BigInt.asIntN(64, number) === number, problem);
  return number;
}

function text(value: bigint | null): string | null {
  return value === null ? null : String(value);
}
