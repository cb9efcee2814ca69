import type { Finding } from "../../../checks/finding.ts";
import type { Day } from "../../../pipeline/contract/window.ts";
import type { RealPlatform } from "./platform.ts";

/**
 * How the Job runs: by `deno task bronze` or `silver` with the engine `spark`, or `as it is`, by
 * kubectl, because that engine replaces the faulty field.
 */
export type Runner = "bronze" | "silver" | "as it is";

/** A fault on a real node, and the check that must find it. */
export interface RealFailure {
  readonly id: string;
  /** The fault and the object with the fault, for the report. */
  readonly injected: string;
  /** The check that must find the fault, and whose fix is executed. */
  readonly foundBy: string;
  /** Checks that may find a consequence of the fault. */
  readonly alsoFoundBy?: readonly string[];
  /** The facts that preflight gathers to find the fault. */
  readonly facts: string;
  readonly runner: Runner;
  readonly inject: (platform: RealPlatform, day: Day) => Promise<void>;
  /** Does what the fixes say, if they are advice for a person. Without it, they are commands. */
  readonly follow?: (
    platform: RealPlatform,
    findings: readonly Finding[],
    day: Day,
  ) => Promise<void>;
}
