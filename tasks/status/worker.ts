import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { DayRange } from "../../pipeline/contract/window.ts";
import { EXIT_CODES } from "../cli/exit_code.ts";
import { type LakeOrder, serveOnLake } from "../cli/lake_worker.ts";
import type { OUTPUTS } from "../cli/observer.ts";
import { colourWanted, print } from "../cli/terminal.ts";
import { readStatus, type Status } from "./reading.ts";
import { renderJsonDay, renderJsonTotal, renderStatus } from "./text.ts";

/** What status is to do. */
export interface StatusOrder extends LakeOrder {
  /** The days; all where it has no bounds. */
  readonly range: DayRange;
  /** Undefined where no database is at hand. */
  readonly database: DatabaseConfig | undefined;
  /** How long a day waits for slow writers after its end, in microseconds. */
  readonly grace: bigint;
  /** Whether a day that is over and not sealed is a failure. */
  readonly check: boolean;
  readonly output: (typeof OUTPUTS)[number];
}

// It runs in a worker that may reach the database, read the lake, and nothing else.

serveOnLake(async (order: StatusOrder, lake) => {
  const { database, range, grace, check, output } = order;
  const status = await readStatus({ lake, database, range, grace });
  const exitCode = exitCodeOf(status, check);
  if (output === "text") {
    print(renderStatus(status, colourWanted()));
  } else {
    status.days.forEach((day) => print(renderJsonDay(day)));
    print(renderJsonTotal(status, exitCode));
  }
  return exitCode;
});

/** A status that was told is a success, however the days stand; only `--check` asks about that. */
function exitCodeOf({ days, outbox }: Status, check: boolean): number {
  if (check && days.some(({ isOver, isSettled }) => isOver && !isSettled)) return EXIT_CODES.data;
  if (outbox.state === "failed") {
    return outbox.failure.kind === "configuration"
      ? EXIT_CODES.configuration
      : EXIT_CODES.unreachable;
  }
  const layers = days.flatMap(({ bronze, silver }) => [bronze, silver]);
  return layers.some(({ state }) => state === "unreadable") ? EXIT_CODES.unreachable : 0;
}
