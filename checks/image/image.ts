import { Failure } from "../../pipeline/errors.ts";
import { broken, ImageRefused, Malformed, Unsupported } from "./image_errors.ts";
import { type ImageFiles, type LayerChange, layered } from "./layer_files.ts";
import { isDigest } from "./reference.ts";

/** An image that was read. */
export interface Image {
  /** The digest of its manifest; of its configuration where there is no manifest. */
  readonly digest: string;
  /** The platform that it runs on, as in `linux/amd64`. */
  readonly platform: string;
  /** All platforms that there are under its name. */
  readonly platforms: readonly string[];
  /** The environment that its containers begin with. */
  readonly env: ReadonlyMap<string, string>;
  /** Its files. */
  readonly files: ImageFiles;
  /** Where its layers' lists are from. */
  readonly source: "registry" | "archive" | "cache";
}

/** A manifest or an index with its digest. */
export interface Root {
  /** As in `sha256:…`. */
  readonly digest: string;
  /** What it says. */
  readonly manifest: ImageManifest | ImageIndex;
}

/** What the layers of an image change, the lowest first. */
export interface Layers {
  /** For each layer, what it changes. */
  readonly changes: readonly (readonly LayerChange[])[];
  /** Where that is from. */
  readonly source: Image["source"];
}

/** Where the parts of an image come from. Whatever they give is verified. */
export interface Parts {
  /** A manifest or a configuration. */
  document(descriptor: Descriptor, isManifest: boolean): Promise<Uint8Array>;
  /** What layers change. */
  layers(descriptors: readonly Descriptor[], config: ImageConfig): Promise<Layers>;
}

/**
 * Looks into an image, from its manifest or the index above it.
 *
 * @param name for people, and for errors
 * @param wanted the platform, as in `linux/amd64`
 * @throws {ImageRefused} platform, or broken
 */
export async function readImage(
  name: string,
  { digest, manifest }: Root,
  wanted: string,
  parts: Parts,
): Promise<Image> {
  return await refusing(name, async () => {
    if (manifest.kind === "image") return await readManifest(digest, manifest, parts);
    const platforms = platformsOf(manifest);
    const chosen = choose(manifest, wanted);
    if (chosen === undefined) throw noPlatform(name, wanted, platforms);
    const inner = parseManifest(await parts.document(chosen, true));
    if (inner.kind === "index") throw new Malformed("its index leads to another index");
    return { ...await readManifest(chosen.digest, inner, parts), platforms };
  });
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

/** Turns malformed content into a failure that names the image. */
export async function refusing<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Unsupported) throw unsupported(name, error);
    throw error instanceof Malformed ? broken(name, error.message) : error;
  }
}

/** Adds the layer's number and digest to the error of malformed content. */
export async function ofLayer<T>(
  number: number,
  { digest }: Pick<Descriptor, "digest">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const problem = `its layer ${number} (${digest}) cannot be read: ${error.message}`;
    throw error instanceof Unsupported ? new Unsupported(problem) : new Malformed(problem);
  }
}

/** The failure for an image that nodes can run, but this toolkit cannot read. */
function unsupported(name: string, { message }: Unsupported): Failure {
  return new Failure({
    kind: "unreachable",
    task: `look into ${name}`,
    problem: `${message}, which this toolkit does not read`,
    remedy: "Push it with compression=gzip,force-compression=true in docker buildx build " +
      "--output, or save it with docker save and give that.",
  });
}

function noPlatform(name: string, wanted: string, platforms: readonly string[]): ImageRefused {
  const parts = {
    task: `look into ${name}`,
    problem: `there is none for ${wanted}, only for ${
      platforms.join(", ") || "no platform at all"
    }`,
    remedy: `Build and push it for ${wanted} too.`,
  };
  return new ImageRefused("platform", parts, platforms);
}

/** A piece of an image, named by its content. */
export interface Descriptor {
  /** As in `sha256:…`. */
  readonly digest: string;
  /** Its size in bytes. */
  readonly size: number;
  /** What it is. */
  readonly mediaType: string;
  /** The platform that it is for, as in `linux/arm64/v8`, where an index says so. */
  readonly platform: string | undefined;
  /** What else is said about it. */
  readonly annotations: Readonly<Record<string, unknown>>;
}

