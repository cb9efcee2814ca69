import type { Cluster, KubeObject } from "../cluster/cluster.ts";
import { ApiError } from "../cluster/cluster.ts";
import { fieldsIn, listIn, uidOf } from "../cluster/fields.ts";
import { Failure } from "../errors.ts";
import type { Observer } from "../progress.ts";
import { EMPTY_LOG } from "./driver_log.ts";
import { DriverLogs } from "./driver_logs.ts";
import type { Fault } from "./fault.ts";
import { faultFailure, jobFailure } from "./job_failure.ts";
import { confirmResult, type StoredResult } from "./job_result.ts";
import { endOf, faultsOf, hasExecutor, stepsOf } from "./job_state.ts";
import { type JobView, type NamespaceObjects, phaseOf, viewOf } from "./job_view.ts";
import { NamedFaults } from "./named_faults.ts";
import { JOB, type LayerRun } from "./new_job.ts";

/** How to follow a Job. */
export interface Following extends LayerRun {
  /** The cluster. */
  readonly cluster: Cluster;
  /** The Job. */
  readonly job: KubeObject;
  /** The name of the container with the driver. */
  readonly container: string;
  /** Receives the steps of the Job and of its driver. */
  readonly observer: Observer;
  /** Ends the following when it aborts. The Job continues to run. */
  readonly signal: AbortSignal;
  /** The milliseconds that a fault which can pass may last. */
  readonly patience: number;
  /** The milliseconds without an answer of the API server before giving up; default: 5 minutes. */
  readonly silence?: number;
  /** The milliseconds that a driver may run without an executor before a warning; default: 1 minute. */
  readonly withoutExecutor?: number;
  /** The command that follows the Job again, for messages. */
  readonly attach: string;
  /** The secrets that the lines of the driver may not show. */
  readonly secrets: readonly string[];
  /**
   * Reads the marker of the layer and the day from the lake, if the log does not show the result.
   *
   * @throws {Failure} the lake cannot be read
   */
  readonly readMarker: () => Promise<StoredResult | undefined>;
}

/** The milliseconds after which a watch gives up, if the API server does not answer. */
const LONGEST_SILENCE = 300_000;
/** The milliseconds that a driver may run without an executor before a warning. */
const WITHOUT_EXECUTOR = 60_000;
/** The milliseconds to wait for the rest of the log of a Job that has ended. */
const REST_OF_LOG = 15_000;

/**
 * Follows a Job until it completes, and reports its steps. It only reads: the Job is never changed
 * and never deleted. A completed Job must have stored or verified its layer of the day.
 *
 * @throws {Failure} the Job failed, was deleted, or has a fault that does not pass; the API server
 *   does not answer; the result of a completed Job is not known
 */
