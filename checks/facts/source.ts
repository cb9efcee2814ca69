import { type BronzeDifferences, compareBronze } from "../../pipeline/bronze_window.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import { OUTBOX_TABLE } from "../../pipeline/contract/tables.ts";
import { type Day, windowOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { type BronzeCommit, readMarker, type StoredMarker } from "../../pipeline/lake/marker.ts";
import { connect, type Connection } from "../../pipeline/outbox/connection.ts";
import { readSchema } from "../../pipeline/outbox/schema.ts";
import { type Survey, survey } from "../../pipeline/outbox/survey.ts";
import { ATTEMPTS, readStored } from "./lake_day.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** What the outbox has of a day, and how that differs from what bronze has. */
export interface SourceFact {
  /** Which day. */
  readonly day: Day;
  /** For people: the user, the server and the database. */
  readonly name: string;
  /** What falls on the day; undefined where the table is not what a run can copy. */
  readonly survey?: Pick<Survey, "rows" | "unfit" | "strays" | "strayCount">;
  /** How bronze differs; undefined where it has no marker that can be used, or was not comparable. */
  readonly compared?: Compared;
  /** Why the table cannot be surveyed, or why bronze cannot be compared with it. */
  readonly refusal?: Refusal;
}

/** A comparison of the outbox with one state of bronze. */
export interface Compared {
  /** Hexadecimal digest of the marker that was compared. */
  readonly sha256: string;
  /** What differs. */
  readonly differences: BronzeDifferences;
}

/** Where the events are, for people. */
export function outboxIn(name: string): string {
  return `${OUTBOX_TABLE} in ${name}`;
}

/**
 * Surveys a day of the outbox and compares it with bronze, event by event, in one snapshot that can
 * change nothing.
 *
 * @param signal ends the session when it aborts
 * @param silence milliseconds that the server may send nothing
 * @throws {Failure} the database or the lake is out of reach, or refuses. What is wrong with the data is
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
    // The marker comes before the snapshot: what bronze has was in the outbox before it was published.
    const marker = await read();
    const connection = await connect(config, { signal, silence });
    const fact = await compare(connection, lake, day, marker);
    if ((await read())?.sha256 === marker?.sha256 || attempt === ATTEMPTS) return fact;
  }
}

/** Looks at the day, and ends the session. */
async function compare(
  connection: Connection,
  lake: Lake,
  day: Day,
  marker: StoredMarker<BronzeCommit> | undefined,
): Promise<SourceFact> {
  const { name } = connection;
  const common = { day, name };
  try {
    const found = await told(outboxIn(name), () => surveyDay(connection, day));
    if ("opened" in found) return { ...common, refusal: found };
    if (marker === undefined) return { ...common, survey: found.survey };
    const { key, commit, sha256 } = marker;
    const run = { connection, window: windowOf(day), schema: found.schema, observer: SILENT };
    const differences = await told(key, () => compareBronze(run, lake, found.survey, commit));
    if ("opened" in differences) return { ...common, survey: found.survey, refusal: differences };
    return { ...common, survey: found.survey, compared: { sha256, differences } };
  } finally {
    await connection.close();
  }
}

const SILENT = { step() {}, progress() {} };

async function surveyDay(connection: Connection, day: Day) {
  const schema = await readSchema(connection);
  await connection.beginSnapshot();
  return { schema, survey: await survey(connection, windowOf(day), schema) };
}

/** What was found, or why the data does not let anybody find it. */
async function told<T>(name: string, find: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return refusal(name, error);
    throw error;
  }
}
