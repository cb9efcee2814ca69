import { Failure, type FailureParts } from "../../pipeline/errors.ts";

/**
 * An error about malformed content. The message is a clause that can follow `layer 3 cannot be
 * read: `.
 */
export class Malformed extends Error {
  /** The name in stack traces. */
  override readonly name: string = "Malformed";
}

/** An error about valid content in a format that this toolkit does not support. */
export class Unsupported extends Malformed {
  /** The name in stack traces. */
  override readonly name = "Unsupported";
}

/**
 * The reason that an image cannot be read:
 *
 * - `denied`: the registry requires a login, or a different login
 * - `unknown`: the repository, tag or digest does not exist, or the reference is invalid
 * - `platform`: the image exists, but not for the requested platform
 * - `broken`: the content is not an image, or does not match its digests
 */
export type ImageTrouble = "denied" | "unknown" | "platform" | "broken";

/** An image that cannot be read, for a reason that also prevents a node from pulling it. */
export class ImageRefused extends Failure {
  /** The reason. */
  readonly trouble: ImageTrouble;
  /** For `platform`: the platforms that the reference offers. Otherwise empty. */
  readonly platforms: readonly string[];

  /** Creates a failure of kind `data` for a broken image, and of kind `configuration` otherwise. */
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

/** Returns the failure for an image that is invalid or incomplete. */
export function invalidImage(image: string, why: string): ImageRefused {
  return new ImageRefused("broken", {
    task: `read the image ${image}`,
    problem: why,
    remedy: "Build and push the image again; no node can run it.",
  });
}
