import { type BronzeDifferences, compareBronze } from "../../pipeline/bronze_window.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import type { Source } from "../../pipeline/contract/source.ts";
import { type Day, windowOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type BronzeCommit, readMarker, type StoredMarker } from "../../pipeline/lake/marker.ts";
import { connect, type Connection } from "../../pipeline/outbox/connection.ts";
import { readSchema } from "../../pipeline/outbox/schema.ts";
import { readSource } from "../../pipeline/outbox/source.ts";
import { readStrays, type Survey, survey } from "../../pipeline/outbox/survey.ts";
import { ATTEMPTS, readStored } from "./lake_day.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** One day of the outbox, and the differences between the outbox and bronze. */
export interface SourceFact {
  /** The day, as in `2025-12-28`. */
  readonly day: Day;
  /** The user, the server and the database, for messages. */
  readonly name: string;
  /** The table that was read, as Postgres names it; undefined if it is not known. */
  readonly source?: Source;
  /** The events of the day; undefined if the table does not match the contract. */
  readonly survey?: Pick<Survey, "rows" | "unfit" | "strays" | "strayCount">;
  /** The differences; undefined if bronze has no valid marker or could not be compared. */
  readonly compared?: Compared;
  /** The reason why the table could not be surveyed, or bronze could not be compared. */
  readonly refusal?: Refusal;
}

/** A comparison of the outbox with one state of bronze. */
export interface Compared {
  /** The sha256 of the compared marker, in hexadecimal. */
  readonly sha256: string;
  /** The differences between the outbox and bronze. */
  readonly differences: BronzeDifferences;
}

/** Describes the location of the events, as in `stop_events in robson@db:5432/rbsdb`. */
export function outboxIn(table: string, name: string): string {
  return `${table} in ${name}`;
}

/**
 * Surveys a day of the outbox and compares each event with bronze, in one read-only snapshot.
 *
 * @param signal ends the session when it aborts
 * @param silence milliseconds without any data after which the session fails
 * @throws {Failure} the database or the lake is unreachable or refuses a request; invalid data is
 *   part of the fact
 */
export async function gatherSource(
  config: DatabaseConfig,
  lake: Lake,
  day: Day,
  signal?: AbortSignal,
  silence?: number,
): Promise<SourceFact> {
  const read = async () =>
    (await readStored(() => readMarker(lake, "bronze", bronzeMarkerKey(day), day))).marker;
  for (let attempt = 1;; attempt++) {
    // Read the marker before the snapshot: events in bronze were in the outbox before bronze was
    // published.
    const marker = await read();
    const open = () => connect(config, { signal, silence });
    const fact = marker && await compareRead(await open(), lake, day, marker) ||
      await compareSurveyed(await open(), lake, day, marker);
    if ((await read())?.sha256 === marker?.sha256 || attempt === ATTEMPTS) return fact;
  }
}

/**
 * Compares the day without a survey, which takes longer than the comparison, and closes the
 * session. The comparison reads and counts every event and refuses one that does not fit, so its
 * success shows that all events fit.
 *
 * @returns undefined if only a survey shows the state of the day
 */
async function compareRead(
  connection: Connection,
  lake: Lake,
  day: Day,
  { commit, sha256 }: StoredMarker<BronzeCommit>,
): Promise<SourceFact | undefined> {
  const window = windowOf(day);
  try {
    const schema = await readSchema(connection);
    const isUnique = schema.unique.has("event_id") && schema.unique.has("event_seq");
    if (!isUnique || schema.wider.size > 0 || commit.quarantine !== undefined) return undefined;
    const source = await readSource(connection);
    connection.beginSnapshot();
    const strays = await readStrays(connection);
    const run = { connection, window, schema, observer: NO_OBSERVER };
    const { rows, ...differences } = await compareBronze(run, lake, { unfit: [] }, commit);
    const found = { rows, unfit: [], ...strays };
    return { day, name: connection.name, source, survey: found, compared: { sha256, differences } };
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return undefined;
    throw error;
  } finally {
    await connection.close();
  }
}

/** Surveys and compares the day, and closes the session. */
async function compareSurveyed(
  connection: Connection,
  lake: Lake,
  day: Day,
  marker: StoredMarker<BronzeCommit> | undefined,
): Promise<SourceFact> {
  const { name, table } = connection;
  const common = { day, name };
  try {
    const outbox = outboxIn(table, name);
    const schema = await orRefusal(outbox, () => readSchema(connection));
    const source = await readSource(connection);
    if ("opened" in schema) return { ...common, source, refusal: schema };
    connection.beginSnapshot();
    const found = await orRefusal(outbox, () => survey(connection, windowOf(day), schema));
    if ("opened" in found) return { ...common, source, refusal: found };
    const seen = { source, survey: found };
    if (marker === undefined) return { ...common, ...seen };
    const { key, commit, sha256 } = marker;
    const run = { connection, window: windowOf(day), schema, observer: NO_OBSERVER };
    const differences = await orRefusal(key, () => compareBronze(run, lake, found, commit));
    if ("opened" in differences) return { ...common, ...seen, refusal: differences };
    return { ...common, ...seen, compared: { sha256, differences } };
  } finally {
    await connection.close();
  }
}

const NO_OBSERVER = { step() {}, progress() {} };

/** Returns the result of a query, or a refusal if the data is invalid. */
async function orRefusal<T>(name: string, find: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return refusal(name, error);
    throw error;
  }
}
