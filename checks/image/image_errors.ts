import { Failure, type FailureParts } from "../../pipeline/errors.ts";

/**
 * What is wrong with content that is not of the form that it should be, in a few words that go on
 * from `layer 3 cannot be read:`.
 */
export class Malformed extends Error {
  /** What a stack trace calls it. */
  override readonly name: string = "Malformed";
}

/** Content of a form that others can read and this toolkit cannot, in the same words. */
export class Unsupported extends Malformed {
  /** What a stack trace calls it. */
  override readonly name = "Unsupported";
}

/**
 * Why an image cannot be looked into:
 *
 * - `denied`: the registry wants a login, or another one
 * - `unknown`: there is no such repository, tag or digest; or the reference is none
 * - `platform`: it is there, but not for the platform that was asked for
 * - `broken`: what is there is no image, or not what its digests say
 */
export type ImageTrouble = "denied" | "unknown" | "platform" | "broken";

/** An image that cannot be looked into, for a reason that a node would meet too. */
export class ImageRefused extends Failure {
  /** The reason in one word. */
  readonly trouble: ImageTrouble;
  /** The platforms that there are instead, where the one that was asked for is missing. */
  readonly platforms: readonly string[];

  /** A failure of kind `data` for a broken image, and of kind `configuration` otherwise. */
  constructor(
    trouble: ImageTrouble,
    parts: Omit<FailureParts, "kind">,
    platforms: readonly string[] = [],
  ) {
    super({ kind: trouble === "broken" ? "data" : "configuration", ...parts });
    this.trouble = trouble;
    this.platforms = platforms;
  }
}

/** That an image is no image, or none that is whole. */
export function broken(image: string, why: string): ImageRefused {
  return new ImageRefused("broken", {
    task: `look into ${image}`,
    problem: why,
    remedy: "Build and push it again; no node can run this one.",
  });
}
