import { ImageRefused } from "./image_errors.ts";

/** The parts of an image reference. */
export interface ImageReference {
  /** Registry and repository, as in `ghcr.io/ldamasio/rbs-spark`. */
  readonly repository: string;
  /** The tag, as in `3.5.8-phase1`. */
  readonly tag: string | undefined;
  /** The digest, as in `sha256:…`. */
  readonly digest: string | undefined;
}

/** Parses an image reference: `[registry[:port]/]repository[:tag][@digest]`. */
export function parseImage(image: string): ImageReference {
  const [name = "", digest] = image.split("@");
  const [, repository = name, tag] = /^(.*?)(?::([^:/]+))?$/s.exec(name) ?? [];
  return { repository, tag, digest };
}

/** The address of an image, with defaults for what its reference leaves out. */
export interface ImageAddress {
  /** The registry, as in `docker.io` or `registry:5000`. */
  readonly registry: string;
  /** The repository within the registry, as in `library/spark`. */
  readonly path: string;
  /** The tag; `latest` by default. Ignored if there is a digest. */
  readonly tag: string;
  /** The digest, as in `sha256:…`. */
  readonly digest: string | undefined;
}

const DOCKER_HUB = "docker.io";
const HOST =
  /^(?:(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])(?:\.(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9]))*|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * Resolves an image reference by the rules of container runtimes. The text before the first slash is
 * a registry if it has a dot or a port, or is `localhost`. Otherwise the image is on Docker Hub.
 *
 * @throws {ImageRefused} unknown: the text is not a valid reference
 */
export function addressOf(image: string): ImageAddress {
  const { repository, tag = "latest", digest } = parseImage(image);
  const slash = repository.indexOf("/");
  const first = slash < 0 ? "" : repository.slice(0, slash);
  const named = /[.:]|^localhost$/.test(first);
  const registry = !named || first === `index.${DOCKER_HUB}` ? DOCKER_HUB : first;
  const rest = named ? repository.slice(slash + 1) : repository;
  const path = registry === DOCKER_HUB && !rest.includes("/") ? `library/${rest}` : rest;
  const isOne = HOST.test(registry) && PATH.test(path) && path.length <= 255 &&
    /^\w[\w.-]{0,127}$/.test(tag) && (digest === undefined || isDigest(digest)) &&
    image.split("@").length <= 2;
  if (isOne) return { registry, path, tag, digest };
  throw new ImageRefused("unknown", {
    task: `read the image ${JSON.stringify(image.slice(0, 300))}`,
    problem: "the text is not an image reference",
    remedy: "Write a reference such as ghcr.io/ldamasio/rbs-spark:3.5.8-phase1.",
  });
}

/** Returns whether a value is a sha256 digest, as in `sha256:…`. */
export function isDigest(text: unknown): text is string {
  return typeof text === "string" && /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Returns whether an image for the platform `offered` runs on the platform `wanted`. */
export function fits(offered: string, wanted: string): boolean {
  return normalizePlatform(offered) === normalizePlatform(wanted) ||
    offered.split("/").slice(0, 2).join("/") === wanted;
}

/** Removes the variant `v8`, which is the default of arm64. */
function normalizePlatform(platform: string): string {
  return platform.replace(/^([^/]+\/arm64)\/v8$/, "$1");
}
