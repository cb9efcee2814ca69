import { join } from "node:path";
import { stoppedBy, together } from "../../pipeline/parallel.ts";
import { type ArchivedImage, findArchived, openArchive } from "../image/archive.ts";
import type { Image } from "../image/image.ts";
import { ImageRefused, type ImageTrouble } from "../image/image_errors.ts";
import { openLayerCache } from "../image/layer_files.ts";
import { type Pulled, readFromRegistry } from "../image/registry.ts";
import { type SparkJars, sparkJarsIn } from "../image/spark_jars.ts";

export type { ImageTrouble } from "../image/image_errors.ts";

/** A Docker configuration that may hold the login to a registry. */
export interface Credentials {
  /** Where it is from, as in `Secret analytics-jobs/registry` or a file. */
  readonly from: string;
  /** The bytes of a `.dockerconfigjson` or a `config.json`. Never print them. */
  readonly config: Uint8Array;
}

/** An image that is to be looked into. */
export interface ImageRequest {
  /** As in `ghcr.io/ldamasio/rbs-spark:3.5.8-phase1`. */
  readonly reference: string;
  /** Absolute paths of files that jobs expect in it, such as `/opt/deep-storage/jobs/bronze.py`. */
  readonly files: readonly string[];
  /** What its registry may be opened with, tried in turn; nobody logs in where none is for it. */
  readonly credentials: readonly Credentials[];
}

/** What there is to say of an image in any case. */
export interface ImageAsked {
  /** The reference that was asked for; where none was, what the archive calls the image, or its file. */
  readonly reference: string;
  /** Where the credentials are from that were at hand. */
  readonly credentials: readonly string[];
  /** Whether a login was sent to the registry. */
  readonly loggedIn: boolean;
}

/** An image that was read. */
export interface ImageContents extends ImageAsked, SparkJars {
  /** Tells it from a refusal. */
  readonly opened: true;
  /** The digest of the platform's manifest, as in `sha256:…`; of its configuration in an archive without one. */
  readonly digest: string;
  /** The platform of the image that was read, as in `linux/amd64`. */
  readonly platform: string;
  /** All platforms that the reference offers. */
  readonly platforms: readonly string[];
  /** Where its file list is from. A manifest that a tag names is asked of the registry all the same. */
  readonly source: "registry" | "archive" | "cache";
  /** Those of the requested files that it has. */
  readonly files: readonly string[];
}

/** An image that could not be looked into, for a reason that nodes would meet too. */
export interface ImageRefusal extends ImageAsked {
  /** Tells it from an image that was looked into. */
  readonly opened: false;
  /** In one word. */
  readonly trouble: ImageTrouble;
  /** Why it could not be looked into. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
  /** The platforms that there are instead, where `trouble` is `platform`. */
  readonly platforms: readonly string[];
}

/** What became of an image that was asked for. */
export type ImageReading = ImageContents | ImageRefusal;

/** What is inside the images that jobs run. */
export interface ImageFact {
  /** The platform that was asked for: the nodes', as in `linux/amd64`. */
  readonly platform: string;
  /** The archive that stood in for the registries, where one did. */
  readonly archive?: string;
  /** One for each request, in their order; without requests all images of the archive. */
  readonly images: readonly ImageReading[];
}

/** Where and how images are looked for. */
export interface ImageOptions {
  /** The nodes' platform, `linux/amd64` unless given. */
  readonly platform?: string;
  /** The file of `docker save` or an OCI layout in a tar, which stands in for every registry. */
  readonly archive?: string;
  /** More CA certificates in PEM, besides the system's. */
  readonly caCertificates?: readonly string[];
  /** The folder of this user's cache, where layers that were read are remembered; nowhere without it. */
  readonly cache?: string | undefined;
  /** Ends the gathering when it aborts. */
  readonly signal?: AbortSignal;
}

const DEFAULT_PLATFORM = "linux/amd64";

/**
 * Looks into images, all at the same time, each one once. What a registry refuses is part of the fact.
 *
 * @param requests without any, and with an archive, all images of the archive are looked into
 * @throws {Failure} a registry is out of reach, or the archive or a login cannot be read
 */
export async function gatherImages(
  requests: readonly ImageRequest[],
  options: ImageOptions = {},
): Promise<ImageFact> {
  const { platform = DEFAULT_PLATFORM, archive } = options;
  if (archive === undefined) {
    return { platform, images: await fromRegistries(requests, options) };
  }
  return { platform, archive, images: await fromArchive(requests, archive, options) };
}

async function fromRegistries(
  requests: readonly ImageRequest[],
  { platform = DEFAULT_PLATFORM, caCertificates = [], cache: folder, signal }: ImageOptions,
): Promise<ImageReading[]> {
  const stop = stoppedBy(signal);
  const cache = openLayerCache(folder && join(folder, "layers"));
  const pulls = new Map<string, Promise<Pulled>>();
  const images = await together(requests, stop, async (request) => {
    const { reference } = request;
    const logins = request.credentials.map(({ config }) => config);
    const key = JSON.stringify([reference, ...logins.map((login) => login.toBase64())]);
    const options = { platform, logins, caCertificates, cache, signal: stop.signal };
    if (!pulls.has(key)) pulls.set(key, readFromRegistry(reference, options));
    const { found, loggedIn } = await pulls.get(key)!;
    return readingOf(request, found, loggedIn);
  });
  stop.abort();
  return images;
}

async function fromArchive(
  requests: readonly ImageRequest[],
  path: string,
  { platform = DEFAULT_PLATFORM, signal }: ImageOptions,
): Promise<ImageReading[]> {
  const archived = await openArchive(path, signal);
  const asked = requests.map((request) => (
    { request, find: () => findArchived(archived, request.reference) }
  ));
  const all = archived.map((image) => (
    {
      request: { reference: image.names[0] ?? path, files: [], credentials: [] },
      find: () => image,
    }
  ));
  const images: ImageReading[] = [];
  for (const { request, find } of requests.length > 0 ? asked : all) {
    images.push(await readArchived(request, find, platform));
  }
  return images;
}

async function readArchived(
  request: ImageRequest,
  find: () => ArchivedImage,
  platform: string,
): Promise<ImageReading> {
  try {
    return readingOf(request, await find().read(request.reference, platform), false);
  } catch (error) {
    if (!(error instanceof ImageRefused)) throw error;
    return readingOf(request, error, false);
  }
}

function readingOf(
  { reference, files, credentials }: ImageRequest,
  found: Image | ImageRefused,
  loggedIn: boolean,
): ImageReading {
  const asked = { reference, credentials: credentials.map(({ from }) => from), loggedIn };
  if (!(found instanceof ImageRefused)) return { ...asked, ...contentsOf(found, files) };
  const { trouble, platforms, summary: problem, remedy: fix } = found;
  return { opened: false, ...asked, ...{ trouble, problem, fix, platforms } };
}

function contentsOf(
  { digest, platform, platforms, env, files, source }: Image,
  expected: readonly string[],
): Omit<ImageContents, keyof ImageAsked> {
  return {
    opened: true,
    digest,
    platform,
    platforms,
    source,
    ...sparkJarsIn(env, files),
    files: expected.filter((path) => files.kindOf(path) === "file"),
  };
}
