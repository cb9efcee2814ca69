import { CONTRACT, type KeyName, type LayerName } from "./contract_file.ts";

const { keys, parts, marker } = CONTRACT;

/** The folder of all of bronze. */
export const BRONZE_PREFIX: string = keys.bronzeRoot;

/** The folder of all of silver. */
export const SILVER_PREFIX: string = keys.silverRoot;

/** The folder of silver's commit markers. */
export const SILVER_MARKERS_PREFIX: string = keys.silverMarkersFolder;

/** The folders that Spark writes into before it publishes. Each run has its own folder in them. */
export const STAGING_PREFIXES: readonly string[] = [keys.bronzeStaging, keys.silverStaging];

/** The record of the sources that the lake was copied from. */
export const SOURCE_KEY: string = keys.lakeSource;

/** The start of the name of a new part. */
export const PART_STEM: string = parts.stem;

/**
 * The prefix of the name of a part that is added to a sealed window. Only clean removes such parts.
 */
export const LATE_STEM: string = parts.lateStem;

const PART_NAME = new RegExp(`^(?:${parts.namePattern})$`);

/** A key of the contract, with placeholders such as `{day}` replaced by values. */
function fill(name: KeyName, values: Readonly<Record<string, string>>): string {
  return keys[name].replace(/{(\w+)}/g, (_, placeholder) => values[placeholder]!);
}

/** A number as keys have it, with zeros in front. */
export function numberInKey(number: number): string {
  return String(number).padStart(keys.numberDigits, "0");
}

/** The first digits of a digest, as keys have them. */
export function digestInKey(sha256: string): string {
  return sha256.slice(0, keys.digestDigits);
}

/**
 * The folder of a day's bronze files.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bronzePrefix } from "./keys.ts";
 * assertEquals(bronzePrefix("2025-12-28"), "bronze/events/date=2025-12-28/");
 * ```
 */
export function bronzePrefix(day: string): string {
  return fill("bronzeFolder", { day });
}

/**
 * The commit marker of a day's bronze.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bronzeMarkerKey } from "./keys.ts";
 * assertEquals(bronzeMarkerKey("2025-12-28"), "bronze/events/date=2025-12-28/_commit.json");
 * ```
 */
export function bronzeMarkerKey(day: string): string {
  return fill("bronzeMarker", { day });
}

/** The folder of the bronze markers that amendments replaced. */
export function bronzeHistoryPrefix(day: string): string {
  return fill("bronzeHistoryFolder", { day });
}

/** The copy of a bronze marker that an amendment replaced. */
export function historyKey(day: string, version: number, sha256: string): string {
  const [number, digest] = [numberInKey(version), digestInKey(sha256)];
  return fill("bronzeHistory", { day, number, digest });
}

/** The document with the quarantined events of a day. */
export function quarantineKey(day: string, sha256: string): string {
  return fill("bronzeQuarantine", { day, digest: digestInKey(sha256) });
}

/** The folder of one client's executions on one day. */
export function silverPrefix(client: bigint, day: string): string {
  return fill("silverFolder", { client: String(client), day });
}

/**
 * The folder of a day within a client's folder; undefined if the folder is not one of a client.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { silverDayFolder } from "./keys.ts";
 * const folder = "silver/stop_executions/client_id=7/";
 * assertEquals(silverDayFolder(folder, "2025-12-28"), `${folder}date=2025-12-28/`);
 * ```
 */
export function silverDayFolder(clientFolder: string, day: string): string | undefined {
  const client = CLIENT_FOLDER.exec(clientFolder)?.[1];
  return client === undefined ? undefined : silverPrefix(BigInt(client), day);
}

/**
 * The commit marker of a day's silver, for all clients.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SILVER_MARKERS_PREFIX, silverMarkerKey } from "./keys.ts";
 * assertEquals(silverMarkerKey("2025-12-28").startsWith(SILVER_MARKERS_PREFIX), true);
 * ```
 */
export function silverMarkerKey(day: string): string {
  return fill("silverMarker", { day });
}

/** The beginning of the keys of a layer's days, up to the first characters of the day. */
export function daysPrefix(layer: LayerName, start: string): string {
  return keys[layer === "bronze" ? "bronzeFolder" : "silverMarker"].split("{day}")[0] + start;
}

const DAY_SEGMENT = keys.bronzeFolder.split("{day}")[0]!.split("/").at(-1)!;
const DAY_IN_KEY = new RegExp(`/${RegExp.escape(DAY_SEGMENT)}(\\d{4}-\\d{2}-\\d{2})(?:/|\\.json$)`);

/** Returns the day in a key, as text; undefined if the key contains no day. */
export function dayInKey(key: string): string | undefined {
  return DAY_IN_KEY.exec(key)?.[1];
}

const CLIENT_FOLDER = new RegExp(
  `^${RegExp.escape(keys.silverFolder.split("{client}")[0]!)}(${marker.integerPattern})/$`,
);

/** A regular expression for the folders of all clients' executions on one day. */
export function silverFolderPattern(day: string): RegExp {
  return new RegExp(`^${silverFolder(day)}$`);
}

function silverFolder(day: string): string {
  return fill("silverFolder", { client: "{client}", day }).split("{client}").map(RegExp.escape)
    .join(`(?:${marker.integerPattern})`);
}

/**
 * The name of a new part, without `.parquet`.
 *
 * @param stem {@linkcode PART_STEM}, or the text after {@linkcode LATE_STEM}
 * @param replaced the digest of the marker that the part replaces, if any
 */
export function partName(
  stem: string,
  index: number,
  sha256: string,
  replaced: string | undefined,
): string {
  const suffix = replaced === undefined ? "" : `-${replaced.slice(0, parts.replacedDigestDigits)}`;
  return `${stem}${numberInKey(index)}-${digestInKey(sha256)}${suffix}`;
}

/**
 * Returns whether a key belongs to a part: its name ends with `.parquet` and starts with neither
 * `_` nor `.`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bronzeMarkerKey, bronzePrefix, isPart } from "./keys.ts";
 * assertEquals(isPart(`${bronzePrefix("2025-12-28")}part-00000-1a2b.parquet`), true);
 * assertEquals(isPart(bronzeMarkerKey("2025-12-28")), false);
 * ```
 */
export function isPart(key: string): boolean {
  return PART_NAME.test(key.slice(key.lastIndexOf("/") + 1));
}

/** A regular expression for the keys that parts of a window may have. */
export function partPattern(layer: LayerName, day: string): RegExp {
  const folder = layer === "bronze" ? RegExp.escape(bronzePrefix(day)) : silverFolder(day);
  return new RegExp(`^${folder}(?:${parts.namePattern})$`);
}
