import type { KubeObject } from "../cluster/cluster.ts";
import { fieldsIn } from "../cluster/fields.ts";
import { oneLine } from "../cluster/request_errors.ts";
import { Failure, type FailureKind } from "../errors.ts";
import { type DriverLog, partsOf } from "./driver_log.ts";
import { type Fault, RUN_PAGE } from "./fault.ts";
import { exitCodeOf, faultsOf, type JobEnd } from "./job_state.ts";
import { type JobView } from "./job_view.ts";
import type { LayerRun } from "./new_job.ts";

/** The kind of failure for each exit code of a driver. */
const KINDS: Readonly<Record<number, FailureKind>> = {
  1: "data",
  2: "configuration",
  3: "unreachable",
};

/** Returns the failure for a fault that did not pass. The Job stays in the cluster. */
export function faultFailure(
  { layer, day }: LayerRun,
  { metadata }: KubeObject,
  { kind, problem, remedy, page }: Fault,
  attach: string,
): Failure {
  const { namespace, name } = metadata;
  return new Failure({
    kind,
    task: `finish ${layer} of ${day}`,
    problem: `${problem}. Job ${namespace}/${name} was left as it is`,
    remedy: `To follow it again: ${attach}. To remove it: kubectl -n ${namespace} delete job ` +
      `${name}. Read deno task explain ${page}. ${remedy}`,
  });
}

/** What was known about a Job before it failed. */
export interface Known {
  /** The log of the last driver. */
  readonly log: DriverLog;
  /** The faults that were named and did not pass. */
  readonly named: readonly Fault[];
  /** The fault that was named last, if no driver has started. */
  readonly hold: Fault | undefined;
}

/** Returns the failure for a Job that failed: in the words of its driver, if there are any. */
export function jobFailure(
  { layer, day }: LayerRun,
  view: JobView,
  { reason, message }: JobEnd,
  { log, named, hold }: Known,
): Failure {
  const { job, drivers } = view;
  const { namespace, name } = job.metadata;
  const task = `finish ${layer} of ${day}`;
  const fail = (kind: FailureKind, problem: string, remedy: string) =>
    new Failure({ kind, task, problem, remedy });
  if (reason === "DeadlineExceeded") {
    const { activeDeadlineSeconds: limit } = fieldsIn(job.spec);
    const why = (hold ?? named.at(-1))?.problem;
    return fail(
      "unreachable",
      `Job ${namespace}/${name} did not end within its activeDeadlineSeconds (${limit} s)` +
        (why === undefined ? "" : `: ${why}`),
      `Read deno task explain ${RUN_PAGE}. Find out what took the time, and run the day again.`,
    );
  }
  const driver = drivers.at(-1);
  const [fault] = driver === undefined ? [] : faultsOf({ ...view, executors: [] });
  if (fault !== undefined) {
    return fail(fault.kind, fault.problem, `Read deno task explain ${fault.page}. ${fault.remedy}`);
  }
  const code = driver && exitCodeOf(driver);
  // A driver knows that it lost its executors, but not why.
  const ofExecutor = named.findLast(({ isOfExecutor }) => isOfExecutor);
  if (log.failure !== undefined) {
    const kind = KINDS[code ?? 3] ?? "unreachable";
    const parts = partsOf(log.failure);
    if (kind !== "unreachable" || ofExecutor === undefined) return new Failure({ kind, ...parts });
    const { problem, remedy, page } = ofExecutor;
    return new Failure({
      ...{ kind, task: parts.task },
      problem: `${parts.problem}. Before that, ${problem}`,
      remedy: `Read deno task explain ${page}. ${remedy}`,
    });
  }
  // Without the driver's own message, exit code 1 does not prove that the data is wrong.
  const pod = driver?.metadata.name;
  const ended = code === undefined
    ? `Job ${namespace}/${name} failed (${reason}): ${oneLine(message)}`
    : `the driver in pod ${pod} ended with exit code ${code}`;
  const lines = log.last.length === 0
    ? log.unread === undefined ? "" : `; its log cannot be read: ${log.unread}`
    : `. Its last lines: ${log.last.join(" | ")}`;
  const before = named.at(-1);
  const why = before === undefined ? "" : `. Before that, ${before.problem}`;
  return fail(
    "unreachable",
    `${ended}${why}${lines}`,
    `Read deno task explain ${RUN_PAGE}, and the whole log: kubectl -n ${namespace} logs ` +
      (pod ?? `job/${name}`),
  );
}
