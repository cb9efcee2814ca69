import type { DatabaseConfig } from "../../pipeline/config.ts";
import { type Day, dayOf, windowOf } from "../../pipeline/contract/window.ts";
import { connect, type Connection } from "../../pipeline/outbox/connection.ts";
import { databaseClock, type Holder, readHolders } from "../../pipeline/outbox/fence.ts";
import { findTable, nearMisses, type OutboxTable } from "../../pipeline/outbox/schema.ts";
import { isRefusal, type Refusal, refusal } from "./refusal.ts";

/** What a look into the database found. */
export interface DatabaseOpened {
  /** Tells it from a refusal. */
  readonly opened: true;
  /** For people: the user, the server and the database. */
  readonly name: string;
  /** The role that the session has. */
  readonly user: string;
  /** The server's version, such as `18.4`. */
  readonly version: string;
  /** The outbox; undefined where the user finds no table of that name. */
  readonly table: OutboxTable | undefined;
  /** Tables and views with names like the outbox's. Only looked for where it is missing. */
  readonly nearMisses: readonly string[];
  /** Today in UTC, by the database's clock. */
  readonly today: Day;
  /** Who would keep today's window from being sealed, if it were to stay. */
  readonly holders: readonly Holder[];
  /** How long a writer may take after the end of a window, in seconds. */
  readonly graceSeconds: number;
}

/** What a run finds when it turns to the database. */
export type DatabaseFact = DatabaseOpened | Refusal;

const SERVER = `
  SELECT current_user AS user, split_part(current_setting('server_version'), ' ', 1) AS version`;

/**
 * Looks the database over, in one short session that can change nothing. A login that the server
 * refuses is a fact.
 *
 * @param grace microseconds that a writer may take after the end of a window
 * @param signal ends the session when it aborts
 * @throws {Failure} the database is out of reach
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
    return await lookOver(connection, grace);
  } finally {
    await connection.close();
  }
}

async function lookOver(connection: Connection, grace: bigint): Promise<DatabaseOpened> {
  const [server] = await connection.query(SERVER);
  const table = await findTable(connection);
  const today = dayOf(await databaseClock(connection));
  return {
    opened: true,
    name: connection.name,
    user: server!.user!,
    version: server!.version!,
    table,
    nearMisses: table === undefined ? await nearMisses(connection) : [],
    today,
    holders: await readHolders(connection, windowOf(today).end + grace),
    graceSeconds: Number(grace / 1_000_000n),
  };
}
