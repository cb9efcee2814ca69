import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { gatherBronze } from "../../checks/facts/bronze.ts";
import { gatherSilver } from "../../checks/facts/silver.ts";
import { gatherSource } from "../../checks/facts/outbox_day.ts";
import { runChecks } from "../../checks/runner.ts";
import { exitCode } from "../../tasks/cli/exit_code.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { DAY } from "./outbox.ts";
import { Broken } from "./view.ts";

/**
 * Runs the postflight checks on a day that no run is changing.
 *
 * @throws {Broken} a check fails or ends with an error
 */
export async function judgeByChecks(database: DatabaseConfig, lake: Lake): Promise<void> {
  const results = await runChecks(POSTFLIGHT, {
    source: (signal) => gatherSource(database, lake, DAY, signal),
    bronze: () => gatherBronze(lake, DAY),
    silver: async () => gatherSilver(lake, DAY, await gatherBronze(lake, DAY)),
  }, { timeoutMs: 60_000 });
  if (exitCode(results) === 0) return;
  const failed = results.filter(({ verdict }) => verdict !== "pass" && verdict !== "warn").map(
    ({ id, verdict, reason, findings }) =>
      [
        `${id} ${verdict}`,
        reason ?? [],
        ...findings.map(({ object, problem }) => [object, problem]),
      ]
        .flat().join(": "),
  );
  throw new Broken(`postflight does not pass for a day at rest: ${failed.join("; ")}`);
}
