import { Failure, interruption } from "../../pipeline/errors.ts";
import {
  type Bytes,
  bytesOf,
  bytesOfFile,
  decompress,
  digestOf,
  readVerified,
  whole,
} from "./byte_stream.ts";
import {
  type Descriptor,
  type Image,
  type ImageConfig,
  type ImageIndex,
  type Layers,
  MOST_DOCUMENT,
  ofLayer,
  parseConfig,
  parseManifest,
  type Parts,
  readConfig,
  readImage,
  type Root,
  withImageName,
} from "./image.ts";
import { ImageRefused, Malformed } from "./image_errors.ts";
import { type LayerChange, readLayer, readUnpackedLayer } from "./layer_files.ts";
import { addressOf } from "./reference.ts";
import { tarEntries, type TarEntry } from "./tar.ts";

/** One image in an archive. */
export interface ArchivedImage {
  /** The names of the image in the archive: full names or only tags. May be empty. */
  readonly names: readonly string[];
  /** The digests that identify the image. */
  readonly digests: readonly string[];
  /** Reads the image, as {@linkcode readImage} does. */
  read(name: string, platform: string): Promise<Image>;
  /** Reads only the configuration, as {@linkcode readConfig} does. */
  config(name: string, platform: string): Promise<ImageConfig>;
}

/**
 * Lists the images in an archive: an OCI layout in a tar file, or the output of `docker save`. The
 * archive may be compressed with gzip.
 *
 * @throws {Failure} configuration: the file cannot be read, or is not an image archive
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
    throw new Malformed("the archive contains no image");
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Failure({
      kind: "configuration",
      task: `read the archive ${path}`,
      problem: error.message,
      remedy: "Use a file from docker save or from a build with an OCI output.",
    });
  }
}

/**
 * Finds the image that a reference names, by digest or by name. If the archive has a single image
 * without a name, any reference matches that image.
 *
 * @throws {ImageRefused} unknown: the archive has no such image
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
  throw new ImageRefused("unknown", {
    task: `read the image ${reference}`,
    problem: `the archive has ${all.join(", ")} instead`,
    remedy: "Save the image that the jobs name, or change the jobs to name the saved image.",
  });
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

/** An entry of `manifest.json`. */
interface Saved {
  /** The path of the image's configuration. */
  readonly config: string;
  /** The image's names, as in `ghcr.io/ldamasio/rbs-spark:3.5.8`. */
  readonly tags: readonly string[];
  /** The paths of the layers, lowest first. */
  readonly layers: readonly string[];
}

/**
 * Lists the images in the output of `docker save`. This format has no manifest digest. The digest
 * of the configuration identifies the image, and the digests of the uncompressed bytes identify the
 * layers.
 *
 * @throws {Malformed} `manifest.json` is not in the format of `docker save`
 */
export function dockerImages(archive: Archive): ArchivedImage[] {
  return parseSaved(archive.documents.get("manifest.json")!).map((saved): ArchivedImage => {
    const digest = /([0-9a-f]{64})(\.json)?$/.exec(saved.config)?.[1];
    return {
      names: saved.tags,
      digests: digest === undefined ? [] : [`sha256:${digest}`],
      read: async (name, platform) => {
        const config = await withImageName(name, () => configOf(archive, saved, digest));
        const manifest = { kind: "image", config: config.descriptor, layers: [] } as const;
        return await readImage(name, { digest: config.descriptor.digest, manifest }, platform, {
          document: () => Promise.resolve(config.bytes),
          layers: () => layersOf(archive, saved, config.parsed),
        });
      },
      config: async (name) => {
        const { parsed } = await withImageName(name, () => configOf(archive, saved, digest));
        return parsed;
      },
    };
  });
}

// deno-lint-ignore require-await
async function configOf({ documents }: Archive, { config }: Saved, named: string | undefined) {
  const bytes = documents.get(config);
  if (bytes === undefined) throw new Malformed("the configuration is missing from the archive");
  const digest = digestOf(bytes);
  if (named !== undefined && digest !== `sha256:${named}`) {
    throw new Malformed(`the digest of the configuration is ${digest}, but should be ${named}`);
  }
  const descriptor = { digest, size: bytes.length, mediaType: "", platform: undefined };
  return { bytes, parsed: parseConfig(bytes), descriptor: { ...descriptor, annotations: {} } };
}

