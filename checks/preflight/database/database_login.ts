import { type Check, check } from "../../check.ts";
import { refusedLogin } from "../../login_refused.ts";

/** The configured database accepts the configured credentials. */
export const databaseLogin: Check<"database"> = check({
  id: "database-login",
  title: "the database accepts the login",
  phase: "before",
  needs: ["database"],
  run({ database }) {
    if (database.opened) {
      return { examined: `${database.name}, Postgres ${database.version}`, findings: [] };
    }
    return refusedLogin(database, "bronze reads the outbox with these credentials");
  },
});
