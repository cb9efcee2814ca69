import { bronzeHistoryPrefix, bronzePrefix, silverMarkerKey } from "./contract/keys.ts";
import type { WindowRun } from "./bronze_window.ts";
import type { Window } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import type { Lake } from "./lake/lake.ts";
import type { BronzeCommit, Part } from "./lake/marker.ts";
import { nameParts } from "./lake/parts.ts";
import { BRONZE, BRONZE_ORDER } from "./compare.ts";
import { storedRows } from "./merge.ts";
import type { Connection } from "./outbox/connection.ts";
import { copyEvents, identitiesQuery, missingEvents } from "./outbox/window_rows.ts";
import type { OutboxSchema } from "./outbox/schema.ts";
import type { Survey } from "./outbox/survey.ts";
import {
  contractText,
  describeUnfit,
  quarantinedIds,
  readQuarantine,
  renderQuarantine,
} from "./quarantine.ts";
import { isPart } from "./contract/keys.ts";
import { openPart } from "./lake/parquet_reader.ts";
import { createEventParts } from "./pages/event_parts.ts";
import { readIdentities } from "./pages/identities.ts";
import { NAMED, plural } from "./progress.ts";

/**
 * Returns the identities of the events of a window that are in bronze and no longer in the outbox.
 * Comparing counts is not enough: an outbox that lost two events and gained three has one more.
 * Events in quarantine count as well.
 *
 * @param published the published bronze
 * @throws {Failure} data: a part is missing or damaged, and the outbox does not give it any more; the
 *   quarantine is missing or damaged
 */
export async function lostEvents(
  { connection, window, schema }: Pick<WindowRun, "connection" | "window" | "schema">,
  lake: Lake,
  { unfit }: Pick<Survey, "unfit">,
  published: BronzeCommit,
): Promise<Set<string>> {
  const first = () => digestsOfFirst(published.rows, connection, window, schema, unfit.length > 0);
  const inParts = await missingFromParts(connection, window, lake, published, first);
  const { quarantine } = published;
  const known = renderQuarantine({ day: window.day, events: unfit })?.link.sha256;
  // A document that is stored again as it was need not be there.
  if (quarantine === undefined || quarantine.sha256 === known) return inParts;
  const waiting = await readQuarantine(lake, window.day, quarantine);
  const missing = await missingEvents(connection, window, [...quarantinedIds(waiting)]);
  const present = new Set(unfit.map(contractText));
  const nameless = waiting.events.filter((event) =>
    event.event_id === null && !present.has(contractText(event))
  );
  return inParts.union(missing).union(new Set(nameless.map(describeUnfit)));
}

/**
 * A part that is missing or damaged has lost no event if the outbox still gives it byte for byte.
 *
 * @param first returns the digests of the parts that the outbox gives
 */
async function missingFromParts(
  connection: Connection,
  window: Window,
  lake: Lake,
  published: BronzeCommit,
  first: () => Promise<ReadonlySet<string>>,
): Promise<Set<string>> {
  try {
    return await missingFrom(connection, window, lake, published.parts);
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== "data") throw error;
    const given = await first();
    const others = published.parts.filter(({ sha256 }) => !given.has(sha256));
    if (others.length === published.parts.length) throw error;
    return await missingFrom(connection, window, lake, others);
  }
}

/**
 * Returns the digests of the parts that a run would make of the first events of a window. If new
 * events only come after the events of bronze, these parts equal those of bronze.
 *
 * @param fit true to leave out events that do not fit the contract
 */
async function digestsOfFirst(
  rows: number,
  connection: Connection,
  window: Window,
  schema: OutboxSchema,
  fit: boolean,
): Promise<Set<string>> {
  const { read } = createEventParts({ most: rows });
  const digests = new Set<string>();
  const files = read(copyEvents(connection, window, schema, fit));
  for await (const { sha256 } of nameParts(files, bronzePrefix(window.day))) digests.add(sha256);
  return digests;
}

async function missingFrom(
  connection: Connection,
  window: Window,
  lake: Lake,
  parts: readonly Part[],
): Promise<Set<string>> {
  const stored = storedRows(lake, parts, BRONZE_ORDER, BRONZE.compare);
  const absent: string[] = [];
  const there = readIdentities(connection.copy(identitiesQuery(connection, window)));
  let a = await there.next();
  try {
    for await (const row of stored) {
      while (!a.done && BRONZE.compare(a.value, row) < 0) a = await there.next();
      if (a.done || BRONZE.compare(a.value, row) !== 0) absent.push(row[0] as string);
    }
  } finally {
    while (!a.done) a = await there.next(); // the session is free only at the end of the copy
  }
  // An event with an altered event_seq has a different place in the order, but still exists.
  return await missingEvents(connection, window, absent);
}

/**
 * Confirms that publishing a day without a commit marker loses no event. If the day has silver or
 * amendments, it was published before, and its marker was removed. Its parts may contain events
 * that the outbox has lost since, and a run would remove these parts as leftovers.
 *
 * @throws {Failure} data: a remaining part has events that the outbox has lost, or cannot be read
 */
export async function confirmNothingLost(
  { connection, window, publication, observer }: WindowRun,
): Promise<void> {
  const { lake, previous, listed } = publication;
  if (previous !== undefined || !await wasPublished(publication, window.day)) return;
  const lost = new Set<string>();
  const unreadable: string[] = [];
  for (const { key } of listed.filter((entry) => isPart(entry.key))) {
    const stored = await lake.get(key);
    if (stored === undefined) continue;
    try {
      for await (const { columns } of openPart(stored.bytes).groups(["event_id"])) {
        const missing = await missingEvents(connection, window, columns[0] as string[]);
        missing.forEach((id) => lost.add(id));
      }
    } catch (error) {
      if (error instanceof Failure) throw error;
      unreadable.push(key);
    }
  }
  if (lost.size > 0 || unreadable.length > 0) {
    throw eventsRemoved(connection.table, window.day, lost, unreadable);
  }
  observer.step({
    step: "marker",
    says: "the commit marker is missing, although the day was published before; the outbox still " +
      "has every event of the remaining parts, so the day is published again",
    data: { key: publication.key },
    warning: true,
  });
}

async function wasPublished(
  { lake, listed }: WindowRun["publication"],
  day: string,
): Promise<boolean> {
  if (listed.some(({ key }) => key.startsWith(bronzeHistoryPrefix(day)))) return true;
  return await lake.get(silverMarkerKey(day)) !== undefined;
}

function eventsRemoved(
  table: string,
  day: string,
  lost: ReadonlySet<string>,
  unreadable: readonly string[],
): Failure {
  const ids = [...lost].slice(0, NAMED).join(", ");
  const more = lost.size > NAMED ? ` and ${lost.size - NAMED} more` : "";
  const events = lost.size === 0
    ? []
    : [`${plural(lost.size, "event")} that ${table} no longer has: ${ids}${more}`];
  const parts = unreadable.map((key) => `${key}, which cannot be read`);
  return new Failure({
    kind: "data",
    task: `export ${day}`,
    problem: "the day was published before, but its commit marker is missing. The parts that lie " +
      `there hold ${[...events, ...parts].join("; ")}. Nothing was changed`,
    remedy: "Restore the commit marker from a backup.",
  });
}