async function layersOf(
  { links, readLayers }: Archive,
  { layers }: Saved,
  { diffIds }: ImageConfig,
): Promise<Layers> {
  if (layers.length !== diffIds.length) {
    throw new Malformed(
      `the image has ${layers.length} layers, but ${diffIds.length} layer digests`,
    );
  }
  // Docker writes identical layers once, and links the other paths to the first.
  const paths = layers.map((path) => links.get(path) ?? path);
  const readers = paths.map((path, i): [string, LayerReader] => {
    const digest = diffIds[i]!;
    return [
      path,
      (chunks) =>
        ofLayer(
          i + 1,
          { digest },
          () => readVerified(decompress(chunks), { digest }, readUnpackedLayer),
        ),
    ];
  });
  const found = await readLayers(new Map(readers));
  const changes = paths.map((path, i) => {
    const layer = found.get(path);
    if (layer === undefined) {
      throw new Malformed(`the layer ${diffIds[i]} is missing from the archive`);
    }
    return layer;
  });
  return { changes, source: "archive" };
}

function parseSaved(bytes: Uint8Array): Saved[] {
  const list = parsed(bytes);
  const saved = Array.isArray(list) ? list.map(savedOf) : [undefined];
  if (saved.some((each) => each === undefined)) {
    throw new Malformed("manifest.json is not in the format of docker save");
  }
  return saved as Saved[];
}

