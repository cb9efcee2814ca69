import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { Source } from "../../pipeline/contract/source.ts";
import { type Day, dayOf, windowOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import { connect, type Connection } from "../../pipeline/outbox/connection.ts";
import { databaseClock, type Holder, readHolders } from "../../pipeline/outbox/fence.ts";
import { findTable, nearMisses, type OutboxTable } from "../../pipeline/outbox/schema.ts";
import { readSource } from "../../pipeline/outbox/source.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";

/** The state of the database. */
export interface DatabaseOpened {
  /** Distinguishes this fact from a refusal. */
  readonly opened: true;
  /** The user, the server and the database, for messages. */
  readonly name: string;
  /** The role of the session. */
  readonly user: string;
  /** The server's version, such as `18.4`. */
  readonly version: string;
  /** The name of the table that the pipeline copies, as SQL writes it. */
  readonly outbox: string;
  /** The outbox; undefined if no table of that name is visible to the user. */
  readonly table: OutboxTable | undefined;
  /** Why the server refused to look for the table, as without a right on the table's schema. */
  readonly refused?: Failure;
  /** The outbox as a lake records it; undefined if no table of that name is visible to the user. */
  readonly source?: Source | undefined;
  /** Tables and views with names similar to the outbox. Empty unless the outbox is missing. */
  readonly nearMisses: readonly string[];
  /** Today in UTC, by the database's clock. */
  readonly today: Day;
  /**
   * The sessions that would prevent today's window from being sealed if they stayed open. They are
   * not read after a refusal.
   */
  readonly holders: readonly Holder[];
  /** The seconds that a writer may take after the end of a window. */
  readonly graceSeconds: number;
}

/** The state of the database, or the reason that the login failed. */
export type DatabaseFact = DatabaseOpened | Refusal;

const SERVER = `
  SELECT current_user AS user, split_part(current_setting('server_version'), ' ', 1) AS version`;

/**
 * Reads the state of the database in one short read-only session. A login that the server refuses
 * is part of the fact.
 *
 * @param grace microseconds that a writer may take after the end of a window
 * @param signal ends the session when it aborts
 * @throws {Failure} the database is unreachable
 */
export async function gatherDatabase(
  config: DatabaseConfig,
  grace: bigint,
  signal?: AbortSignal,
): Promise<DatabaseFact> {
  let connection: Connection;
  try {
    connection = await connect(config, { signal });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { user, host, port, name } = config;
    return refusal(`${user}@${host}:${port}/${name}`, error);
  }
  try {
    return await readDatabase(connection, grace);
  } finally {
    await connection.close();
  }
}

async function readDatabase(connection: Connection, grace: bigint): Promise<DatabaseOpened> {
  const [server] = await connection.query(SERVER);
  const found = await findOrRefusal(connection);
  const today = dayOf(await databaseClock(connection));
  const common = {
    opened: true,
    name: connection.name,
    user: server!.user!,
    version: server!.version!,
    outbox: connection.table,
    today,
    graceSeconds: Number(grace / 1_000_000n),
  } as const;
  if (found instanceof Failure) {
    // The sessions that write to the table are not known either.
    return { ...common, table: undefined, refused: found, nearMisses: [], holders: [] };
  }
  return {
    ...common,
    table: found,
    source: found === undefined ? undefined : await readSource(connection),
    nearMisses: found === undefined ? await nearMisses(connection) : [],
    holders: await readHolders(connection, windowOf(today).end + grace),
  };
}

/** The outbox, or the server's refusal to look for it. */
async function findOrRefusal(connection: Connection): Promise<OutboxTable | Failure | undefined> {
  try {
    return await findTable(connection);
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}