/** The manifest of one image for one platform. */
export interface ImageManifest {
  /** Tells it from an index. */
  readonly kind: "image";
  /** Its configuration. */
  readonly config: Descriptor;
  /** Its layers, the lowest first. */
  readonly layers: readonly Descriptor[];
}

/** A list of manifests, one for each platform. */
export interface ImageIndex {
  /** Tells it from a manifest. */
  readonly kind: "index";
  /** The manifests. */
  readonly manifests: readonly Descriptor[];
}

/** What an image's configuration says. */
export interface ImageConfig {
  /** The platform that it runs on, as in `linux/amd64`. */
  readonly platform: string;
  /** Its environment. */
  readonly env: ReadonlyMap<string, string>;
  /** The digests of the unpacked layers, the lowest first. */
  readonly diffIds: readonly string[];
}

/** What a registry is asked for; the media types of OCI and of Docker. */
export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** Bytes that a manifest or a configuration may have, as with most registries. */
export const MOST_DOCUMENT = 4 * 2 ** 20;
/** No file system has more layers on top of each other. */
const MOST_LAYERS = 500;

/**
 * Reads a manifest or an index, of OCI or of Docker.
 *
 * @throws {Malformed} it is neither
 */
export function parseManifest(bytes: Uint8Array): ImageManifest | ImageIndex {
  const value = objectIn(bytes, "the manifest");
  if (Array.isArray(value.manifests)) {
    return { kind: "index", manifests: value.manifests.map(descriptor) };
  }
  if (value.schemaVersion === 1) {
    throw new Malformed("its manifest is of Docker's first form, which nodes take no more");
  }
  if (!Array.isArray(value.layers)) throw new Malformed("its manifest has no layers");
  const layers = value.layers.map(descriptor);
  if (layers.length > MOST_LAYERS) throw new Malformed(`its manifest has ${layers.length} layers`);
  const other = layers.find(({ mediaType }) => !/[./]tar([.+](gzip|zstd))?$/.test(mediaType));
  if (other !== undefined) throw new Malformed(`it has a layer that is no tar: ${word(other)}`);
  return { kind: "image", config: descriptor(value.config), layers };
}

/**
 * Reads an image's configuration.
 *
 * @throws {Malformed} it is none
 */
export function parseConfig(bytes: Uint8Array): ImageConfig {
  const value = objectIn(bytes, "the configuration");
  const platform = platformOf(value);
  if (platform === undefined) throw new Malformed("its configuration names no platform");
  const inner = isObject(value.config) ? value.config : {};
  const rootfs = isObject(value.rootfs) ? value.rootfs : {};
  const env = texts(inner.Env).map((each): [string, string] => {
    const equals = each.indexOf("=");
    return [each.slice(0, equals), each.slice(equals + 1)];
  });
  return { platform, env: new Map(env), diffIds: texts(rootfs.diff_ids) };
}

/**
 * The manifest for a platform. Without a variant it is the first one of the architecture.
 *
 * @param wanted as in `linux/amd64` or `linux/arm64/v8`
 */
export function choose({ manifests }: ImageIndex, wanted: string): Descriptor | undefined {
  const named = manifests.filter(({ platform }) => platform !== undefined);
  return named.find(({ platform }) => platform === wanted) ??
    named.find(({ platform }) => fits(platform!, wanted));
}

/** Whether an image for one platform runs on another. */
export function fits(offered: string, wanted: string): boolean {
  return usual(offered) === usual(wanted) || offered.split("/").slice(0, 2).join("/") === wanted;
}

/** The platforms of an index; what describes other entries, such as attestations, is no image. */
export function platformsOf({ manifests }: ImageIndex): string[] {
  const named = manifests.flatMap(({ platform }) => platform ?? []);
  return [...new Set(named)].filter((each) => !each.startsWith("unknown/"));
}

/** The eighth version is what a 64-bit ARM means without a version. */
function usual(platform: string): string {
  return platform.replace(/^([^/]+\/arm64)\/v8$/, "$1");
}

function descriptor(value: unknown): Descriptor {
  const { digest, size, mediaType, platform, annotations } = isObject(value) ? value : {};
  if (!isDigest(digest)) throw new Malformed("its manifest names content without a sha256 digest");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new Malformed(`its manifest names no size for ${digest}`);
  }
  return {
    ...{ digest, size, mediaType: typeof mediaType === "string" ? mediaType : "" },
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
    // Said below; a parser's words would quote the document.
  }
  throw new Malformed(`${what} is no JSON object`);
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
