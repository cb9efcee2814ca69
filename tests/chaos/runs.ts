import { runAmend } from "../../pipeline/amend.ts";
import { runBronze } from "../../pipeline/bronze.ts";
import { findLeftovers, removeLeftovers } from "../../pipeline/clean.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { Failure, type FailureKind } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { DAY } from "./outbox.ts";

/** The kinds of run that work on a day. */
export const RUN_KINDS = ["bronze", "silver", "amend", "clean"] as const;
/** One kind of run, for example `bronze`. */
export type RunKind = (typeof RUN_KINDS)[number];

/** A run of one kind. */
export interface Run {
  readonly kind: RunKind;
  /** Microseconds after the end of the day before it may be sealed. Silver ignores this. */
  readonly grace?: bigint;
  /** True if an amendment keeps bronze's values for events that the outbox has changed. */
  readonly keepAltered?: boolean;
}

/** A grace period that never passes, so that the day stays open. */
export const CENTURY: bigint = 100n * 366n * 86_400_000_000n;

/** The outcome of a run. */
export interface Outcome {
  /** `error` means an error other than a {@linkcode Failure}, which is always a bug. */
  readonly end: "ok" | FailureKind | "error";
  /** The error message; empty if the run succeeded. */
  readonly message: string;
}

/** Performs a run and returns its outcome. Never throws. */
export async function perform(
  { kind, grace = 0n, keepAltered = false }: Run,
  database: DatabaseConfig,
  lake: Lake,
): Promise<Outcome> {
  const observer = { step() {}, progress() {} };
  try {
    const options = { lake, day: DAY, observer };
    const agree = () => Promise.resolve(true);
    if (kind === "silver") await runSilver(options);
    if (kind === "bronze") await runBronze({ ...options, database, grace });
    if (kind === "amend") await runAmend({ ...options, database, grace, keepAltered, agree });
    if (kind === "clean") {
      await removeLeftovers(
        lake,
        await findLeftovers(lake, DAY, () => Promise.resolve(Date.now())),
      );
    }
    return { end: "ok", message: "" };
  } catch (error) {
    if (error instanceof Failure) return { end: error.kind, message: error.message };
    return { end: "error", message: Deno.inspect(error) };
  }
}
