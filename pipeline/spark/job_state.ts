import type { KubeObject } from "../cluster/cluster.ts";
import { fieldsIn, textIn, uidOf } from "../cluster/fields.ts";
import type { Step } from "../progress.ts";
import { creationFault } from "./creation_faults.ts";
import { type Fault, RUN_PAGE } from "./fault.ts";
import {
  conditionOf,
  containersOf,
  createdAt,
  eventsAbout,
  type JobView,
  nodeOf,
  phaseOf,
  timeOf,
} from "./job_view.ts";
import { podFaults } from "./pod_faults.ts";

/** A step of a Job with a key, so that the step is printed once. */
export interface KeyedStep {
  /** The name of the step. */
  readonly key: string;
  /** The step. */
  readonly step: Step;
}

/** How a Job ended. */
export interface JobEnd {
  /** Whether the Job completed. */
  readonly isComplete: boolean;
  /** The reason of a failed Job, for example `DeadlineExceeded`. */
  readonly reason: string;
  /** The message of Kubernetes about a failed Job. */
  readonly message: string;
}

/**
 * Returns how a Job ended. Returns undefined if the Job has not ended.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { endOf } from "./job_state.ts";
 * const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "a" } };
 * const status = { conditions: [{ type: "Complete", status: "True" }] };
 * assertEquals(endOf(job), undefined);
 * assertEquals(endOf({ ...job, status })?.isComplete, true);
 * ```
 */
export function endOf(job: KubeObject): JobEnd | undefined {
  const complete = conditionOf(job, "Complete");
  const end = complete ?? conditionOf(job, "Failed");
  return end && { isComplete: complete !== undefined, ...end };
}

/** Returns what a Job has done so far, in the order of a run. */
export function stepsOf(view: JobView): KeyedStep[] {
  return [...view.drivers.flatMap((pod) => driverSteps(view, pod)), ...executorSteps(view)];
}

function driverSteps(view: JobView, pod: KubeObject): KeyedStep[] {
  const { name } = pod.metadata;
  const node = nodeOf(pod);
  const steps: KeyedStep[] = [];
  const add = (step: string, says: string, data: Step["data"], warning = false) =>
    steps.push({ key: `${step} ${uidOf(pod)}`, step: { step, says, data, warning } });
  if (node !== "") add("scheduled", `pod ${name} on node ${node}`, { pod: name, node });
  const [pulling] = eventsAbout(view, pod, "Pulling");
  if (pulling !== undefined) {
    const [, image = ""] = /"(.+)"/.exec(textIn(pulling.message)) ?? [];
    add("pulling", `image ${image}`, { pod: name, image });
  }
  const states = containersOf(pod);
  if (states.some(({ running, terminated }) => running ?? terminated)) {
    add("running", `pod ${name}`, { pod: name });
  }
  if (phaseOf(pod) === "Failed") {
    const code = exitCodeOf(pod);
    const how = code === undefined ? "without an exit code" : `with exit code ${code}`;
    add("ended", `pod ${name} ended ${how}`, { pod: name, exitCode: code ?? null }, true);
  }
  return steps;
}

function executorSteps({ executors }: JobView): KeyedStep[] {
  return executors
    .filter((pod) => containersOf(pod).some(({ running }) => running))
    .map((pod) => {
      const { name } = pod.metadata;
      const node = nodeOf(pod);
      const says = `pod ${name} on node ${node}`;
      return {
        key: `executor ${uidOf(pod)}`,
        step: { step: "executor", says, data: { pod: name, node } },
      };
    });
}

/** Returns the exit code of a pod: of its first container that ended with an error. */
export function exitCodeOf(pod: KubeObject): number | undefined {
  const codes = containersOf(pod).map(({ terminated }) => terminated?.exitCode)
    .filter((code) => typeof code === "number");
  return codes.find((code) => code !== 0) ?? codes[0];
}

/** Returns what keeps a Job from running, or from running well. */
export function faultsOf(view: JobView): Fault[] {
  const { job, drivers, executors } = view;
  if (fieldsIn(job.spec).suspend === true) return [suspension(job)];
  const driver = drivers.at(-1);
  const refusal = refusalOf(view);
  if (refusal !== undefined) return [refusal];
  if (driver === undefined) return [];
  const ofDriver = podFaults(view, driver, "the driver");
  if (ofDriver.length > 0) return ofDriver;
  return executors
    .flatMap((pod) => podFaults(view, pod, `the executor ${pod.metadata.name}`))
    .map((fault) => ({ ...fault, isOfExecutor: true }));
}

/** Returns the refusal of the Job's next pod, unless a pod was created afterwards or runs. */
function refusalOf(view: JobView): Fault | undefined {
  const { job, drivers } = view;
  const [event] = eventsAbout(view, job, "FailedCreate");
  if (event === undefined) return undefined;
  const last = drivers.at(-1);
  if (last !== undefined) {
    const isOver = ["Failed", "Succeeded"].includes(phaseOf(last));
    if (!isOver || Date.parse(createdAt(last)) >= timeOf(event)) return undefined;
  }
  return creationFault("the driver's pod", textIn(event.message));
}

function suspension({ metadata }: KubeObject): Fault {
  return {
    key: "suspended",
    kind: "configuration",
    problem: "the Job is suspended, so it has no pod",
    remedy: `Resume the Job: kubectl -n ${metadata.namespace} patch job ${metadata.name} ` +
      `-p '{"spec":{"suspend":false}}'`,
    page: RUN_PAGE,
    outlook: "may pass",
  };
}

/** Returns whether an executor of the Job runs. */
export function hasExecutor({ executors }: JobView): boolean {
  return executors.some((pod) => containersOf(pod).some(({ running }) => running));
}
