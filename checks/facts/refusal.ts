import { Failure } from "../../pipeline/errors.ts";

/**
 * A database, lake or cluster that could not be opened, because it refused access or its
 * configuration is invalid.
 */
export interface Refusal {
  /** Distinguishes a refusal from the fact about an opened resource. */
  readonly opened: false;
  /** The resource, for messages, as in `robson@db:5432/rbsdb`. */
  readonly name: string;
  /** The reason why the resource could not be opened, and what to do. */
  readonly failure: Failure;
}

/**
 * Turns a failure into a fact.
 *
 * @param name the resource, as in `robson@db:5432/rbsdb`
 */
export function refusal(name: string, failure: Failure): Refusal {
  return { opened: false, name, failure };
}

/**
 * Returns whether an error is a refusal or an invalid configuration, and not an unreachable server.
 */
export function isRefusal(error: unknown): error is Failure {
  return error instanceof Failure && error.kind === "configuration";
}
