import { createHash } from "node:crypto";
import { quarantineKey } from "./contract/keys.ts";
import { CONTRACT } from "./contract/contract_file.ts";
import { EVENT_COLUMNS } from "./contract/tables.ts";
import { type Day, parseDay } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import type { Lake } from "./lake/lake.ts";
import { parseJson, type QuarantineLink } from "./lake/marker.ts";
import type { UnfitEvent } from "./outbox/survey.ts";

/** The events of a day that do not fit the Parquet types, with their full text. */
export interface Quarantine {
  /** The day. */
  readonly day: Day;
  /** Sorted by event_id; events without an event_id are last. */
  readonly events: readonly UnfitEvent[];
}

const FORMAT = CONTRACT.marker.quarantineFormat;

/** A quarantine document, and the link to it in the marker. */
export interface QuarantineDocument {
  /** The link to the quarantine for the day's marker. */
  readonly link: QuarantineLink;
  /** The bytes of the JSON document. Equal events give equal bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Renders a quarantine.
 *
 * @returns undefined if there are no events
 */
export function renderQuarantine({ day, events }: Quarantine): QuarantineDocument | undefined {
  if (events.length === 0) return undefined;
  const sorted = [...events].sort(byIdentity).map(({ event_id, problems, row }) => ({
    event_id,
    problems: problems.map(({ column, problem }) => ({ column, problem })),
    row,
  }));
  const text = `${JSON.stringify({ format: FORMAT, date: day, events: sorted }, null, 2)}\n`;
  const body = new TextEncoder().encode(text);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const key = quarantineKey(day, sha256);
  return { link: { key, events: events.length, bytes: body.length, sha256 }, body };
}

/**
 * Reads the quarantine that a marker links to.
 *
 * @throws {Failure} data: it is missing, or not the document that the marker names
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "./contract/window.ts";
 * import { openLake } from "./lake/open.ts";
 * import { readQuarantine } from "./quarantine.ts";
 * const path = await Deno.makeTempDir();
 * const lake = await openLake({ kind: "directory", path });
 * const day = parseDay("2025-12-28")!;
 * // A marker without a link names no quarantine.
 * assertEquals(await readQuarantine(lake, day, undefined), { day, events: [] });
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function readQuarantine(
  lake: Lake,
  day: Day,
  link: QuarantineLink | undefined,
): Promise<Quarantine> {
  if (link === undefined) return { day, events: [] };
  const stored = await lake.get(link.key);
  if (stored === undefined) throw unusableDocument(lake, link, "it is missing");
  const sha256 = createHash("sha256").update(stored.bytes).digest("hex");
  if (sha256 !== link.sha256) {
    throw unusableDocument(lake, link, "its sha256 differs from the commit marker");
  }
  try {
    return parseQuarantine(stored.bytes);
  } catch (error) {
    throw unusableDocument(lake, link, (error as Error).message);
  }
}

/**
 * Reads a quarantine's bytes.
 *
 * @throws {Error} they are no quarantine
 */
export function parseQuarantine(bytes: Uint8Array): Quarantine {
  const json = parseJson(bytes) as { format?: unknown; date?: unknown; events?: unknown } | null;
  if (json?.format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
  const day = typeof json.date === "string" ? parseDay(json.date) : undefined;
  if (day === undefined) throw new Error("its date is not a day");
  if (!Array.isArray(json.events) || !json.events.every(isUnfitEvent)) {
    throw new Error("its events are not a list of events");
  }
  return { day, events: json.events };
}

/**
 * The identities of the quarantined events that have one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { quarantinedIds } from "./quarantine.ts";
 * const event = { event_id: "018f", problems: [{ column: "fill_price", problem: "NaN" }], row: {} };
 * assertEquals([...quarantinedIds({ events: [event] })], ["018f"]);
 * ```
 */
export function quarantinedIds({ events }: Pick<Quarantine, "events">): Set<string> {
  return new Set(events.flatMap(({ event_id }) => event_id ?? []));
}

/**
 * Formats the columns of an event that the contract lists. Two events with equal text are the same
 * event, even if the table has gained a column.
 */
export function contractText({ row }: Pick<UnfitEvent, "row">): string {
  return JSON.stringify(EVENT_COLUMNS.map(({ name }) => row[name] ?? null));
}

/**
 * Formats the id and the problems of an event: `018f… (fill_price NaN)`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { describeUnfit } from "./quarantine.ts";
 * const problems = [{ column: "fill_price", problem: "NaN" }];
 * assertEquals(describeUnfit({ event_id: "018f", problems, row: {} }), "018f (fill_price NaN)");
 * ```
 */
export function describeUnfit({ event_id, problems }: UnfitEvent): string {
  const list = problems.map(({ column, problem }) => `${column} ${problem}`).join(", ");
  return `${event_id ?? "an event without event_id"} (${list})`;
}

function isUnfitEvent(value: unknown): value is UnfitEvent {
  const isText = (text: unknown) => text === null || typeof text === "string";
  const event = value as Partial<UnfitEvent> | null;
  return typeof event === "object" && event !== null && isText(event.event_id) &&
    Array.isArray(event.problems) &&
    event.problems.every((each) => isText(each?.column) && isText(each?.problem)) &&
    typeof event.row === "object" && event.row !== null && Object.values(event.row).every(isText);
}

function byIdentity(a: UnfitEvent, b: UnfitEvent): number {
  if (a.event_id === b.event_id) {
    return compare(JSON.stringify(a.row), JSON.stringify(b.row));
  }
  if (a.event_id === null || b.event_id === null) return a.event_id === null ? 1 : -1;
  return compare(a.event_id, b.event_id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unusableDocument(lake: Lake, { key }: QuarantineLink, problem: string): Failure {
  return new Failure({
    kind: "data",
    task: `use the quarantine ${lake.url(key)}`,
    problem,
    remedy: "Restore it from a backup.",
  });
}

/**
 * Stores the events of a day that do not fit the Parquet types.
 *
 * @param dryRun true to return only the link for the marker
 * @returns the link for the day's marker; undefined if there are no such events
 */
export async function storeQuarantine(
  lake: Lake,
  day: Day,
  events: readonly UnfitEvent[],
  dryRun: boolean,
): Promise<QuarantineLink | undefined> {
  const document = renderQuarantine({ day, events });
  if (document !== undefined && !dryRun) await lake.put(document.link.key, document.body);
  return document?.link;
}
