import { setTimeout as pause } from "node:timers/promises";
import { ApiError, type Cluster } from "../cluster/cluster.ts";
import { oneLine } from "../cluster/request_errors.ts";
import { Failure, type FailureParts } from "../errors.ts";
import type { Step } from "../progress.ts";
import { creationFault } from "./creation_faults.ts";
import type { Fault } from "./fault.ts";

/** A step as the drivers print it: the layer, the step and the sentence. */
const STEP = /^(?:bronze|silver) +([a-z][a-z-]*) +(warning: )?(\S.*)$/;

/** The number of last lines that a message can quote. */
const LAST_LINES = 5;

/**
 * Parses a step in the log of a driver. Returns undefined for any other line.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseStep } from "./driver_log.ts";
 * const step = parseStep("bronze  commit      s3://rbs/bronze/_commit.json, sealed");
 * assertEquals([step?.step, step?.data.state], ["commit", "sealed"]);
 * ```
 */
export function parseStep(line: string): Step | undefined {
  const [, step, mark, says] = STEP.exec(line) ?? [];
  if (step === undefined || says === undefined) return undefined;
  const state = stateIn(step, says);
  const rows = rowsIn(step, says);
  const data = {
    says,
    ...(state === undefined ? {} : { state }),
    ...(rows === undefined ? {} : { rows }),
  };
  return { step, says, data, ...(mark === undefined ? {} : { warning: true }) };
}

function stateIn(step: string, says: string): string | undefined {
  if (step === "verified") return "sealed";
  return step === "commit" ? /, (sealed|open)(?:, unchanged)?$/.exec(says)?.[1] : undefined;
}

/** The counts of rows in the sentences of a driver, by step. */
const COUNTS: Readonly<Record<string, RegExp>> = {
  snapshot: /^([\d,]+) events?, /,
  bronze: /, (?:sealed|open), ([\d,]+) events? in /,
  verified: / has the same ([\d,]+) rows?\b/,
};

/** Returns the number of rows that a step reports, as the same step of the local engine does. */
function rowsIn(step: string, says: string): number | undefined {
  if (step === "snapshot" && says.startsWith("no events; ")) return 0;
  const count = COUNTS[step]?.exec(says)?.[1];
  return count === undefined ? undefined : Number(count.replaceAll(",", ""));
}

/** What the log of a driver has shown. */
export interface DriverLog {
  /** The failure that the driver printed, if any: `Cannot …: …. …`. */
  readonly failure: string | undefined;
  /** The last lines that are no steps. */
  readonly last: readonly string[];
  /** The reason why the log is incomplete, if it is. */
  readonly unread: string | undefined;
  /** A refusal of the pods of the executors, which only the driver sees. */
  readonly fault: Fault | undefined;
}

/** The log before the first line. */
export const EMPTY_LOG: DriverLog = {
  failure: undefined,
  last: [],
  unread: undefined,
  fault: undefined,
};

/** Returns what a log has shown after another line. */
export function addLine(log: DriverLog, line: string): DriverLog {
  const failure = /^Cannot .+: /.test(line) ? line : log.failure;
  const isPlain = line.trim() !== "" && parseStep(line) === undefined;
  const last = isPlain ? [...log.last, line.trim()].slice(-LAST_LINES) : log.last;
  return { ...log, failure, last, fault: refusalIn(line) ?? log.fault };
}

/**
 * The API server's message when it refuses a pod of an executor, in an exception of Spark. The
 * client puts a guess about the service account before it.
 */
function refusalIn(line: string): Fault | undefined {
  const [, message] = /Message: .*?(pods "[^"]+" is forbidden: .+)$/.exec(line) ?? [];
  if (message === undefined) return undefined;
  const short = message.replace(/\. Received status: .*$/, "");
  return {
    ...creationFault("a pod of an executor", short),
    outlook: "may pass",
    isOfExecutor: true,
  };
}

/**
 * Divides a failure that a driver printed into its parts. They give the same message again.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { partsOf } from "./driver_log.ts";
 * const { task, problem, remedy } = partsOf("Cannot export a: it is b. Do c.");
 * assertEquals([task, problem, remedy], ["export a", "it is b", "Do c."]);
 * ```
 */
export function partsOf(message: string): Omit<FailureParts, "kind"> {
  const [, task = "finish", rest = message] = /^Cannot (.+?): (.+)$/.exec(message) ?? [];
  const [, problem = rest, remedy = "Run again."] = /^(.+?)\. (.+)$/.exec(rest) ?? [];
  return { task, problem, remedy };
}

/** The milliseconds between two attempts to read a log. */
const PAUSE = 500;
/** The number of attempts after the container has ended. */
const ATTEMPTS = 4;

/** How to follow the log of a driver. */
export interface LogReading {
  /** The cluster. */
  readonly cluster: Cluster;
  /** The namespace of the pod. */
  readonly namespace: string;
  /** The name of the pod. */
  readonly pod: string;
  /** The name of the container. */
  readonly container: string;
  /** Ends the reading when it aborts. */
  readonly signal: AbortSignal;
  /** Returns whether the container has ended, so that its log is complete. */
  readonly hasEnded: () => boolean;
  /** Returns whether another container has taken the place of this one, with a log of its own. */
  readonly isReplaced?: () => boolean;
  /** Receives each line once. */
  readonly onLine: (line: string) => void;
}

/**
 * Follows the log of a driver to its end. After a dropped connection, it reads the log again, and
 * skips the lines that it has seen.
 *
 * @returns the reason why the log is incomplete, or undefined
 */
export async function followLog(
  { cluster, namespace, pod, container, signal, hasEnded, isReplaced, onLine }: LogReading,
): Promise<string | undefined> {
  let seen = 0;
  let attempts = 0;
  let problem: string | undefined;
  while (!signal.aborted) {
    if (isReplaced?.()) return problem;
    const wasComplete = hasEnded();
    try {
      let number = 0;
      for await (const line of cluster.log(namespace, pod, container, { signal })) {
        if (++number <= seen) continue;
        seen = number;
        onLine(line);
      }
      problem = undefined;
      if (wasComplete) return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof Failure)) throw error;
      problem = oneLine(error.problem);
      if (error instanceof ApiError && error.status === 403) return problem;
      if (wasComplete && ++attempts === ATTEMPTS) return problem;
    }
    await pause(PAUSE, undefined, { signal }).catch(() => {});
  }
  return problem;
}
