import { Failure } from "../../pipeline/errors.ts";

/** A database, a lake or a cluster that refused to be opened, or a configuration that is wrong. */
export interface Refusal {
  /** Discriminates from the fact about one that was opened. */
  readonly opened: false;
  /** What was to be opened: `robson@db:5432/rbsdb`. */
  readonly name: string;
  /** Why it was not opened, and what to do. */
  readonly failure: Failure;
}

/**
 * A failure as a fact.
 *
 * @param name what was to be opened: `robson@db:5432/rbsdb`
 */
export function refusal(name: string, failure: Failure): Refusal {
  return { opened: false, name, failure };
}

/** Whether an error says that something was refused, and not that it was out of reach. */
export function isRefusal(error: unknown): error is Failure {
  return error instanceof Failure && error.kind === "configuration";
}
