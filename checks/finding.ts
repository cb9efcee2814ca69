/**
 * The verdict of a check:
 *
 * - `pass`: the condition holds
 * - `warn`: the condition holds, and a person should look at something
 * - `fail`: the condition does not hold
 * - `skip`: the check did not judge, because another check fails for the same reason, or because the
 *   operator requested the skip
 * - `error`: the check could not decide, because a required fact or object is missing
 * - `not-applicable`: there is no object that the condition applies to, and none is required
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

/** The fix of a violation. */
export interface Fix {
  /** The smallest fix, as a command if there is one. */
  readonly fix: string;
  /** The fix for people who change files instead of a cluster; absent if `fix` is right for both. */
  readonly fixInFiles?: string;
  /** The namespaces in which the fix allows connections. */
  readonly opens?: readonly string[];
}

/** One violation. */
export interface Finding extends Fix {
  /** The severity: whether the violation fails the check or is only a warning. */
  readonly severity: "fail" | "warn";
  /** The object or row with the violation, such as the key of an object in the lake. */
  readonly object: string;
  /** The same object as data, if it is a Kubernetes object. */
  readonly objectRef?: ObjectRef;
  /** The field within the object, such as a column. */
  readonly field?: string;
  /** The object whose limit the violation exceeds, as in `ResourceQuota analytics-jobs/all`. */
  readonly limitOf?: string;
  /** The file that contains the object, relative to the working directory. */
  readonly file?: string;
  /** The line in the file, counted from 1. */
  readonly line?: number;
  /** The problem, with the values that cause it. */
  readonly problem: string;
  /** The consequence of the problem. */
  readonly why?: string;
}

/** An object that no check judges. */
export interface NotJudged {
  /** The object, as in `Rollout analytics-jobs/etl`. */
  readonly object: string;
  /** The reason, as in `kind is not supported`. */
  readonly reason: string;
}

/** The object, field, file and line that a finding is about. */
export type Place = Pick<Finding, "object" | "field" | "file" | "line">;

/**
 * The outcome of a check:
 *
 * - `examined`: the check judged; without findings, the condition holds for everything in `examined`,
 *   but not for what `unchecked` names
 * - `skip`: the check could not judge, and another check fails for the same reason
 * - `notApplicable`: there is nothing to judge, and nothing is required
 * - `unknown`: the check cannot read an object, or a required object is missing; the verdict is `error`,
 *   with the `warnings` about what the check could judge
 */
export type Outcome =
  | {
    readonly examined: string;
    readonly findings: readonly Finding[];
    readonly unchecked?: readonly string[];
    readonly notJudged?: readonly NotJudged[];
  }
  | { readonly skip: string }
  | { readonly notApplicable: string }
  | { readonly unknown: string; readonly warnings?: readonly Finding[] };

/** The verdict of a check with its findings, as plain data. */
export interface Result {
  /** The id of the check, as in `rbac`. */
  readonly id: string;
  /** The title of the check, as in `jobs run on the analytics pool`. */
  readonly title: string;
  /** The decision of the check. */
  readonly verdict: Verdict;
  /** The part of the report that the check belongs to, as in `network`. */
  readonly section?: string;
  /**
   * The objects that were examined; with pass, warn and fail, and with a skip or an error if part of
   * the facts was judged.
   */
  readonly examined?: string;
  /** What the check did not examine, each with the reason; only with `examined`. */
  readonly unchecked?: readonly string[];
  /**
   * The reason why the check did not judge everything; only with skip, error and not-applicable.
   */
  readonly reason?: string;
  /** The facts that the check did not read, although it can. The operator excluded them. */
  readonly unread?: readonly string[];
  /** True if the operator requested the skip. */
  readonly requested?: true;
  /** The objects that no check judges. */
  readonly notJudged?: readonly NotJudged[];
  /** The violations. A skip or an error can have warnings, if part of the facts was judged. */
  readonly findings: readonly Finding[];
  /** The seconds from the start of the run to the verdict. */
  readonly seconds?: number;
}
