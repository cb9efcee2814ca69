import pg from "pg";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { type EmbeddedPostgres, startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { CREATE_OUTBOX } from "../../tasks/demo/events.ts";
import { session, type TextClient, type TextRow } from "./pg_session.ts";

/** A database of one test with an empty `stop_events`. Dropped on disposal. */
export interface Outbox extends AsyncDisposable {
  /** Login of the owner, a superuser. */
  readonly config: DatabaseConfig;
  /** Runs one or more statements as the owner, always in the same session. */
  query(sql: string, params?: readonly unknown[]): Promise<TextRow[]>;
  /** Opens another session, for example for a slow writer. Closed with the database. */
  connect(config?: DatabaseConfig): Promise<TextClient>;
  /**
   * Creates a user that may log in, and runs the grants as the owner. Dropped with the database.
   */
  role(name: string, grants: string): Promise<DatabaseConfig>;
}

/** Options of a test database. */
export interface OutboxOptions {
  /** Statements that insert events, for example `RUNBOOK_EVENTS`. */
  readonly events?: readonly string[];
}

// One server for all tests of an importing file. The hooks run outside of tests, because the
// sanitizers of a test would report the server as a leak.
let server: EmbeddedPostgres | undefined;
Deno.test.beforeAll(async () => {
  server = await startPostgres({ settings: { wal_level: "logical" } }); // logical replication for subscriptions
});
Deno.test.afterAll(async () => {
  await server?.stop();
  server = undefined;
});

/**
 * Returns the superuser's login to the server's own database, for statements on the whole server.
 */
export function serverConfig(): DatabaseConfig {
  if (server === undefined) throw new Error("The server is available only while tests run.");
  return server.config;
}

/** Creates a database for one test: `await using db = await outbox()`. */
export async function outbox({ events = [] }: OutboxOptions = {}): Promise<Outbox> {
  const name = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  const config = { ...serverConfig(), name };
  const sessions: TextClient[] = [];
  const roles: string[] = [];

  async function connect(as: DatabaseConfig = config): Promise<TextClient> {
    const client = await session(as);
    sessions.push(client);
    return client;
  }

  async function end(): Promise<void> {
    await rollBackPrepared(config); // prepared transactions block the DROP
    await asServerOwner(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, ...roles.map(dropRole));
    await Promise.all(sessions.map((client) => client.end()));
  }

  await asServerOwner(`CREATE DATABASE ${name}`);
  try {
    const owner = await connect();
    const query = async (sql: string, params?: readonly unknown[]) => {
      const result = await owner.query(sql, params);
      return result.rows ?? [];
    };
    for (const sql of [CREATE_OUTBOX, ...events]) await query(sql);
    return {
      config,
      query,
      connect,
      async role(user, grants) {
        const password = crypto.randomUUID();
        await query(`CREATE ROLE ${pg.escapeIdentifier(user)} LOGIN PASSWORD '${password}'`);
        roles.push(user);
        await query(grants);
        return { ...config, user, password };
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/**
 * Returns statements that drop a user. Grants in the database are already gone; DROP OWNED revokes
 * those on shared objects.
 */
function dropRole(user: string): string {
  const role = pg.escapeIdentifier(user);
  return `DROP OWNED BY ${role}; DROP ROLE ${role}`;
}

async function rollBackPrepared(config: DatabaseConfig): Promise<void> {
  const client = await session(config);
  try {
    const { rows } = await client.query(
      "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()",
    );
    for (const { gid } of rows) await client.query(`ROLLBACK PREPARED ${pg.escapeLiteral(gid)}`);
  } finally {
    await client.end();
  }
}

async function asServerOwner(...statements: string[]): Promise<void> {
  const client = await session(serverConfig());
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}
