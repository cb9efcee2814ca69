import pg from "pg";
import type { DatabaseConfig } from "../config.ts";
import { formatMicros } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import { type CopySource, createCopy } from "./copy_out.ts";

/** A row of a query's result: every value as Postgres's own text. */
export type TextRow = Readonly<Record<string, string | null>>;

/** One session with Postgres, which can read and cannot write. */
export interface Connection {
  /** For people: `robson@paradedb.robson.svc.cluster.local:5432/rbsdb`. */
  readonly name: string;
  /**
   * Runs a statement and returns its rows.
   *
   * @throws {Failure} what the server answered, or that it went away
   */
  query(sql: string): Promise<TextRow[]>;
  /**
   * Streams `COPY (select) TO STDOUT (FORMAT binary)` in blocks of about a mebibyte, as fast as they
   * are taken.
   *
   * @throws {Failure} as {@linkcode query}
   */
  copy(select: string): AsyncIterable<Uint8Array>;
  /** Ends the session, also in the middle of a copy. */
  close(): Promise<void>;
}

/** What we use of a `pg` client, which brings no types of its own. */
interface Client {
  connect(): Promise<void>;
  query(sql: string): Promise<{ rows: TextRow[] }>;
  query(source: CopySource): CopySource;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): void;
  readonly connection: { readonly stream: { destroy(): void } };
}

/** An instant, in microseconds since 1970, as an expression of SQL. */
export function sqlInstant(micros: bigint): string {
  return `timestamptz '${formatMicros(micros)}'`;
}

const asText = { getTypeParser: () => (text: string) => text };

// The session reads for as long as it must, whatever limits the role has, and can change nothing.
const SESSION = `
  SET default_transaction_read_only = on;
  SET statement_timeout = 0;
  SET idle_in_transaction_session_timeout = 0;
  SET lock_timeout = '30s';
  SET timezone = 'UTC'`;

/**
 * Connects to the outbox's database.
 *
 * @param signal closes the connection when it aborts; what was under way then fails
 * @throws {Failure} configuration: the server refuses the login; unreachable: there is no server
 */
export async function connect(config: DatabaseConfig, signal?: AbortSignal): Promise<Connection> {
  const { host, port, name: database, user, password } = config;
  const name = `${user}@${host}:${port}/${database}`;
  const client: Client = new pg.Client({
    host,
    port,
    database,
    user,
    password,
    application_name: "deep-storage-toolkit",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    types: asText,
  });
  // A connection that breaks while nothing runs is reported by whatever runs next.
  client.on("error", () => {});
  let busy = false;
  const close = async () => {
    signal?.removeEventListener("abort", abort);
    if (busy) client.connection.stream.destroy();
    else await client.end().catch(() => {});
  };
  const abort = () => client.connection.stream.destroy();
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    await client.connect();
    await client.query(SESSION);
  } catch (error) {
    await close();
    throw explain(error, `Cannot connect to Postgres as ${name}`, config);
  }
  return {
    name,
    async query(sql) {
      try {
        return (await client.query(sql)).rows;
      } catch (error) {
        throw explain(error, `Cannot read from ${name}`, config);
      }
    },
    async *copy(select) {
      busy = true;
      try {
        yield* client.query(createCopy(`COPY (${select}) TO STDOUT (FORMAT binary)`)).blocks();
        busy = false;
      } catch (error) {
        throw explain(error, `Cannot read from ${name}`, config);
      }
    },
    close,
  };
}

/** What to do about the errors that an operator can do something about, by SQLSTATE. */
const REMEDIES: Record<string, (config: DatabaseConfig) => string> = {
  "28P01": () => "Set DJANGO_DB_USER and DJANGO_DB_PASSWORD to a login of this database.",
  "28000": () => "Set DJANGO_DB_USER and DJANGO_DB_PASSWORD to a login of this database.",
  "3D000": () => "Set DJANGO_DB_NAME to the database of Robson's backend, usually rbsdb.",
  "42501": ({ user }) => `Let a superuser run: GRANT SELECT ON stop_events TO "${user}";`,
  "42P01": () => "Set DJANGO_DB_NAME to the database of Robson's backend, and run its migrations.",
};

function explain(error: unknown, what: string, config: DatabaseConfig): Failure {
  if (error instanceof Failure) return error;
  const { code = "", message } = error as { code?: string; message: string };
  const remedy = REMEDIES[code]?.(config);
  if (remedy !== undefined) {
    return new Failure("configuration", `${what}: ${message}. ${remedy}`, { cause: error });
  }
  // Other answers of the server have five characters; the network's are words such as ECONNREFUSED.
  // Classes 53, 57 and 58 are the server being full, shutting down or broken.
  if (/^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57|58)/.test(code)) {
    const place = `${what}: ${message} (SQLSTATE ${code})`;
    return new Failure("data", `${place}. Compare the table with the contract.`, { cause: error });
  }
  const reason = message || code || "no answer";
  return new Failure(
    "unreachable",
    `${what}: ${reason}. Check that Postgres runs there and that this machine may reach it ` +
      "(DJANGO_DB_HOST, DJANGO_DB_PORT), then run again.",
    { cause: error },
  );
}
