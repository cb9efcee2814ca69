import type { Cluster, KubeObject } from "../cluster/cluster.ts";
import { uidOf } from "../cluster/fields.ts";
import { redact } from "../cluster/request_errors.ts";
import type { Step } from "../progress.ts";
import { addLine, type DriverLog, EMPTY_LOG, followLog, parseStep } from "./driver_log.ts";
import { containersOf, type ContainerState } from "./job_view.ts";

/** How to read the logs of a Job's drivers. */
export interface LogHandling {
  /** The cluster. */
  readonly cluster: Cluster;
  /** The name of the container with the driver. */
  readonly container: string;
  /** The secrets that the lines may not show. */
  readonly secrets: readonly string[];
  /** Ends the reading when it aborts. */
  readonly signal: AbortSignal;
  /** Returns the pod with a UID as it is now, or undefined if the pod is gone. */
  readonly podNow: (uid: string) => KubeObject | undefined;
  /** Receives each step of a driver. */
  readonly onStep: (step: Step) => void;
  /** Runs after a line that shows a fault which only the driver sees. */
  readonly onFault: () => void;
  /** Receives the name of a pod, and why its log is incomplete. */
  readonly onUnread: (pod: string, reason: string) => void;
  /** Receives an unexpected error. */
  readonly onError: (error: unknown) => void;
}

/** The logs of a Job's drivers, one for each start of a container. */
export class DriverLogs {
  readonly #handling: LogHandling;
  readonly #logs = new Map<string, { log: DriverLog; done: Promise<void> }>();
  readonly #steps: string[] = [];

  /** Creates the logs of a Job that has no driver yet. */
  constructor(handling: LogHandling) {
    this.#handling = handling;
  }

  /** The lines with steps, in their order. */
  get steps(): readonly string[] {
    return this.#steps;
  }

  /** The log of the last driver, or undefined if no driver has started. */
  get last(): DriverLog | undefined {
    return [...this.#logs.values()].at(-1)?.log;
  }

  /** Waits until all logs are read. */
  async done(): Promise<void> {
    await Promise.all([...this.#logs.values()].map(({ done }) => done));
  }

  /**
   * Follows the log of a driver whose container has started.
   *
   * @returns false if the log is followed already, or the container has not started
   */
  read(pod: KubeObject): boolean {
    const { cluster, container, signal, podNow, onUnread, onError } = this.#handling;
    const state = this.#stateOf(pod);
    const uid = uidOf(pod);
    // A container that restarts in its pod has another log.
    const run = `${uid} ${state?.restarts}`;
    if (this.#logs.has(run) || (state?.running ?? state?.terminated) === undefined) return false;
    const { name, namespace } = pod.metadata;
    const entry = { log: EMPTY_LOG, done: Promise.resolve() };
    this.#logs.set(run, entry);
    const now = () => this.#stateOf(podNow(uid));
    entry.done = followLog({
      ...{ cluster, namespace: namespace!, pod: name, container, signal },
      hasEnded: () => podNow(uid) === undefined || now()?.terminated !== undefined,
      isReplaced: () => (now()?.restarts ?? state?.restarts) !== state?.restarts,
      onLine: (line) => this.#add(entry, line),
    }).then((unread) => {
      entry.log = { ...entry.log, unread };
      if (unread !== undefined) onUnread(name, unread);
    });
    entry.done.catch(onError);
    return true;
  }

  #add(entry: { log: DriverLog }, text: string): void {
    const { secrets, onStep, onFault } = this.#handling;
    const line = redact(text, secrets);
    entry.log = addLine(entry.log, line);
    const step = parseStep(line);
    if (step !== undefined) {
      this.#steps.push(line);
      onStep(step);
    } else if (entry.log.fault !== undefined) onFault();
  }

  #stateOf(pod: KubeObject | undefined): ContainerState | undefined {
    return pod && containersOf(pod).find(({ name }) => name === this.#handling.container);
  }
}
