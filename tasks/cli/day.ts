import {
  clockDecides,
  type DatabaseConfig,
  databaseConfig,
  dayBy,
  type DaysAsked,
  requestedDays,
} from "../../pipeline/config.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { type Day, dayOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";

/**
 * Returns the day that an operator asks for: the argument, `--date`, `JOB_DATE`, or today. Call it before
 * the login, so that a mistake in the day is the first one that is reported.
 *
 * @throws {Failure} configuration: there is no such day
 */
export function askedDay(flags: Pick<Flags, "operand" | "value">): DaysAsked {
  return requestedDays({ operand: flags.operand, date: flags.value("date") });
}

/**
 * Returns the day to work on. The database's clock decides which day is today or yesterday; for any
 * other day the database is not needed.
 *
 * @param database the database; without it, that of the environment
 */
export async function dayFor(
  asked: DaysAsked,
  project: Project,
  database?: DatabaseConfig,
): Promise<Day> {
  if (!clockDecides(asked)) return asked.from as Day;
  return dayBy(asked.from, await databaseToday(database ?? databaseFor(project)));
}

function databaseFor(project: Project): DatabaseConfig {
  try {
    return databaseConfig(undefined, project);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure({
      kind: error.kind,
      task: "find out which day it is by the clock of the database",
      problem: `Postgres is needed for today and yesterday. ${error.message.replace(/\.$/, "")}`,
      remedy: "Or give the day as YYYY-MM-DD.",
      cause: error,
    });
  }
}

async function databaseToday(database: DatabaseConfig): Promise<Day> {
  const [{ connect }, { databaseClock }] = await Promise.all([
    import("../../pipeline/outbox/connection.ts"),
    import("../../pipeline/outbox/fence.ts"),
  ]);
  const connection = await connect(database);
  try {
    return dayOf(await databaseClock(connection));
  } finally {
    await connection.close();
  }
}
