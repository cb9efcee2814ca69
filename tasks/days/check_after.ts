import { type BronzeFact, gatherBronze } from "../../checks/facts/bronze.ts";
import { gatherSource } from "../../checks/facts/outbox_day.ts";
import { gatherSilver } from "../../checks/facts/silver.ts";
import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import type { Report } from "../../checks/report/report.ts";
import type { Gatherers } from "../../checks/runner.ts";
import type { DatabaseConfig, LakeConfig } from "../../pipeline/config.ts";
import type { Day } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { type CheckingOptions, runAndReport } from "../cli/checking.ts";

/** Options for the checks after a run. */
export interface AfterOptions extends CheckingOptions {
  readonly database: DatabaseConfig;
  readonly lake: LakeConfig;
  readonly day: Day;
  /** The grace period for slow writers after the end of a day, in microseconds. */
  readonly grace: bigint;
  /** Milliseconds without any data after which the database session fails. */
  readonly silence?: number | undefined;
}

/** Runs the checks after a run and prints the report. */
export function checkAfter(
  { database, lake, day, grace, silence, ...options }: AfterOptions,
): Promise<Report> {
  const gatherers = gatherersAfter({ database, lake, day, grace, silence });
  const status = `reading ${day} from the outbox and the lake …`;
  const subject = { command: "postflight", date: day, status, checks: POSTFLIGHT, gatherers };
  return runAndReport(subject, options);
}

/** Gathers the facts of the checks after a run. */
export function gatherersAfter(
  { database, lake, day, grace, silence }: Pick<
    AfterOptions,
    "database" | "lake" | "day" | "grace" | "silence"
  >,
): Gatherers {
  let bronze: Promise<BronzeFact> | undefined;
  const readBronze = (signal: AbortSignal) =>
    bronze ??= withLake(
      lake,
      signal,
      (opened) => gatherBronze(opened, day, database.table, grace),
    );
  return {
    source: (signal) =>
      withLake(lake, signal, (opened) => gatherSource(database, opened, day, signal, silence)),
    bronze: readBronze,
    silver: async (signal) => {
      const read = await readBronze(signal).catch(() => undefined);
      try {
        return await withLake(lake, signal, (opened) => gatherSilver(opened, day, read));
      } finally {
        read?.operations?.values.free(); // the outbox may need the memory
      }
    },
  };
}

async function withLake<T>(
  config: LakeConfig,
  signal: AbortSignal,
  use: (lake: Lake) => Promise<T>,
): Promise<T> {
  const lake = await openLake(config, signal);
  try {
    return await use(lake);
  } finally {
    lake.close();
  }
}
