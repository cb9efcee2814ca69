import { Failure } from "../../pipeline/errors.ts";
import { dockerImages } from "./archive_docker.ts";
import { survey } from "./archive_file.ts";
import { ociImages } from "./archive_oci.ts";
import type { Image } from "./image.ts";
import { Malformed } from "./malformed.ts";
import { addressOf } from "./reference.ts";
import { ImageRefused } from "./pull_refused.ts";

/** An image of an archive. */
export interface ArchivedImage {
  /** What the archive calls it: whole names, or tags alone; perhaps nothing. */
  readonly names: readonly string[];
  /** The digests that stand for it. */
  readonly digests: readonly string[];
  /** Looks into it, see {@linkcode readImage}. */
  read(name: string, platform: string): Promise<Image>;
}

/**
 * Finds the images of an archive: an OCI layout in a tar, or what `docker save` writes, packed or not.
 *
 * @throws {Failure} configuration: the file cannot be read, or is no such archive
 */
export async function openArchive(
  path: string,
  signal: AbortSignal | undefined,
): Promise<ArchivedImage[]> {
  const archive = await survey(path, signal);
  try {
    const images = archive.documents.has("index.json")
      ? ociImages(archive)
      : archive.documents.has("manifest.json")
      ? dockerImages(archive)
      : [];
    if (images.length > 0) return images;
    throw new Malformed("there is no image in it");
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Failure(
      "configuration",
      `Cannot look into the archive ${path}: ${error.message}. Give a file that docker save or a ` +
        "build of an OCI image wrote.",
    );
  }
}

/**
 * The image of an archive that a reference means: by its digest, or by its name. One that has no name
 * and is alone is whatever is asked for.
 *
 * @throws {ImageRefused} unknown: there is no such image in it
 */
export function findArchived(images: readonly ArchivedImage[], reference: string): ArchivedImage {
  const { registry, path, tag, digest } = addressOf(reference);
  const isIt = ({ names, digests }: ArchivedImage) =>
    digest === undefined
      ? names.some((name) => isTag(name) ? name === tag : isSame(name, { registry, path, tag }))
      : digests.includes(digest);
  const found = images.find(isIt) ??
    (images.length === 1 && images[0]!.names.length === 0 ? images[0] : undefined);
  if (found !== undefined) return found;
  const all = images.flatMap(({ names, digests }) => names.length > 0 ? names : digests);
  throw new ImageRefused(
    "unknown",
    `Cannot look into ${reference}: the archive has ${all.join(", ")} instead. Save the image ` +
      "that the jobs name, or name the one that was saved.",
  );
}

function isTag(name: string): boolean {
  return /^\w[\w.-]*$/.test(name);
}

function isSame(name: string, wanted: { registry: string; path: string; tag: string }): boolean {
  try {
    const { registry, path, tag } = addressOf(name);
    return registry === wanted.registry && path === wanted.path && tag === wanted.tag;
  } catch {
    return false;
  }
}