function savedOf(value: { Config?: unknown; RepoTags?: unknown; Layers?: unknown } | null) {
  const { Config, RepoTags, Layers } = value ?? {};
  const areTexts = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every((each) => typeof each === "string");
  if (typeof Config !== "string" || !areTexts(Layers)) return undefined;
  return { config: Config, layers: Layers, tags: areTexts(RepoTags) ? RepoTags : [] };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/**
 * Lists the images of an OCI layout by the names in `index.json`. Several manifests can have the
 * same name, one for each platform, without a separate index.
 *
 * @throws {Malformed} `index.json` is not an index
 */
export function ociImages(archive: Archive): ArchivedImage[] {
  const bytes = archive.documents.get("index.json")!;
  const index = parseManifest(bytes);
  if (index.kind !== "index") throw new Malformed("index.json is not an index");
  const groups = Map.groupBy(index.manifests, nameOf);
  const parts = partsOf(archive);
  return [...groups].map(([name, manifests]): ArchivedImage => ({
    names: name === "" ? [] : [name],
    digests: manifests.flatMap((each) => [each.digest, ...digestsBelow(archive, each)]),
    read: async (called, platform) => {
      const root = await withImageName(called, () => rootOf(manifests, parts));
      return await readImage(called, root, platform, parts);
    },
    config: async (called, platform) => {
      const root = await withImageName(called, () => rootOf(manifests, parts));
      return await readConfig(called, root, platform, parts);
    },
  }));
}

/**
 * Returns the name that containerd writes (a full name), otherwise the name of the OCI
 * specification (often only a tag). Returns an empty string if both are missing.
 */
function nameOf({ annotations }: Descriptor): string {
  const names = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
  const found = names.map((name) => annotations[name]).find((each) => typeof each === "string");
  return (found as string | undefined) ?? "";
}

async function rootOf(manifests: readonly Descriptor[], parts: Parts): Promise<Root> {
  const [first] = manifests;
  if (manifests.length === 1) {
    const bytes = await parts.document(first!, true);
    return { digest: first!.digest, manifest: parseManifest(bytes) };
  }
  const manifest: ImageIndex = { kind: "index", manifests };
  return { digest: "", manifest };
}

function digestsBelow({ documents }: Archive, { digest }: Descriptor): string[] {
  try {
    const inner = parseManifest(documents.get(pathOf(digest)) ?? new Uint8Array(0));
    return inner.kind === "index" ? inner.manifests.map((each) => each.digest) : [];
  } catch {
    return []; // read() reports the problem
  }
}

function partsOf({ documents, readLayers }: Archive): Parts {
  return {
    // deno-lint-ignore require-await
    async document({ digest }) {
      const bytes = documents.get(pathOf(digest));
      if (bytes === undefined) {
        throw new Malformed(`the content ${digest} is missing from the archive`);
      }
      const found = digestOf(bytes);
      if (found === digest) return bytes;
      throw new Malformed(`the digest is ${found}, but should be ${digest}`);
    },
    async layers(descriptors) {
      const readers = descriptors.map((descriptor, i): [string, LayerReader] => [
        pathOf(descriptor.digest),
        (chunks) => ofLayer(i + 1, descriptor, () => readVerified(chunks, descriptor, readLayer)),
      ]);
      const found = await readLayers(new Map(readers));
      const changes = descriptors.map(({ digest }) => {
        const layer = found.get(pathOf(digest));
        if (layer === undefined) {
          throw new Malformed(`the layer ${digest} is missing from the archive`);
        }
        return layer;
      });
      return { changes, source: "archive" };
    },
  };
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** Reads the changes of a layer from the layer's bytes in an archive. */
export type LayerReader = (chunks: AsyncIterable<Uint8Array>) => Promise<LayerChange[]>;

/** An archive file. Its JSON documents are in memory, and its layers are read on request. */
export interface Archive {
  /** The JSON files in the archive, by path. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
  /** The targets of the links in the archive, by the path of the link. */
  readonly links: ReadonlyMap<string, string>;
  /**
   * Reads the layers at the given paths in one pass through the file. The result has no entry for a
   * missing layer.
   */
  readLayers(readers: ReadonlyMap<string, LayerReader>): Promise<Map<string, LayerChange[]>>;
}

/**
 * The largest accepted total size of the documents, in bytes. An archive has a few documents per
 * image.
 */
const MOST_DOCUMENTS = 64 * 2 ** 20;

/**
 * Reads an archive once, and keeps its documents in memory.
 *
 * @throws {Failure} configuration: the file cannot be read, or is not a tar file
 */
export async function survey(path: string, signal: AbortSignal | undefined): Promise<Archive> {
  const documents = new Map<string, Uint8Array>();
  const links = new Map<string, string>();
  let count = 0;
  await readEntries(path, signal, async (entry) => {
    if (entry.type === "hardlink") links.set(entry.path, entry.target);
    if (entry.type === "symlink") links.set(entry.path, pathBeside(entry.path, entry.target));
    if (entry.type !== "file" || entry.size > MOST_DOCUMENT) return;
    const bytes = await whole(entry.chunks(), MOST_DOCUMENT);
    if (bytes[0] !== 0x7b && bytes[0] !== 0x5b) return; // not JSON: JSON documents begin with { or [
    count += bytes.length;
    if (count > MOST_DOCUMENTS) {
      throw new Malformed("the archive has more than 64 MiB of JSON documents");
    }
    documents.set(entry.path, bytes);
  });
  return {
    documents,
    links,
    readLayers: (readers) => readLayers(path, signal, readers),
  };
}

async function readLayers(
  path: string,
  signal: AbortSignal | undefined,
  readers: ReadonlyMap<string, LayerReader>,
): Promise<Map<string, LayerChange[]>> {
  const found = new Map<string, LayerChange[]>();
  let failed: { readonly error: unknown } | undefined;
  await readEntries(path, signal, async (entry) => {
    const read = entry.type === "file" ? readers.get(entry.path) : undefined;
    if (read === undefined) return;
    // Continue after a failure: if the archive is truncated, that error is reported instead.
    await read(entry.chunks()).then(
      (changes) => found.set(entry.path, changes),
      (error) => failed ??= { error },
    );
  });
  if (failed !== undefined) throw failed.error;
  return found;
}

/**
 * Calls a function for each entry of a tar file. Skipped parts of an uncompressed file are not read
 * from disk.
 */
async function readEntries(
  path: string,
  signal: AbortSignal | undefined,
  see: (entry: TarEntry) => Promise<void>,
): Promise<void> {
  const task = `read the archive ${path}`;
  try {
    using file = await Deno.open(path);
    const bytes = await bytesIn(file);
    try {
      for await (const entry of tarEntries(bytes)) {
        if (signal?.aborted) throw interruption(task, signal);
        await see(entry);
      }
      await bytes.skip(Infinity);
    } finally {
      await bytes.close();
    }
  } catch (error) {
    const problem = error instanceof Malformed ? error.message : fileProblem(error);
    if (problem === undefined) throw error;
    throw new Failure({
      kind: "configuration",
      task,
      problem,
      remedy: "Use a file from docker save or from a build with an OCI output.",
    });
  }
}

async function bytesIn(file: Deno.FsFile): Promise<Bytes> {
  const first = new Uint8Array(262);
  await file.read(first);
  await file.seek(0, Deno.SeekMode.Start);
  const isTar = new TextDecoder().decode(first.subarray(257)) === "ustar";
  return isTar ? await bytesOfFile(file) : bytesOf(decompress(chunksIn(file)));
}

async function* chunksIn(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = new Uint8Array(262_144);
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
  }
}

function pathBeside(path: string, target: string): string {
  return new URL(target, `file:///${path}`).pathname.slice(1);
}

function fileProblem(error: unknown): string | undefined {
  if (error instanceof Deno.errors.NotFound) return "the file does not exist";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "this user has no permission to read the file";
  }
  return undefined;
}
