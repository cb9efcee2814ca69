/**
 * What a check says in the end:
 *
 * - `pass`: it holds
 * - `warn`: it holds, and somebody should look at it
 * - `fail`: it does not hold
 * - `skip`: it was not judged, for a reason that another check or the operator answers for
 * - `error`: nobody can tell, since a fact could not be gathered or there was nothing to look at
 */
export type Verdict = "pass" | "warn" | "fail" | "skip" | "error";

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
 * - with `examined`, it judged; without findings, the condition holds for all that `examined` names
 * - with `skip`, it could not judge, and another check fails for the same reason
 * - with `nothing`, there was nothing to judge. Nobody knows then, and unknown is not pass
 * - with `unknown`, it may not look at what it would have to judge
 */
export type Outcome =
  | { readonly examined: string; readonly findings: readonly Finding[] }
  | { readonly skip: string }
  | { readonly nothing: string }
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
  /** Why there is no judgement, or only half of one. Only with skip and error. */
  readonly reason?: string;
  /** Whether the operator asked for the skip. */
  readonly asked?: true;
  /** The violations. Beside a half judgement that is no more than a skip there can be warnings. */
  readonly findings: readonly Finding[];
}
