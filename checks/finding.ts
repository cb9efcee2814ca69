/**
 * What a check decides:
 *
 * - `pass`: the condition holds
 * - `warn`: the condition holds, and a person should look at something
 * - `fail`: the condition does not hold
 * - `skip`: the check did not judge, because another check fails for the same reason, or because the
 *   operator asked for it
 * - `error`: the check could not decide, because a fact or an object is missing that should be there
 * - `not-applicable`: there is nothing that the condition could apply to, and there need not be
 */
export type Verdict = "pass" | "warn" | "fail" | "skip" | "error" | "not-applicable";

/** A reference to a Kubernetes object. */
export interface ObjectRef {
  /** The kind, as in `NetworkPolicy`. */
  readonly kind: string;
  /** The namespace; absent for an object without one. */
  readonly namespace?: string;
  /** The name, as in `allow-dns`. */
  readonly name: string;
}

/** One violation. */
export interface Finding {
  /** Whether it fails the check, or only wants to be looked at. */
  readonly severity: "fail" | "warn";
  /** The object or row that decides, such as the key of an object in the lake. */
  readonly object: string;
  /** The same object as data, where the finding is about a Kubernetes object. */
  readonly objectRef?: ObjectRef;
  /** The place within it, such as a column. */
  readonly field?: string;
  /** The file that it comes from, relative to the working directory, where there is one. */
  readonly file?: string;
  /** The line within that file, from 1 on. */
  readonly line?: number;
  /** What is wrong with it, with the values. */
  readonly problem: string;
  /** Why that matters. */
  readonly why?: string;
  /** The smallest remedy, as a command where one exists. */
  readonly fix: string;
}

/** The object, field, file and line that a finding is about. */
export type Place = Pick<Finding, "object" | "field" | "file" | "line">;

/**
 * What a check found:
 *
 * - `examined`: the check judged; without findings, the condition holds for all that `examined` names
 * - `skip`: the check could not judge, and another check fails for the same reason
 * - `notApplicable`: there is nothing to judge, and there need not be
 * - `unknown`: the check may not read what it has to judge, or something that should be there is
 *   missing; the verdict is `error`
 */
export type Outcome =
  | { readonly examined: string; readonly findings: readonly Finding[] }
  | { readonly skip: string }
  | { readonly notApplicable: string }
  | { readonly unknown: string };

/** A check's verdict and what it rests on, as plain data. */
export interface Result {
  /** The id of the check, as in `rbac`. */
  readonly id: string;
  /** The title of the check, as in `jobs run on the analytics pool`. */
  readonly title: string;
  /** What the check says in the end. */
  readonly verdict: Verdict;
  /** What was looked at. Only with pass, warn and fail. */
  readonly examined?: string;
  /** Why there is no judgement, or only half of one. Only with skip, error and not-applicable. */
  readonly reason?: string;
  /** Whether the operator asked for the skip. */
  readonly asked?: true;
  /** The violations. Beside a half judgement that is no more than a skip there can be warnings. */
  readonly findings: readonly Finding[];
}
