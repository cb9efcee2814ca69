import {
  clockDecides,
  type DatabaseConfig,
  databaseConfig,
  dayBy,
  requestedDays,
} from "../../pipeline/config.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { type Day, dayOf } from "../../pipeline/contract/window.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "./flags.ts";

/**
 * Returns the day to work on: the argument, `--date`, `JOB_DATE`, or today. The database's clock decides
 * which day is today or yesterday; for any other day the database is not needed.
 */
export async function dayFor(flags: Flags, project: Project): Promise<Day> {
  const asked = requestedDays({ operand: flags.operand, date: flags.value("date") });
  return clockDecides(asked) ? dayBy(asked.from, await databaseToday(project)) : asked.from as Day;
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

async function databaseToday(project: Project): Promise<Day> {
  const [{ connect }, { databaseClock }] = await Promise.all([
    import("../../pipeline/outbox/connection.ts"),
    import("../../pipeline/outbox/fence.ts"),
  ]);
  const connection = await connect(databaseFor(project));
  try {
    return dayOf(await databaseClock(connection));
  } finally {
    await connection.close();
  }
}
