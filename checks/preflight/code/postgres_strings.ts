import { callsOf, type Python, type PythonString } from "../../source_code/python.ts";

/** Calls of clients of Postgres that take SQL. */
const CLIENTS = [
  "execute",
  "executemany",
  "copy",
  "copy_expert",
  "mogrify",
  "fetch",
  "fetchrow",
  "fetchval",
  "fetchall",
  "read_sql",
  "read_sql_query",
];

/** A call, with what its arguments contain. */
interface Taker {
  readonly start: number;
  readonly end: number;
  /** True if Postgres gets the SQL: by a client, or by Spark's JDBC source. */
  readonly isPostgres: boolean;
  /** The variables in the arguments. */
  readonly names: ReadonlySet<string>;
}

/** Returns a function that decides whether a string is SQL that Postgres runs. */
export function postgresStringsOf(python: Python): (string: PythonString) => boolean {
  const takers = callsOf(python, [...CLIENTS, "jdbc", "option", "options", "sql", "selectExpr"])
    .map((call): Taker => {
      const { name, start, end, args } = call;
      return {
        start,
        end,
        isPostgres: CLIENTS.includes(name) || name === "jdbc" ||
          name === "option" && isOption(args[0]?.string) ||
          name === "options" && args.some(({ keyword }) => isOption(keyword)),
        names: new Set(args.flatMap(({ code }) => code.match(/(?<![\w.])[A-Za-z_]\w*/g) ?? [])),
      };
    });
  return ({ start, end, assignedTo, dictionaryKey }) => {
    if (isOption(dictionaryKey) || isOption(assignedTo)) return true;
    const around = takers.filter((each) => each.start < start && end <= each.end);
    if (around.some(({ isPostgres }) => isPostgres)) return true;
    if (assignedTo === undefined || around.length > 0) return false;
    const users = takers.filter((each) => each.start > end && each.names.has(assignedTo));
    return users.length > 0 && users.every(({ isPostgres }) => isPostgres);
  };
}

function isOption(name: string | undefined): boolean {
  return /^(query|dbtable|preparequery)$/i.test(name ?? "");
}
