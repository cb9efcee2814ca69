import { Failure } from "../../pipeline/errors.ts";

/** A signal that aborts at Ctrl-C, or when time is up. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Gives work so many seconds, from now until the end of the block.
 *
 * @param what for people: `compare the cluster with the manifests`
 */
export function deadline(what: string, seconds: number, interrupted: AbortSignal): Deadline {
  const late = new AbortController();
  const timer = setTimeout(() =>
    late.abort(
      new Failure({
        kind: "unreachable",
        task: what,
        problem: `it took longer than ${seconds} s`,
        remedy: "Look for what is slow or hangs, or allow more time with --timeout.",
      }),
    ), seconds * 1000);
  return {
    signal: AbortSignal.any([interrupted, late.signal]),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
