import pg from "pg";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { until } from "../cluster/until.ts";

/** A row as Postgres writes it: every value in its own text. */
export type TextRow = Record<string, string | null>;

/** What the tests use of a pg client. */
export interface TextClient {
  /** Called once, by {@linkcode session}. */
  connect(): Promise<void>;
  /** Runs one statement, or several without parameters. */
  query(sql: string, params?: readonly unknown[]): Promise<{ readonly rows: TextRow[] }>;
  /** Says goodbye and closes the connection; harmless where it is closed already. */
  end(): Promise<void>;
  /** Hears of a connection that ends from the other side. */
  on(event: "error", listener: (error: Error) => void): void;
}

/** Opens a session. Its owner ends it. */
export async function session(config: DatabaseConfig): Promise<TextClient> {
  const { name: database, ...address } = config;
  const identity = { getTypeParser: () => (text: unknown) => text };
  const client: TextClient = new pg.Client({ ...address, database, types: identity });
  client.on("error", () => {}); // a session that is killed from outside is no uncaught error
  await client.connect();
  return client;
}

/** Waits until a server lets somebody in. */
export async function answers(config: DatabaseConfig): Promise<void> {
  await until("the server answers", async () => {
    await (await session(config)).end();
    return true;
  });
}
