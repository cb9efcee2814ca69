import type { DatabaseConfig } from "../config.ts";
import { OUTBOX_TABLE } from "../contract/tables.ts";
import { Failure } from "../errors.ts";
import type { PostgresError } from "./postgres_errors.ts";
import { type ConnectOptions, logIn, type TextRow } from "./client.ts";
import type { CopyBlock } from "./copy_tap.ts";
import { exclusiveLocks, lockNotFree } from "./locks.ts";
import { begin, COMMIT, ROLLBACK } from "./sql.ts";

/**
 * One session with Postgres, which can read and cannot write. Every statement runs in a
 * transaction, and no setting outlives the transaction, because a pooler gives the session to other
 * clients afterwards.
 */
export interface Connection {
  /** The name in messages: `robson@paradedb.robson.svc.cluster.local:5432/rbsdb`. */
  readonly name: string;
  /** The table of the outbox, as SQL writes its name: `stop_events`, or `shop."Stop Events"`. */
  readonly table: string;
  /**
   * Runs a statement and returns its rows, in the snapshot if one is open, otherwise in its own
   * transaction.
   *
   * @throws {Failure} the server returned an error, or the connection failed
   */
  query(sql: string): Promise<TextRow[]>;
  /**
   * Runs statements one after the other, all in one message and one transaction, and returns the rows
   * of each. This saves the way to the server for all but one.
   *
   * @throws {Failure} as {@linkcode query}
   */
  queries(statements: readonly string[]): Promise<TextRow[][]>;
  /**
   * Streams `COPY (select) TO STDOUT (FORMAT binary)` in blocks of about 256 KiB, as fast as the
   * caller reads. A block is valid until the next one is requested.
   *
   * @throws {Failure} as {@linkcode query}
   */
  copy(select: string): AsyncIterable<CopyBlock>;
  /**
   * Lets all following reads see the same state, until {@linkcode endSnapshot}. The first of them
   * begins the transaction, and chooses the state. An error ends the transaction.
   *
   * @param exported the name of the snapshot of another session; the default is a new snapshot
   */
  beginSnapshot(exported?: string): void;
  /** Ends the transaction of the snapshot. */
  endSnapshot(): Promise<void>;
  /** Ends the session, even during a copy. Further calls wait for the same end. */
  close(): Promise<void>;
}

const LOCK_TIMEOUT_MS = 30_000;

/**
 * Connects to the outbox's database.
 *
 * @throws {Failure} configuration: the server refuses the login, the encryption, or transactions;
 *   unreachable: there is no server
 *
 * @example
 * ```ts ignore It needs a Postgres server.
 * import { databaseConfig } from "../config.ts";
 * import { connect } from "./connection.ts";
 * const connection = await connect(databaseConfig());
 * console.log(await connection.query("SELECT count(*) FROM stop_events"));
 * await connection.close();
 * ```
 */
export async function connect(
  config: DatabaseConfig,
  options: ConnectOptions = {},
): Promise<Connection> {
  const { lockTimeout = LOCK_TIMEOUT_MS } = options;
  const client = await logIn(config, options);
  const { version } = client;
  const { table = OUTBOX_TABLE } = config;
  const task = `read from ${client.name}`;
  let snapshot: "none" | "open" | "lost" = "none";
  /** The statements that begin the snapshot. They are sent with its first read. */
  let beginning: string | undefined;
  let closed: Promise<void> | undefined;

  /** The statement within a transaction. */
  const within = (sql: string) => {
    if (snapshot === "lost") throw new Error("The snapshot ended with an error.");
    if (snapshot === "none") {
      return `${begin({ isolation: "READ COMMITTED", version, lockTimeout })};\n${sql};\n${COMMIT}`;
    }
    const before = beginning;
    beginning = undefined;
    return before === undefined ? sql : `${before};\n${sql}`;
  };
  /** Runs statements and returns the rows of each, which precede the empty result of COMMIT. */
  const read = async (statements: readonly string[]) => {
    const commits = snapshot === "open" ? 0 : 1;
    const results = await client.send(within(statements.join(";\n")));
    const end = results.length - commits;
    return results.slice(end - statements.length, end);
  };
  /** Ends a failed transaction, so that no other client inherits it, and returns the error. */
  const rollBack = async (error: unknown) => {
    if (!(error instanceof Failure)) return error;
    const after = snapshot === "open" ? "lost" : "none";
    snapshot = "none";
    await client.send(ROLLBACK).catch(() => {});
    const locked = (error.cause as PostgresError | undefined)?.code === "55P03";
    const [holders] = locked ? await read([exclusiveLocks(table)]).catch(() => [[]]) : [[]];
    snapshot = after;
    return locked
      ? lockNotFree({ task, table, lockTimeout, holders: holders!, cause: error })
      : error;
  };

  try {
    // Sent as two messages, because a pooler in statement pooling rejects them.
    await client.send("BEGIN READ ONLY");
    await client.send(ROLLBACK);
  } catch (error) {
    await client.end();
    throw error;
  }
  const queries = async (statements: readonly string[]) => {
    try {
      return await read(statements);
    } catch (error) {
      throw await rollBack(error);
    }
  };
  return {
    name: client.name,
    table,
    queries,
    query: async (sql) => (await queries([sql]))[0]!,
    async *copy(select) {
      try {
        yield* client.copy(within(`COPY (${select}) TO STDOUT (FORMAT binary)`));
      } catch (error) {
        throw await rollBack(error);
      }
    },
    beginSnapshot(exported) {
      beginning = begin({ isolation: "REPEATABLE READ", version, lockTimeout, exported });
      snapshot = "open";
    },
    async endSnapshot() {
      if (beginning === undefined) await client.send(COMMIT);
      beginning = undefined;
      snapshot = "none";
    },
    close: () => closed ??= client.end(),
  };
}
