import { runEnds } from "../run_end.ts";
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
    const why = "bronze reads the outbox with these credentials";
    const wrong = "password authentication failed";
    const isWrong = database.failure.summary.includes(wrong);
    return refusedLogin(database, isWrong ? `${why}, and ${runEnds("at once", wrong)}` : why);
  },
});
