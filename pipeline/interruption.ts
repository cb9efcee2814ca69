import { Failure } from "./errors.ts";

/**
 * What an operation throws after its signal was aborted: the signal's reason if that is a Failure,
 * since somebody then chose its words, and else one that has it as its cause.
 *
 * @param task what was being done, as in `read <key> in <lake>`
 */
export function interruption(task: string, signal: AbortSignal): Failure {
  const { reason } = signal;
  if (reason instanceof Failure) return reason;
  return new Failure({
    kind: "unreachable",
    task,
    problem: "it was interrupted before it was done",
    remedy: "Run again.",
    cause: reason,
  });
}
