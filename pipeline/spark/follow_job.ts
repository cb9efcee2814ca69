import type { Cluster, KubeObject } from "../cluster/cluster.ts";
import { ApiError } from "../cluster/cluster.ts";
import { fieldsIn, uidOf } from "../cluster/fields.ts";
import { redact } from "../cluster/request_errors.ts";
import { Failure } from "../errors.ts";
import type { Observer } from "../progress.ts";
import { addLine, type DriverLog, EMPTY_LOG, followLog, parseStep } from "./driver_log.ts";
import type { Fault } from "./fault.ts";
import { faultFailure, jobFailure } from "./job_failure.ts";
import { confirmResult, type StoredResult } from "./job_result.ts";
import { endOf, faultsOf, hasExecutor, stepsOf } from "./job_state.ts";
import { containersOf, type JobView, type NamespaceObjects, phaseOf, viewOf } from "./job_view.ts";
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
/** The milliseconds that a driver may run without a pod of an executor before a warning. */
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
  readonly #logs = new Map<string, { log: DriverLog; done: Promise<void> }>();
  /** The steps that the drivers printed. */
  readonly #steps: string[] = [];
  /** The faults that were named, by key, without those that have passed. */
  readonly #named = new Map<string, Fault>();
  /** The fault that was named last. */
  #last: Fault | undefined;
  /** The timers of these faults, by key. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** The timers of the kinds whose objects the API server does not give. */
  readonly #silence = new Map<string, ReturnType<typeof setTimeout>>();
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
    for (const timer of this.#timers.values()) clearTimeout(timer);
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
    for (const pod of view.drivers) this.#readLog(pod);
    const end = endOf(view.job);
    if (end?.isComplete && !this.#isLate && lacksDriver(view)) {
      if (this.#timers.has(LATE_DRIVER)) return;
      const endWithout = () => {
        this.#isLate = true;
        this.#report();
      };
      this.#timers.set(LATE_DRIVER, setTimeout(endWithout, REST_OF_LOG));
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

  /** Names each new fault, and ends the following if a fault does not pass. */
  #judge(view: JobView): void {
    const logged = [...this.#logs.values()].at(-1)?.log.fault;
    const refused = logged !== undefined && view.executors.length === 0 ? [logged] : [];
    const faults = [...faultsOf(view), ...refused];
    for (const [key, { outlook }] of this.#named) {
      if (outlook === "retried" || faults.some((fault) => fault.key === key)) continue;
      clearTimeout(this.#timers.get(key));
      this.#named.delete(key);
    }
    for (const fault of faults) {
      if (fault.outlook === "final") return this.#fail(fault);
      if (this.#named.has(fault.key)) continue;
      this.#named.set(fault.key, fault);
      this.#last = fault;
      this.#warn("problem", `${fault.problem}. ${adviceOf(fault)}`, { page: fault.page });
      if (fault.outlook === "retried") continue;
      this.#arm(fault);
    }
  }

  #arm(fault: Fault): void {
    const { patience } = this.#following;
    this.#timers.set(fault.key, setTimeout(() => this.#expire(fault), patience));
  }

  #expire(fault: Fault): void {
    // A driver with one executor finishes the day.
    if (fault.isOfExecutor && this.#view !== undefined && hasExecutor(this.#view)) {
      return this.#arm(fault);
    }
    this.#fail(fault);
  }

  #fail(fault: Fault): void {
    const { job, attach } = this.#following;
    this.#reject(faultFailure(this.#following, job, fault, attach));
  }

  /** Follows the log of a driver whose container has started. */
  #readLog(pod: KubeObject): void {
    const { cluster, container, observer, secrets } = this.#following;
    const stateOf = (of: KubeObject | undefined) =>
      of && containersOf(of).find(({ name }) => name === container);
    const state = stateOf(pod);
    const uid = uidOf(pod);
    // A container that restarts in its pod has another log.
    const run = `${uid} ${state?.restarts}`;
    if (this.#logs.has(run) || (state?.running ?? state?.terminated) === undefined) return;
    const { name, namespace } = pod.metadata;
    const entry = { log: EMPTY_LOG, done: Promise.resolve() };
    this.#logs.set(run, entry);
    clearTimeout(this.#timers.get(LATE));
    this.#timers.set(LATE, setTimeout(() => this.#warnWithoutExecutor(), WITHOUT_EXECUTOR));
    const hasEnded = () => {
      const live = this.#objects.pods?.get(uid);
      return live === undefined || stateOf(live)?.terminated !== undefined;
    };
    const isReplaced = () => {
      const live = this.#objects.pods?.get(uid);
      const now = live && stateOf(live);
      return now !== undefined && now.restarts !== state?.restarts;
    };
    const onLine = (text: string) => {
      const line = redact(text, secrets);
      entry.log = addLine(entry.log, line);
      const step = parseStep(line);
      if (step !== undefined) {
        this.#steps.push(line);
        observer.step(step);
      } else if (entry.log.fault !== undefined && !this.#isEnding) this.#judge(this.#view!);
    };
    entry.done = followLog({
      ...{ cluster, namespace: namespace!, pod: name, container },
      ...{ signal: this.#signal, hasEnded, isReplaced, onLine },
    }).then((unread) => {
      entry.log = { ...entry.log, unread };
      if (unread !== undefined) {
        this.#warn("log", `the log of pod ${name} is incomplete: ${unread}`);
      }
    });
    entry.done.catch(this.#reject);
  }

  #warnWithoutExecutor(): void {
    if (this.#view === undefined || this.#view.executors.length > 0) return;
    const says =
      "the driver runs, and has no executor yet. If this lasts, compare the quota with " +
      "the pods: deno task explain quota-fit";
    this.#warn("executor", says);
  }

  async #end(view: JobView): Promise<void> {
    const logs = [...this.#logs.values()];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => timer = setTimeout(resolve, REST_OF_LOG));
    await Promise.race([Promise.all(logs.map(({ done }) => done)), late]);
    clearTimeout(timer);
    const { observer, job } = this.#following;
    const end = endOf(view.job)!;
    if (!end.isComplete) {
      throw jobFailure(this.#following, view, end, {
        log: logs.at(-1)?.log ?? EMPTY_LOG,
        named: [...this.#named.values()],
        hold: this.#logs.size === 0 ? this.#last : undefined,
      });
    }
    await confirmResult(this.#following, {
      job: view.job,
      steps: this.#steps,
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

/** The key of the timer for a driver without executors. */
const LATE = "without an executor";
/** The key of the timer for a completed Job whose driver was not seen. */
const LATE_DRIVER = "without a driver";

/** Returns whether a Job has a pod that succeeded, and the pod was not seen. */
function lacksDriver({ job, drivers }: JobView): boolean {
  const { succeeded } = fieldsIn(job.status);
  return typeof succeeded === "number" && succeeded > 0 &&
    !drivers.some((pod) => phaseOf(pod) === "Succeeded");
}

function adviceOf({ remedy, page }: Fault): string {
  return `Read deno task explain ${page}. ${remedy}`;
}
