import { join } from "node:path";
import { inParallelFailingFast, stoppedBy } from "../../pipeline/parallel.ts";
import { type ArchivedImage, findArchived, openArchive } from "../image/archive.ts";
import type { Image } from "../image/image.ts";
import { ImageRefused, type ImageTrouble } from "../image/image_errors.ts";
import { openLayerCache } from "../image/layer_files.ts";
import { type Pulled, readFromRegistry } from "../image/registry.ts";
import { type SparkJars, sparkJarsIn } from "../image/spark_jars.ts";

import { type ImageProgram, programOfConfig } from "../spark/image_program.ts";

export type { ImageTrouble } from "../image/image_errors.ts";

/** A Docker configuration that may contain a login to a registry. */
export interface Credentials {
  /** The source: a Secret, as in `Secret analytics-jobs/registry`, or a file. */
  readonly from: string;
  /** The bytes of a `.dockerconfigjson` or a `config.json`. Never print them. */
  readonly config: Uint8Array;
}

/** A request to read an image. */
export interface ImageRequest {
  /** The reference, as in `ghcr.io/ldamasio/rbs-spark:3.5.8-phase1`. */
  readonly reference: string;
  /**
   * The absolute paths of files that jobs expect in the image, such as
   * `/opt/deep-storage/jobs/bronze.py`.
   */
  readonly files: readonly string[];
  /** The credentials to try in order. If none has a login to the registry, access is anonymous. */
  readonly credentials: readonly Credentials[];
}

/** The fields of every result of reading an image. */
export interface ImageAsked {
  /**
   * The requested reference. Without a request: the image's name in the archive, or the path of the
   * archive.
   */
  readonly reference: string;
  /** The sources of the available credentials. */
  readonly credentials: readonly string[];
  /** True if a login was sent to the registry. */
  readonly loggedIn: boolean;
}

/** An image that was read successfully. */
export interface ImageContents extends ImageAsked, SparkJars {
  /** Distinguishes an image from a refusal. */
  readonly opened: true;
  /**
   * The digest of the platform's manifest, as in `sha256:…`, or of the configuration if an archive
   * has no manifest.
   */
  readonly digest: string;
  /** The platform of the image that was read, as in `linux/amd64`. */
  readonly platform: string;
  /** All platforms that the reference offers. */
  readonly platforms: readonly string[];
  /** The source of the file list. The manifest of a tag always comes from the registry. */
  readonly source: "registry" | "archive" | "cache";
  /** The requested files that exist in the image. */
  readonly files: readonly string[];
}

/** An image that could not be read, for a reason that also affects nodes. */
export interface ImageRefusal extends ImageAsked {
  /** Distinguishes a refusal from an image. */
  readonly opened: false;
  /** The reason as a keyword. */
  readonly trouble: ImageTrouble;
  /** The reason in words, as in `Cannot read the image …`. */
  readonly problem: string;
  /** The remedy. */
  readonly fix: string;
  /** For `platform`: the platforms that the reference offers. Otherwise empty. */
  readonly platforms: readonly string[];
}

/** The result of reading an image. */
export type ImageReading = ImageContents | ImageRefusal;

/** The contents of the images that jobs run. */
export interface ImageFact {
  /** The platform of the nodes, as in `linux/amd64`. */
  readonly platform: string;
  /** The path of the archive that was read instead of registries, if any. */
  readonly archive?: string;
  /**
   * One result for each request, in the same order. Without requests: all images of the archive.
   */
  readonly images: readonly ImageReading[];
}

/** Options for reading images. */
export interface ImageOptions {
  /** The platform of the nodes; `linux/amd64` by default. */
  readonly platform?: string;
  /**
   * The path of an archive to read instead of registries: the output of `docker save`, or an OCI
   * layout in a tar file.
   */
  readonly archive?: string;
  /** CA certificates in PEM, in addition to those of the system. */
  readonly caCertificates?: readonly string[];
  /** The folder for the cache of layers. Without a folder, layers are not cached. */
  readonly cache?: string | undefined;
  /** Cancels the reading when it aborts. */
  readonly signal?: AbortSignal;
}

const DEFAULT_PLATFORM = "linux/amd64";

/**
 * Reads images in parallel, each image once. Refusals of a registry are part of the fact.
 *
 * @param requests the images to read; if empty, all images of the archive
 * @throws {Failure} a registry is unreachable, or the archive or a Docker configuration cannot be
 *   read
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

/**
 * Reads which programs images of an archive start. Images that the archive does not have are left out:
 * the image checks report them.
 *
 * @param references the images, as the jobs name them
 * @throws {Failure} the archive cannot be read
 */
export async function gatherPrograms(
  references: readonly string[],
  archive: string,
  { platform = DEFAULT_PLATFORM, signal }: Pick<ImageOptions, "platform" | "signal"> = {},
): Promise<Map<string, ImageProgram>> {
  const archived = await openArchive(archive, signal);
  const found = new Map<string, ImageProgram>();
  for (const reference of new Set(references)) {
    try {
      const config = await findArchived(archived, reference).config(reference, platform);
      found.set(reference, programOfConfig(config));
    } catch (error) {
      if (!(error instanceof ImageRefused)) throw error;
    }
  }
  return found;
}

async function fromRegistries(
  requests: readonly ImageRequest[],
  { platform = DEFAULT_PLATFORM, caCertificates = [], cache: folder, signal }: ImageOptions,
): Promise<ImageReading[]> {
  const stop = stoppedBy(signal);
  const cache = openLayerCache(folder && join(folder, "layers"));
  const pulls = new Map<string, Promise<Pulled>>();
  const images = await inParallelFailingFast(requests, stop, async (request) => {
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
  return { opened: false, ...asked, trouble, problem, fix, platforms };
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
