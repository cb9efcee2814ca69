import pg from "pg";
import type { DatabaseConfig } from "../../pipeline/config.ts";

/** A row with every value in Postgres's text format. */
export type TextRow = Record<string, string | null>;

/** The part of a pg client that the tests use. */
export interface TextClient {
  /** Opens the connection. Called once, by {@linkcode session}. */
  connect(): Promise<void>;
  /** Runs one statement with parameters, or several without. */
  query(sql: string, params?: readonly unknown[]): Promise<{ readonly rows: TextRow[] }>;
  /** Closes the connection. Has no effect if it is already closed. */
  end(): Promise<void>;
  /** Registers a listener for a connection that the server closes. */
  on(event: "error", listener: (error: Error) => void): void;
}

/** Opens a session. The caller closes it. */
export async function session(config: DatabaseConfig): Promise<TextClient> {
  const { name: database, ...address } = config;
  const identity = { getTypeParser: () => (text: unknown) => text };
  const client: TextClient = new pg.Client({ ...address, database, types: identity });
  client.on("error", () => {}); // a session that the server kills is not an uncaught error
  await client.connect();
  return client;
}

/** Returns whether a server accepts a login. */
export async function letsIn(config: DatabaseConfig): Promise<boolean> {
  return await session(config).then(async (client) => (await client.end(), true), () => false);
}
