import type { DatabaseConfig } from "../../../pipeline/config.ts";
import { startPostgres } from "../../../tasks/demo/embedded_postgres.ts";
import { CREATE_OUTBOX, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { session, type TextClient } from "../../support/pg_session.ts";
import type { Part } from "./part.ts";

/** The database of the outbox, for drills to break. */
export interface DatabasePart extends Part {
  readonly config: DatabaseConfig;
  /** Opens a session as the owner of the outbox. Healing the database closes the session. */
  session(): Promise<TextClient>;
}

const HEALTHY = `
ALTER ROLE CURRENT_USER RESET search_path; DROP SCHEMA IF EXISTS staging CASCADE;
SET search_path = public;
DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${CREATE_OUTBOX} ${RUNBOOK_EVENTS}`;

/** Starts a Postgres with the events of the runbook's first run. */
export async function startDatabase(): Promise<DatabasePart> {
  const { config, stop } = await startPostgres();
  const sessions: TextClient[] = [];
  const open = async () => {
    const client = await session(config);
    sessions.push(client);
    return client;
  };
  const heal = async () => {
    await Promise.all(sessions.splice(0).map((client) => client.end()));
    const client = await session(config);
    await client.query(HEALTHY);
    await client.end();
  };
  await heal();
  return { config, session: open, heal, stop };
}
