import { Failure } from "../../pipeline/errors.ts";
import { ImageRefused, invalidImage, Malformed, Unsupported } from "./image_errors.ts";
import { type ImageFiles, type LayerChange, layered } from "./layer_files.ts";
import { fits, isDigest } from "./reference.ts";

/** The contents of an image. */
export interface Image {
  /** The digest of the manifest, or of the configuration if there is no manifest. */
  readonly digest: string;
  /** The platform, as in `linux/amd64`. */
  readonly platform: string;
  /** All platforms that the reference offers. */
  readonly platforms: readonly string[];
  /** The environment variables of the image. */
  readonly env: ReadonlyMap<string, string>;
  /** The files of the image. */
  readonly files: ImageFiles;
  /** The source of the file lists of the layers. */
  readonly source: "registry" | "archive" | "cache";
}

/** The manifest or index of an image, and its digest. */
export interface Root {
  /** As in `sha256:…`. */
  readonly digest: string;
  /** The parsed manifest or index. */
  readonly manifest: ImageManifest | ImageIndex;
}

/** The changes of an image's layers, lowest layer first. */
export interface Layers {
  /** The changes of each layer. */
  readonly changes: readonly (readonly LayerChange[])[];
  /** The source of the changes. */
  readonly source: Image["source"];
}

/** Reads the parts of an image, and verifies their digests. */
export interface Parts {
  /** Reads a manifest or a configuration. */
  document(descriptor: Descriptor, isManifest: boolean): Promise<Uint8Array>;
  /** Reads the changes of layers. */
  layers(descriptors: readonly Descriptor[], config: ImageConfig): Promise<Layers>;
}

/**
 * Reads an image from its manifest or its index.
 *
 * @param name the image's name for error messages
 * @param wanted the platform, as in `linux/amd64`
 * @throws {ImageRefused} platform or broken
 */
export async function readImage(
  name: string,
  { digest, manifest }: Root,
  wanted: string,
  parts: Parts,
): Promise<Image> {
  return await withImageName(name, async () => {
    if (manifest.kind === "image") return await readManifest(digest, manifest, parts);
    const platforms = platformsOf(manifest);
    const inner = await chosenIn(name, manifest, wanted, parts);
    return { ...await readManifest(inner.digest, inner.manifest, parts), platforms };
  });
}

/**
 * Reads only the configuration of an image.
 *
 * @param name the name of the image for messages
 * @param wanted the platform, as in `linux/amd64`
 * @throws {ImageRefused} the image has no such platform, or cannot be read
 */
export async function readConfig(
  name: string,
  { manifest }: Root,
  wanted: string,
  parts: Pick<Parts, "document">,
): Promise<ImageConfig> {
  return await withImageName(name, async () => {
    const { config } = manifest.kind === "image"
      ? manifest
      : (await chosenIn(name, manifest, wanted, parts)).manifest;
    return parseConfig(await parts.document(config, false));
  });
}

/** The manifest of a platform in an index. */
async function chosenIn(
  name: string,
  index: ImageIndex,
  wanted: string,
  parts: Pick<Parts, "document">,
): Promise<{ readonly digest: string; readonly manifest: ImageManifest }> {
  const chosen = choose(index, wanted);
  if (chosen === undefined) throw noPlatform(name, wanted, platformsOf(index));
  const manifest = parseManifest(await parts.document(chosen, true));
  if (manifest.kind === "index") throw new Malformed("the index refers to another index");
  return { digest: chosen.digest, manifest };
}

async function readManifest(
  digest: string,
  manifest: ImageManifest,
  parts: Parts,
): Promise<Image> {
  const config = parseConfig(await parts.document(manifest.config, false));
  const { changes, source } = await parts.layers(manifest.layers, config);
  const { platform, env } = config;
  return { digest, platform, platforms: [platform], env, files: layered(changes), source };
}

/** Turns an error about malformed content into a failure that names the image. */
export async function withImageName<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Unsupported) throw unsupportedImage(name, error);
    throw error instanceof Malformed ? invalidImage(name, error.message) : error;
  }
}

/** Adds the layer's number and digest to an error about malformed content. */
export async function ofLayer<T>(
  number: number,
  { digest }: Pick<Descriptor, "digest">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const problem = `layer ${number} (${digest}) cannot be read: ${error.message}`;
    throw error instanceof Unsupported ? new Unsupported(problem) : new Malformed(problem);
  }
}

/** Returns the failure for an image that nodes can run, but this toolkit cannot read. */
function unsupportedImage(name: string, { message }: Unsupported): Failure {
  return new Failure({
    kind: "unreachable",
    task: `read the image ${name}`,
    problem: `${message}, which this toolkit does not support`,
    remedy: "Push the image with compression=gzip,force-compression=true in docker buildx build " +
      "--output, or save the image with docker save and use --image-archive.",
  });
}

function noPlatform(name: string, wanted: string, platforms: readonly string[]): ImageRefused {
  const parts = {
    task: `read the image ${name}`,
    problem: `the image does not exist for ${wanted}, only for ${
      platforms.join(", ") || "no platform at all"
    }`,
    remedy: `Also build and push the image for ${wanted}.`,
  };
  return new ImageRefused("platform", parts, platforms);
}

