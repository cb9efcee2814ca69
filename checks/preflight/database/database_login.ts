import { type Check, check } from "../../check.ts";
import { refused } from "../../login_refused.ts";

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
    return refused(database, "bronze reads the outbox with exactly these credentials");
  },
});
