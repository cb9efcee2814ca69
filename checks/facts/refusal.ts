import { Failure } from "../../pipeline/errors.ts";

/** What a database or a store answered that let nobody in, or the configuration that names none. */
export interface Refusal {
  /** Tells it from the fact about one that was opened. */
  readonly opened: false;
  /** For people: what was to be opened. */
  readonly name: string;
  /** Why it was not. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/**
 * Tells a failure as a fact, in two halves: failures are written `Cannot <do what>: <why>. <The next
 * step>.`
 *
 * @param name for people: what was to be opened
 */
export function refusal(name: string, { message }: Failure): Refusal {
  const end = message.search(/\. (?=[A-Z])/);
  if (end < 0) {
    return { opened: false, name, problem: message, fix: "Read the page of this check." };
  }
  return { opened: false, name, problem: message.slice(0, end), fix: message.slice(end + 2) };
}

/** Whether it is an answer, and not only that there was none. */
export function isRefusal(error: unknown): error is Failure {
  return error instanceof Failure && error.kind === "configuration";
}
