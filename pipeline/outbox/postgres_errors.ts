import type { DatabaseConfig } from "../config.ts";
import { readTableName } from "../contract/table_name.ts";
import { OUTBOX_TABLE } from "../contract/tables.ts";
import { Failure, type FailureKind } from "../errors.ts";
import { identifier } from "./sql.ts";
import type { Encryption } from "./tls.ts";

/** An error of `pg`: the server's answer, or an error of the network or of the driver. */
export interface PostgresError extends Error {
  /** The SQLSTATE of the server, or a network error code such as ECONNREFUSED. */
  readonly code?: string;
  /**
   * The function of the server that reported the error. Unlike the message, it is never translated.
   */
  readonly routine?: string;
}

/** The context of an error. */
export interface Place {
  /** The failed task: `read from robson@db:5432/rbsdb`. */
  readonly task: string;
  /** The configuration of the connection. */
  readonly config: DatabaseConfig;
  /** The encryption of the connection. */
  readonly encryption: Encryption;
}

/** The failure for row-level security of a table that would hide rows from this role. */
export function rowsHidden(task: string, table: string, user: string): Failure {
  return new Failure({
    kind: "configuration",
    task,
    problem: `row-level security of ${table} would hide rows from ${user}, but a copy ` +
      "needs all of them",
    remedy: showAllRows(user),
  });
}

function tableOf({ table = OUTBOX_TABLE }: DatabaseConfig): string {
  return table;
}

/** The statement that exempts a role from row-level security. */
export function showAllRows(user: string): string {
  return `Let a superuser run: ALTER ROLE ${identifier(user)} BYPASSRLS;`;
}

/** The statements that let a role read a table. Its schema may refuse the role too. */
function grantsOn(table: string, role: string): string {
  const name = readTableName(table);
  const schema = "schema" in name && name.schema !== undefined
    ? `GRANT USAGE ON SCHEMA ${identifier(name.schema)} TO ${role}; `
    : "";
  return `${schema}GRANT SELECT ON ${table} TO ${role};`;
}

const otherLogin = ({ encryption }: Place) => {
  const login = "Set DJANGO_DB_USER and DJANGO_DB_PASSWORD to a login of this database";
  return encryption ? `${login}.` : `${login}, or PGSSLMODE=require if the server wants TLS.`;
};

/** The remedy for a table that does not exist. */
export const TABLE_REMEDY: string =
  "Set DJANGO_DB_NAME to the database of the outbox and OUTBOX_TABLE to its table, and run the " +
  "migrations of the backend.";

/** Remedies of the errors that an operator can correct, by SQLSTATE. */
const REMEDIES: Record<string, (place: Place) => string> = {
  "28P01": () => "Set DJANGO_DB_USER and DJANGO_DB_PASSWORD to a login of this database.",
  "28000": otherLogin,
  "3D000": () => "Set DJANGO_DB_NAME to the database of the outbox.",
  "42501": ({ config }) =>
    `Let a superuser run: ${grantsOn(tableOf(config), identifier(config.user))}`,
  "42P01": () => TABLE_REMEDY,
};

// Connection errors (08), a rollback by the server (40), insufficient resources (53), a snapshot
// that is too old (72), an intervention of the operator (57), the disk (58), a timeout of the
// transaction (25P03, 25P04), or an object that another session uses (55006, 55P03). The next run
// may succeed.
const TRANSIENT = /^(08|40|53|57|58|72)|^(25P03|25P04|55006|55P03)$/;

/**
 * Returns whether the server sent an error. Codes of network errors are words, such as EPIPE.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isAnswer } from "./postgres_errors.ts";
 * const error = (code: string) => Object.assign(new Error("failed"), { code });
 * assertEquals([isAnswer(error("42P01")), isAnswer(error("ECONNREFUSED"))], [true, false]);
 * ```
 */
export function isAnswer({ code = "" }: PostgresError): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

/** Converts an error of `pg` to a failure with a remedy. */
export function postgresFailure(error: PostgresError, place: Place): Failure {
  const { task, config } = place;
  const { code = "", message, routine } = error;
  const failure = (kind: FailureKind, problem: string, remedy: string) =>
    new Failure({ kind, task, problem, remedy, cause: error });
  if (code === "42501" && routine === "check_enable_rls") {
    return rowsHidden(task, tableOf(config), config.user);
  }
  if (/statement pooling/i.test(message)) {
    return failure(
      "configuration",
      "the pooler uses statement pooling, so two reads can see different states",
      "Set pool_mode to transaction or session for this database, or set DJANGO_DB_HOST and " +
        "DJANGO_DB_PORT to Postgres itself.",
    );
  }
  const remedy = REMEDIES[code]?.(place);
  if (remedy !== undefined) return failure("configuration", message, remedy);
  const answer = `${message} (SQLSTATE ${code})`;
  if (isAnswer(error) && !TRANSIENT.test(code)) {
    return failure("data", answer, "Compare the table with the contract.");
  }
  if (isAnswer(error) && !code.startsWith("08")) {
    return failure("unreachable", answer, "Run again when Postgres is available.");
  }
  return failure(
    "unreachable",
    message || code || "no answer",
    "Check that Postgres runs at that address and that this machine can reach it " +
      "(DJANGO_DB_HOST, DJANGO_DB_PORT), then run again." +
      (config.advice === undefined ? "" : ` ${config.advice}`),
  );
}

/** The failure of a server that sent nothing for too long. */
export function idleFailure(task: string, milliseconds: number): Failure {
  return new Failure({
    kind: "unreachable",
    task,
    problem: `Postgres sent nothing for ${milliseconds / 1000} s`,
    remedy: "Check the server and the network, then run again; if a query needs more time, " +
      "increase --silence.",
  });
}
