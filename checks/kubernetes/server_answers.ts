import type { Failure } from "../../pipeline/errors.ts";
import type { ManifestObject } from "./objects.ts";

/** The result of a server-side dry run for an object of the manifests. */
export interface Trial {
  /** The object, with the namespace that it would be applied to. */
  readonly object: ManifestObject;
  /**
   * The object as the server would store it; undefined if the server refuses the object. A Job is
   * created under a temporary name in the dry run.
   */
  readonly applied?: ManifestObject;
  /** The reason why the server refuses the object. */
  readonly refused?: Refused;
}

/** The reason why the API server refuses an object. */
export interface Refused {
  /**
   * The cause: the object is invalid, the user lacks a permission, or the namespace does not exist.
   */
  readonly because: "invalid" | "forbidden" | "no namespace";
  /** The API server's message. */
  readonly problem: string;
}

/** Objects that the user has no permission to read. */
export interface Unread {
  /** The kind. Kinds of other APIs have their group, as in `X.example.com`. */
  readonly kind: string;
  /** The namespace; undefined for cluster-scoped kinds. */
  readonly namespace?: string;
  /** The API server's error. */
  readonly failure: Failure;
}
