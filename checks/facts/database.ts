import type { Holder } from "../../pipeline/outbox/fence.ts";
import type { OutboxTable } from "../../pipeline/outbox/schema.ts";

/** The database's answer, where it let nobody in. */
export interface DatabaseRefused {
  /** Tells the two answers apart. */
  readonly opened: false;
  /** For people: who wanted to log in where. */
  readonly name: string;
  /** Why it did not come to a login. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** What the database says of itself. */
export interface DatabaseOpened {
  /** Tells the two answers apart. */
  readonly opened: true;
  /** For people: the user, the server and the database. */
  readonly name: string;
  /** The role that the session has. */
  readonly user: string;
  /** The server's version, such as `18.4`. */
  readonly version: string;
  /** The outbox; undefined where the user finds no table of that name. */
  readonly table?: OutboxTable;
  /** Tables and views with names like the outbox's. Only looked for where it is missing. */
  readonly nearMisses: readonly string[];
  /** Today in UTC, by the database's clock. */
  readonly today: string;
  /** Who would keep today's window from being sealed, if it were to stay. */
  readonly holders: readonly Holder[];
  /** How long a writer may take after the end of a window, in seconds. */
  readonly graceSeconds: number;
}

/** What a run finds when it turns to the database. */
export type DatabaseFact = DatabaseRefused | DatabaseOpened;
