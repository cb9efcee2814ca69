import { Failure, type FailureParts } from "../../pipeline/errors.ts";

/**
 * Malformed content. The message says in a few words what is wrong, as the end of a sentence such as
 * `layer 3 cannot be read: …`.
 */
export class Malformed extends Error {
  /** What a stack trace calls it. */
  override readonly name: string = "Malformed";
}

/** Valid content in a form that this toolkit does not support, in the same words. */
export class Unsupported extends Malformed {
  /** What a stack trace calls it. */
  override readonly name = "Unsupported";
}

/**
 * The reason why an image cannot be read:
 *
 * - `denied`: the registry requires a login, or a different login
 * - `unknown`: the repository, tag or digest does not exist, or the reference is invalid
 * - `platform`: the image exists, but not for the requested platform
 * - `broken`: the content is not an image, or does not match its digests
 */
export type ImageTrouble = "denied" | "unknown" | "platform" | "broken";

/** An image that cannot be read, for a reason that also prevents a node from pulling it. */
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

/** The failure that an image is invalid or incomplete. */
export function broken(image: string, why: string): ImageRefused {
  return new ImageRefused("broken", {
    task: `look into ${image}`,
    problem: why,
    remedy: "Build and push it again; no node can run this one.",
  });
}
