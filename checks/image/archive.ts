import { Failure, interruption } from "../../pipeline/errors.ts";
import {
  type Bytes,
  bytesOf,
  bytesOfFile,
  digestOf,
  unpacked,
  verified,
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
  readImage,
  refusing,
  type Root,
} from "./image.ts";
import { ImageRefused, Malformed } from "./image_errors.ts";
import { type LayerChange, readLayer, readUnpackedLayer } from "./layer_files.ts";
import { addressOf } from "./reference.ts";
import { tarEntries, type TarEntry } from "./tar.ts";

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
    throw new Failure({
      kind: "configuration",
      task: `look into the archive ${path}`,
      problem: error.message,
      remedy: "Give a file that docker save or a build of an OCI image wrote.",
    });
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
  throw new ImageRefused("unknown", {
    task: `look into ${reference}`,
    problem: `the archive has ${all.join(", ")} instead`,
    remedy: "Save the image that the jobs name, or name the one that was saved.",
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
  /** The path of the configuration. */
  readonly config: string;
  /** The names that the image has. */
  readonly tags: readonly string[];
  /** The paths of the layers, the lowest first. */
  readonly layers: readonly string[];
}

/**
 * The images that `docker save` and its likes write. There is no manifest with a digest in it: the
 * image goes by the digest of its configuration, and layers by those of their unpacked bytes.
 *
 * @throws {Malformed} its `manifest.json` is none
 */
export function dockerImages(archive: Archive): ArchivedImage[] {
  return savedIn(archive.documents.get("manifest.json")!).map((saved): ArchivedImage => {
    const digest = /([0-9a-f]{64})(\.json)?$/.exec(saved.config)?.[1];
    return {
      names: saved.tags,
      digests: digest === undefined ? [] : [`sha256:${digest}`],
      read: async (name, platform) => {
        const config = await refusing(name, () => configOf(archive, saved, digest));
        const manifest = { kind: "image", config: config.descriptor, layers: [] } as const;
        return await readImage(name, { digest: config.descriptor.digest, manifest }, platform, {
          document: () => Promise.resolve(config.bytes),
          layers: () => layersOf(archive, saved, config.parsed),
        });
      },
    };
  });
}

// deno-lint-ignore require-await
async function configOf({ documents }: Archive, { config }: Saved, named: string | undefined) {
  const bytes = documents.get(config);
  if (bytes === undefined) throw new Malformed("the archive lacks its configuration");
  const digest = digestOf(bytes);
  if (named !== undefined && digest !== `sha256:${named}`) {
    throw new Malformed(`its configuration's digest is ${digest}, and it should be ${named}`);
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
    throw new Malformed(`it has ${layers.length} layers, and ${diffIds.length} digests of layers`);
  }
  // Equal layers are written once; the others are links to them.
  const paths = layers.map((path) => links.get(path) ?? path);
  const readers = paths.map((path, i): [string, LayerReader] => {
    const digest = diffIds[i]!;
    return [
      path,
      (chunks) =>
        ofLayer(
          i + 1,
          { digest },
          () => verified(unpacked(chunks), { digest }, readUnpackedLayer),
        ),
    ];
  });
  const found = await readLayers(new Map(readers));
  const changes = paths.map((path, i) => {
    const layer = found.get(path);
    if (layer === undefined) throw new Malformed(`the archive lacks its layer ${diffIds[i]}`);
    return layer;
  });
  return { changes, source: "archive" };
}

function savedIn(bytes: Uint8Array): Saved[] {
  const list = parsed(bytes);
  const saved = Array.isArray(list) ? list.map(savedOf) : [undefined];
  if (saved.some((each) => each === undefined)) {
    throw new Malformed("its manifest.json is not that of docker save");
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
 * The images of an OCI layout: those that its `index.json` lists, by their names. One name can stand
 * for several manifests, each for a platform, also without an index of their own.
 *
 * @throws {Malformed} its index is none
 */
export function ociImages(archive: Archive): ArchivedImage[] {
  const bytes = archive.documents.get("index.json")!;
  const index = parseManifest(bytes);
  if (index.kind !== "index") throw new Malformed("its index.json is no index");
  const groups = Map.groupBy(index.manifests, nameOf);
  const parts = partsOf(archive);
  return [...groups].map(([name, manifests]): ArchivedImage => ({
    names: name === "" ? [] : [name],
    digests: manifests.flatMap((each) => [each.digest, ...digestsBelow(archive, each)]),
    read: async (called, platform) => {
      const root = await refusing(called, () => rootOf(manifests, parts));
      return await readImage(called, root, platform, parts);
    },
  }));
}

/** By containerd's name, which is whole, or that of the specification, which is often a tag. */
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
    return []; // what is wrong with it is told when it is read
  }
}

function partsOf({ documents, readLayers }: Archive): Parts {
  return {
    // deno-lint-ignore require-await
    async document({ digest }) {
      const bytes = documents.get(pathOf(digest));
      if (bytes === undefined) throw new Malformed(`the archive lacks its content ${digest}`);
      const found = digestOf(bytes);
      if (found === digest) return bytes;
      throw new Malformed(`its digest is ${found}, and it should be ${digest}`);
    },
    async layers(descriptors) {
      const readers = descriptors.map((descriptor, i): [string, LayerReader] => [
        pathOf(descriptor.digest),
        (chunks) => ofLayer(i + 1, descriptor, () => verified(chunks, descriptor, readLayer)),
      ]);
      const found = await readLayers(new Map(readers));
      const changes = descriptors.map(({ digest }) => {
        const layer = found.get(pathOf(digest));
        if (layer === undefined) throw new Malformed(`the archive lacks its layer ${digest}`);
        return layer;
      });
      return { changes, source: "archive" };
    },
  };
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** Reads a layer from its bytes as they are in an archive. */
export type LayerReader = (chunks: AsyncIterable<Uint8Array>) => Promise<LayerChange[]>;

/** An archive in a file, of which the documents are known. */
export interface Archive {
  /** The JSON files in it, by their paths. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
  /** Where its links lead, by their paths. */
  readonly links: ReadonlyMap<string, string>;
  /**
   * Reads layers, each at its path, in one more go through the file. Layers that are not there are
   * missing in what it returns.
   */
  readLayers(readers: ReadonlyMap<string, LayerReader>): Promise<Map<string, LayerChange[]>>;
}

/** Bytes of all documents together; an archive has a few of them for each image. */
const MOST_DOCUMENTS = 64 * 2 ** 20;

/**
 * Goes through an archive once, and keeps its documents.
 *
 * @throws {Failure} configuration: the file cannot be read, or is no tar
 */
export async function survey(path: string, signal: AbortSignal | undefined): Promise<Archive> {
  const documents = new Map<string, Uint8Array>();
  const links = new Map<string, string>();
  let count = 0;
  await goThrough(path, signal, async (entry) => {
    if (entry.type === "hardlink") links.set(entry.path, entry.target);
    if (entry.type === "symlink") links.set(entry.path, besides(entry.path, entry.target));
    if (entry.type !== "file" || entry.size > MOST_DOCUMENT) return;
    const bytes = await whole(entry.chunks(), MOST_DOCUMENT);
    if (bytes[0] !== 0x7b && bytes[0] !== 0x5b) return; // what begins with { or [ is JSON
    count += bytes.length;
    if (count > MOST_DOCUMENTS) throw new Malformed("it has more documents than any archive");
    documents.set(entry.path, bytes);
  });
  return {
    ...{ documents, links },
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
  await goThrough(path, signal, async (entry) => {
    const read = entry.type === "file" ? readers.get(entry.path) : undefined;
    if (read === undefined) return;
    // Where the archive itself ends too early, that is to be told instead.
    await read(entry.chunks()).then(
      (changes) => found.set(entry.path, changes),
      (error) => failed ??= { error },
    );
  });
  if (failed !== undefined) throw failed.error;
  return found;
}

/** Shows each entry of a tar in a file. What is not read of a plain tar is not fetched from the disk. */
async function goThrough(
  path: string,
  signal: AbortSignal | undefined,
  see: (entry: TarEntry) => Promise<void>,
): Promise<void> {
  const task = `look into the archive ${path}`;
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
      remedy: "Give a file that docker save or a build of an OCI image wrote.",
    });
  }
}

async function bytesIn(file: Deno.FsFile): Promise<Bytes> {
  const first = new Uint8Array(262);
  await file.read(first);
  await file.seek(0, Deno.SeekMode.Start);
  const isTar = new TextDecoder().decode(first.subarray(257)) === "ustar";
  return isTar ? await bytesOfFile(file) : bytesOf(unpacked(chunksIn(file)));
}

async function* chunksIn(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = new Uint8Array(262_144);
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
  }
}

function besides(path: string, target: string): string {
  return new URL(target, `file:///${path}`).pathname.slice(1);
}

function fileProblem(error: unknown): string | undefined {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not read it";
  return undefined;
}
