import { type Check, check } from "./check.ts";

/** The credentials open a session with the database that the configuration names. */
export const databaseLogin: Check<"database"> = check({
  id: "database-login",
  title: "the database lets the pipeline in",
  phase: "before",
  needs: ["database"],
  run({ database }) {
    if (database.opened) {
      return { examined: `${database.name}, Postgres ${database.version}`, findings: [] };
    }
    const { name, problem, fix } = database;
    return {
      examined: name,
      findings: [{
        severity: "fail",
        object: name,
        problem,
        why: "bronze reads the outbox with exactly these credentials",
        fix,
      }],
    };
  },
});