export async function followJob(following: Following): Promise<void> {
  const ending = new AbortController();
  const signal = AbortSignal.any([following.signal, ending.signal]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(following.signal.reason);
  following.signal.addEventListener("abort", stop);
  if (following.signal.aborted) stop();
  const follower = new Follower(following, signal, resolve, reject);
  const watches = follower.watchAll();
  try {
    await promise;
  } finally {
    following.signal.removeEventListener("abort", stop);
    ending.abort();
    follower.clear();
    await Promise.allSettled(watches);
  }
}

/** The state of one following. */
class Follower {
  readonly #following: Following;
  readonly #signal: AbortSignal;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  readonly #objects: { -readonly [K in keyof NamespaceObjects]?: NamespaceObjects[K] } = {};
  readonly #printed = new Set<string>();
  readonly #logs: DriverLogs;
  readonly #faults: NamedFaults;
  /** The timers of the kinds whose objects the API server does not give. */
  readonly #silence = new Map<string, ReturnType<typeof setTimeout>>();
  /** The timer of a driver that has no executor. */
  #withoutExecutor: ReturnType<typeof setTimeout> | undefined;
  /** The timer of a completed Job whose driver was not seen. */
  #withoutDriver: ReturnType<typeof setTimeout> | undefined;
  /** The UIDs of the drivers that had a pod of an executor. */
  readonly #hadExecutor = new Set<unknown>();
  /** The last refusal in the log of a driver that has passed. */
  #passedRefusal: Fault | undefined;
  #view: JobView | undefined;
  #isEnding = false;
  /** Whether the wait for the driver of a completed Job is over. */
  #isLate = false;

  constructor(
    following: Following,
    signal: AbortSignal,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.#following = following;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    const { cluster, container, secrets, patience, observer } = following;
    this.#logs = new DriverLogs({
      ...{ cluster, container, secrets, signal },
      podNow: (uid) => this.#objects.pods?.get(uid),
      onStep: (step) => observer.step(step),
      onFault: () => this.#isEnding || this.#judge(this.#view!),
      onUnread: (pod, why) => this.#warn("log", `the log of pod ${pod} is incomplete: ${why}`),
      onError: reject,
    });
    this.#faults = new NamedFaults({
      patience,
      onNew: (fault) =>
        this.#warn("problem", `${fault.problem}. ${adviceOf(fault)}`, { page: fault.page }),
      onFatal: (fault) => this.#fail(fault),
      hasExecutor: () => this.#view !== undefined && hasExecutor(this.#view),
    });
  }

  /** Starts the watches. */
  watchAll(): Promise<void>[] {
    const kinds = [
      ["jobs", JOB],
      ["pods", { apiVersion: "v1", kind: "Pod" }],
      ["events", { apiVersion: "v1", kind: "Event" }],
    ] as const;
    const { cluster, job } = this.#following;
    return kinds.map(async ([name, kind]) => {
      try {
        await cluster.watch(kind, job.metadata.namespace!, {
          signal: this.#signal,
          onChange: (objects) => this.#receive(name, objects),
          onTrouble: (failure) => this.#wait(name, failure),
        });
      } catch (error) {
        if (name !== "events" || !(error instanceof ApiError)) return this.#reject(error);
        this.#warn("events", `${error.problem}; without events, a refused pod is not noticed`);
        this.#receive("events", new Map());
      }
    });
  }

  clear(): void {
    for (const timer of this.#silence.values()) clearTimeout(timer);
    clearTimeout(this.#withoutExecutor);
    clearTimeout(this.#withoutDriver);
    this.#faults.clear();
  }

  /** Reports that the API server does not answer, and gives up after some minutes. */
  #wait(name: keyof NamespaceObjects, failure: Failure): void {
    if (this.#silence.has(name)) return;
    const isFirst = this.#silence.size === 0;
    const { observer, attach, silence = LONGEST_SILENCE } = this.#following;
    const says = `${failure.problem}. The Job continues without this command`;
    if (isFirst) {
      observer.step({ step: "waiting", says, data: { for: failure.problem }, warning: true });
    }
    const { kind, task, problem } = failure;
    const remedy = `The Job continues. To follow it again: ${attach}`;
    const giveUp = () => this.#reject(new Failure({ kind, task, problem, remedy }));
    this.#silence.set(name, setTimeout(giveUp, silence));
  }

  #receive(name: keyof NamespaceObjects, objects: ReadonlyMap<string, KubeObject>): void {
    clearTimeout(this.#silence.get(name));
    this.#silence.delete(name);
    this.#objects[name] = objects;
    const { jobs, pods, events } = this.#objects;
    if (this.#isEnding || jobs === undefined || pods === undefined || events === undefined) return;
    const view = viewOf(uidOf(this.#following.job), { jobs, pods, events });
    if (view === undefined) return this.#reject(this.#deleted());
    this.#view = view;
    for (const { metadata } of view.executors) {
      for (const { uid } of listIn(metadata.ownerReferences)) this.#hadExecutor.add(uid);
    }
    this.#report();
  }

  /** Reports what is new, and ends the following if the Job has ended. */
  #report(): void {
    const view = this.#view!;
    const { observer } = this.#following;
    for (const { key, step } of stepsOf(view)) {
      if (this.#printed.has(key)) continue;
      this.#printed.add(key);
      observer.step(step);
    }
    for (const pod of view.drivers) {
      if (this.#logs.read(pod)) this.#awaitExecutor(pod);
    }
    const end = endOf(view.job);
    if (end?.isComplete && !this.#isLate && lacksDriver(view)) {
      if (this.#withoutDriver !== undefined) return;
      const endWithout = () => {
        this.#isLate = true;
        this.#report();
      };
      this.#withoutDriver = setTimeout(endWithout, REST_OF_LOG);
      return;
    }
    if (end !== undefined) {
      this.#isEnding = true;
      this.clear();
      this.#end(view).then(this.#resolve, this.#reject);
      return;
    }
    this.#judge(view);
  }

  #judge(view: JobView): void {
    const logged = this.#logs.last?.fault;
    // A refusal is over when an executor exists, and stays over when the executor is gone.
    if (view.executors.length > 0) this.#passedRefusal = logged;
    const refused = logged === undefined || logged === this.#passedRefusal ? [] : [logged];
    this.#faults.judge([...faultsOf(view), ...refused]);
  }

  #fail(fault: Fault): void {
    const { job, attach } = this.#following;
    this.#reject(faultFailure(this.#following, job, fault, attach));
  }

  /** Warns if a driver runs for a while and has never had an executor. */
  #awaitExecutor(driver: KubeObject): void {
    const { withoutExecutor = WITHOUT_EXECUTOR } = this.#following;
    const uid = uidOf(driver);
    clearTimeout(this.#withoutExecutor);
    this.#withoutExecutor = setTimeout(() => {
      const pod = this.#objects.pods?.get(uid);
      if (pod === undefined || phaseOf(pod) !== "Running" || this.#hadExecutor.has(uid)) return;
      const says =
        "the driver runs, and has no executor yet. If this lasts, compare the quota with " +
        "the pods: deno task explain quota-fit";
      this.#warn("executor", says);
    }, withoutExecutor);
  }

  async #end(view: JobView): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => timer = setTimeout(resolve, REST_OF_LOG));
    await Promise.race([this.#logs.done(), late]);
    clearTimeout(timer);
    const { observer, job } = this.#following;
    const end = endOf(view.job)!;
    if (!end.isComplete) {
      throw jobFailure(this.#following, view, end, {
        log: this.#logs.last ?? EMPTY_LOG,
        named: this.#faults.all,
        hold: this.#logs.last === undefined ? this.#faults.last : undefined,
      });
    }
    await confirmResult(this.#following, {
      job: view.job,
      steps: this.#logs.steps,
      readMarker: this.#following.readMarker,
    });
    const { namespace, name } = job.metadata;
    observer.step({
      step: "completed",
      says: `Job ${namespace}/${name}`,
      data: { job: `${namespace}/${name}` },
    });
  }

  #deleted(): Failure {
    const { layer, day, job } = this.#following;
    const { namespace, name } = job.metadata;
    return new Failure({
      kind: "unreachable",
      task: `finish ${layer} of ${day}`,
      problem: `Job ${namespace}/${name} was deleted before it ended`,
      remedy: "Find out who deleted the Job, and run the day again.",
    });
  }

  #warn(step: string, says: string, data: Readonly<Record<string, string>> = {}): void {
    this.#following.observer.step({ step, says, data: { says, ...data }, warning: true });
  }
}

/** Returns whether a Job has a pod that succeeded, and the pod was not seen. */
function lacksDriver({ job, drivers }: JobView): boolean {
  const { succeeded } = fieldsIn(job.status);
  return typeof succeeded === "number" && succeeded > 0 &&
    !drivers.some((pod) => phaseOf(pod) === "Succeeded");
}

function adviceOf({ remedy, page }: Fault): string {
  return `Read deno task explain ${page}. ${remedy}`;
}