/** A reference to a part of an image, by digest. */
export interface Descriptor {
  /** As in `sha256:…`. */
  readonly digest: string;
  /** The size in bytes. */
  readonly size: number;
  /** The media type, as in `application/vnd.oci.image.layer.v1.tar+gzip`. */
  readonly mediaType: string;
  /** The platform, as in `linux/arm64/v8`, if an index names one. */
  readonly platform: string | undefined;
  /** The annotations, by key. */
  readonly annotations: Readonly<Record<string, unknown>>;
}

/** The manifest of one image for one platform. */
export interface ImageManifest {
  /** Distinguishes a manifest from an index. */
  readonly kind: "image";
  /** The configuration. */
  readonly config: Descriptor;
  /** The layers, lowest first. */
  readonly layers: readonly Descriptor[];
}

/** A list of manifests, one for each platform. */
export interface ImageIndex {
  /** Distinguishes an index from a manifest. */
  readonly kind: "index";
  /** The manifests. */
  readonly manifests: readonly Descriptor[];
}

/** The configuration of an image. */
export interface ImageConfig {
  /** The platform, as in `linux/amd64`. */
  readonly platform: string;
  /** The environment variables. */
  readonly env: ReadonlyMap<string, string>;
  /** The words of `ENTRYPOINT`. */
  readonly entrypoint: readonly string[];
  /** The words of `CMD`. */
  readonly command: readonly string[];
  /** The digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly string[];
}

/** The accepted media types of manifests and indexes, of OCI and of Docker. */
export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/**
 * The largest accepted manifest or configuration, in bytes. Most registries have the same limit.
 */
export const MOST_DOCUMENT = 4 * 2 ** 20;
/** The largest accepted number of layers. No union file system supports more. */
const MOST_LAYERS = 500;

/**
 * Parses a manifest or an index, of OCI or of Docker.
 *
 * @throws {Malformed} the bytes are neither
 */
export function parseManifest(bytes: Uint8Array): ImageManifest | ImageIndex {
  const value = objectIn(bytes, "the manifest");
  if (Array.isArray(value.manifests)) {
    return { kind: "index", manifests: value.manifests.map(descriptor) };
  }
  if (value.schemaVersion === 1) {
    throw new Malformed(
      "the manifest has Docker's schema version 1, which nodes no longer support",
    );
  }
  if (!Array.isArray(value.layers)) throw new Malformed("the manifest has no layers");
  const layers = value.layers.map(descriptor);
  if (layers.length > MOST_LAYERS) {
    throw new Malformed(`the manifest has ${layers.length} layers, more than ${MOST_LAYERS}`);
  }
  const other = layers.find(({ mediaType }) => !/[./]tar([.+](gzip|zstd))?$/.test(mediaType));
  if (other !== undefined) {
    throw new Malformed(`a layer has the media type ${word(other)}, which is not a tar file`);
  }
  return { kind: "image", config: descriptor(value.config), layers };
}

/**
 * Parses an image's configuration.
 *
 * @throws {Malformed} the bytes are not a configuration
 */
export function parseConfig(bytes: Uint8Array): ImageConfig {
  const value = objectIn(bytes, "the configuration");
  const platform = platformOf(value);
  if (platform === undefined) throw new Malformed("the configuration names no platform");
  const inner = isObject(value.config) ? value.config : {};
  const rootfs = isObject(value.rootfs) ? value.rootfs : {};
  const env = texts(inner.Env).map((each): [string, string] => {
    const equals = each.indexOf("=");
    return [each.slice(0, equals), each.slice(equals + 1)];
  });
  return {
    platform,
    env: new Map(env),
    entrypoint: texts(inner.Entrypoint),
    command: texts(inner.Cmd),
    diffIds: texts(rootfs.diff_ids),
  };
}

/**
 * Chooses the manifest for a platform. If `wanted` has no variant, the first manifest for the
 * architecture matches.
 *
 * @param wanted as in `linux/amd64` or `linux/arm64/v8`
 */
export function choose({ manifests }: ImageIndex, wanted: string): Descriptor | undefined {
  const named = manifests.filter(({ platform }) => platform !== undefined);
  return named.find(({ platform }) => platform === wanted) ??
    named.find(({ platform }) => fits(platform!, wanted));
}

/** Returns the platforms of an index, without entries that are not images, such as attestations. */
export function platformsOf({ manifests }: ImageIndex): string[] {
  const named = manifests.flatMap(({ platform }) => platform ?? []);
  return [...new Set(named)].filter((each) => !each.startsWith("unknown/"));
}

function descriptor(value: unknown): Descriptor {
  const { digest, size, mediaType, platform, annotations } = isObject(value) ? value : {};
  if (!isDigest(digest)) {
    throw new Malformed("the manifest refers to content without a sha256 digest");
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new Malformed(`the manifest has no size for ${digest}`);
  }
  return {
    digest,
    size,
    mediaType: typeof mediaType === "string" ? mediaType : "",
    platform: isObject(platform) ? platformOf(platform) : undefined,
    annotations: isObject(annotations) ? annotations : {},
  };
}

function platformOf({ os, architecture, variant }: Record<string, unknown>): string | undefined {
  const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
  const isOne = parts.every((part) => typeof part === "string" && /^[\w.-]{1,40}$/.test(part));
  return isOne ? parts.join("/") : undefined;
}

function objectIn(bytes: Uint8Array, what: string): Record<string, unknown> {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes));
    if (isObject(value)) return value;
  } catch {
    // The error below has no cause: the parser's message would quote the document.
  }
  throw new Malformed(`${what} is not a JSON object`);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function word({ mediaType }: Descriptor): string {
  return JSON.stringify(mediaType.slice(0, 100));
}
