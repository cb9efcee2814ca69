import { DEFAULT_PROJECT, type Project } from "../contract/project.ts";
import { formatTableName, readTableName } from "../contract/table_name.ts";
import { type Defaulted, type Environment, markDefault, PROCESS, unsetIn } from "./environment.ts";
import { required, type Rule, validated, validatedOrDefault } from "./validate.ts";
import { type TlsConfig, tlsConfig } from "./tls.ts";

/** The database of the outbox, and how to log in. */
export interface DatabaseConfig {
  /** Host name or address. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** The database's name. */
  readonly name: string;
  /** The role that logs in. */
  readonly user: string;
  /** The password of the role, unchanged. */
  readonly password: string;
  /** The table of the outbox, as SQL writes its name; absent for `stop_events`. */
  readonly table?: string;
  /** The encryption of the connection; absent if no variable is set, which means `prefer`. */
  readonly tls?: TlsConfig;
  /** More advice if the server cannot be reached, as a sentence. */
  readonly advice?: string;
  /** The variables that are unset, so that their defaults apply. */
  readonly defaults?: readonly Defaulted[];
}

/** Describes a valid host of a database. */
export const A_HOST: string =
  "a host name or an address and nothing more, as in db.example; the port " +
  "goes into DJANGO_DB_PORT.";

const HOST: Rule = {
  fault: hostFault,
  remedy: `Set it to ${A_HOST}`,
};

const PORT: Rule = {
  fault: (port) =>
    /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535
      ? undefined
      : "it is not a port",
  remedy: "A port is a number from 1 to 65535; Postgres usually has 5432.",
};

const NAME: Rule = {
  blanks: true,
  fault: (name) => name.includes("://") ? "it is a URL" : undefined,
  remedy: "Set it to the database's name alone, as in app.",
};

const USER: Rule = {
  blanks: true,
  fault: (user) => user.includes("://") ? "it is a URL" : undefined,
  remedy: "Set it to the name of the role alone, as in app_user.",
};

const TABLE: Rule = {
  blanks: true,
  quotes: true,
  fault(text) {
    const name = readTableName(text);
    return "problem" in name ? name.problem : undefined;
  },
  remedy: 'Set it to a table as in SQL: events, shop.events or shop."Stop Events".',
};

const PASSWORD: Rule = {
  blanks: true,
  hidden: true,
  remedy: "Set it again, on one line; echo adds a line break, printf '%s' does not.",
};

/**
 * Reads `DJANGO_DB_*`, `OUTBOX_TABLE` and the variables of TLS.
 *
 * @param project the names of the platform, which apply where a variable is not set
 * @throws {Failure} configuration: no password, or a variable that cannot be used
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { databaseConfig } from "./database.ts";
 * const variables = new Map([["DJANGO_DB_PASSWORD", "s3cret"], ["DJANGO_DB_HOST", "localhost"]]);
 * const { host, port, user } = databaseConfig(variables);
 * assertEquals([host, port, user], ["localhost", 5432, "robson"]);
 * ```
 */
export function databaseConfig(
  env: Environment = PROCESS,
  project: Project = DEFAULT_PROJECT,
): DatabaseConfig {
  const host = validatedOrDefault(env, "DJANGO_DB_HOST", HOST, project);
  const port = validated(env, "DJANGO_DB_PORT", PORT) ?? "5432";
  const name = validatedOrDefault(env, "DJANGO_DB_NAME", NAME, project);
  const user = validatedOrDefault(env, "DJANGO_DB_USER", USER, project);
  const table = outboxTable(env, project);
  const tls = tlsConfig(env);
  const password = required(
    env,
    "DJANGO_DB_PASSWORD",
    "the password of DJANGO_DB_USER",
    PASSWORD,
  );
  const names = ["DJANGO_DB_HOST", "DJANGO_DB_NAME", "DJANGO_DB_USER"] as const;
  const defaults = unsetIn(names, env, project);
  return {
    host,
    port: Number(port),
    name,
    user,
    password,
    ...(table === DEFAULT_PROJECT.database.table ? {} : { table }),
    ...(tls === undefined ? {} : { tls }),
    ...(defaults.length === 0 ? {} : { defaults }),
  };
}

/**
 * Reads the table of the outbox: `OUTBOX_TABLE`, or else that of the project, as SQL writes it.
 *
 * @throws {Failure} configuration: it is not the name of a table
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { outboxTable } from "./database.ts";
 * assertEquals(outboxTable(new Map([["OUTBOX_TABLE", "Shop.events"]])), "shop.events");
 * ```
 */
export function outboxTable(
  env: Environment = PROCESS,
  project: Project = DEFAULT_PROJECT,
): string {
  return tableOf(validatedOrDefault(env, "OUTBOX_TABLE", TABLE, project));
}

function tableOf(text: string): string {
  const name = readTableName(text);
  if ("problem" in name) throw new Error(`${text} is not the name of a table: ${name.problem}.`);
  return formatTableName(name);
}

/**
 * The name of a database: `robson@db.example:5432/rbsdb`. Default values are followed by `(default)`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { databaseConfig, databaseName } from "./database.ts";
 * const names = [["HOST", "db"], ["PORT", "5433"], ["NAME", "rbs"], ["USER", "me"], ["PASSWORD", "x"]];
 * const env = new Map(names.map(([name, value]) => [`DJANGO_DB_${name}`, value!]));
 * assertEquals(databaseName(databaseConfig(env)), "me@db:5433/rbs");
 * ```
 */
export function databaseName({ host, port, name, user, defaults = [] }: DatabaseConfig): string {
  const shown = (value: string, variable: Defaulted) =>
    markDefault(value, defaults.includes(variable));
  const role = shown(user, "DJANGO_DB_USER");
  return `${role}@${shown(host, "DJANGO_DB_HOST")}:${port}/${shown(name, "DJANGO_DB_NAME")}`;
}

/**
 * The host and the port of a database, in the form of a URL.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hostAndPort } from "./database.ts";
 * assertEquals(hostAndPort({ host: "::1", port: 5432 }), "[::1]:5432");
 * ```
 */
export function hostAndPort({ host, port }: Pick<DatabaseConfig, "host" | "port">): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The unset variables that {@linkcode databaseConfig} requires. */
export function unsetForDatabase(env: Environment = PROCESS): string[] {
  return ["DJANGO_DB_PASSWORD"].filter((name) => !env.get(name));
}

/**
 * Returns why a text is no host of a database, without the text.
 *
 * @returns undefined for a host name or an address
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hostFault } from "./database.ts";
 * assertEquals(hostFault("db.example:5432"), "it has a port after the host");
 * assertEquals(hostFault("db.example"), undefined);
 * ```
 */
export function hostFault(host: string): string | undefined {
  if (host.includes("://")) return "it is a URL";
  if (host.includes("@")) return "it has a login before the host";
  if (host.startsWith("/")) return "it is the path of a socket, and only TCP is supported";
  if (host.includes("/")) return "it has a path after the host";
  if (host.includes(",")) return "it names several hosts";
  if (/^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(host)) return undefined;
  if (/^\[.*\]$/.test(host)) return "an IPv6 address must not have brackets here";
  if (/:\d*$/.test(host)) return "it has a port after the host";
  return /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$/i.test(host)
    ? undefined
    : "it has a character that is not allowed in a host name";
}
