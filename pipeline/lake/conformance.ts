/** What a store promises, and publishing relies on. */
export type PromiseName =
  | "read-after-write"
  | "conditional-create"
  | "conditional-replace"
  | "content-md5"
  | "listing"
  | "range";

/** What became of a promise when it was tried. */
export interface Kept {
  /** Which promise. */
  readonly promise: PromiseName;
  /** Whether the store kept it; undefined where nobody can tell. */
  readonly kept: boolean | undefined;
  /** What happened, where it was not kept or cannot be told. */
  readonly problem?: string;
}
