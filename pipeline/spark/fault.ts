import type { FailureKind } from "../errors.ts";

/** Something that keeps a Job from running, or that ended one of its pods. */
export interface Fault {
  /** The name of the fault, which stays the same while the fault lasts. */
  readonly key: string;
  /** The kind of the failure, if the fault ends the run. */
  readonly kind: FailureKind;
  /** What is wrong, with the message of Kubernetes. The last sentence has no full stop. */
  readonly problem: string;
  /** What to do: whole sentences. A command at the end has no full stop. */
  readonly remedy: string;
  /** The page of the runbook. */
  readonly page: string;
  /**
   * How the fault ends:
   *
   * - `final`: only with a change
   * - `may pass`: perhaps without a change, for example when another Job ends
   * - `retried`: Kubernetes or Spark starts another pod
   */
  readonly outlook: "final" | "may pass" | "retried";
  /** Whether the fault is that of an executor, which other executors can do without. */
  readonly isOfExecutor?: boolean;
}

/** The page about a run, for faults that no check has a page for. */
export const RUN_PAGE = "run";
