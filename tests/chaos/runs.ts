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
/** One of them. */
export type RunKind = (typeof RUN_KINDS)[number];

/** A run of one kind. */
export interface Run {
  readonly kind: RunKind;
  /** Microseconds after the day's end until it may be sealed. Silver does not ask. */
  readonly grace?: bigint;
  /** Whether an amendment keeps the values of bronze where the outbox has others. */
  readonly keepAltered?: boolean;
}

/** A grace that no day outlives, so that it stays open. */
export const CENTURY: bigint = 100n * 366n * 86_400_000_000n;

/** How a run ended. */
export interface Outcome {
  /** `error` is one that is no {@linkcode Failure}, and always wrong. */
  readonly end: "ok" | FailureKind | "error";
  /** What it said; empty where it ended well. */
  readonly message: string;
}

/** Does a run, and says how it ended. It never throws. */
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
