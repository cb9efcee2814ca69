import type { ArchivedImage } from "./archive.ts";
import type { Archive, LayerReader } from "./archive_file.ts";
import { unpacked } from "./decompress.ts";
import { type Layers, ofLayer, readImage, refusing } from "./image.ts";
import { readUnpackedLayer } from "./layer.ts";
import { Malformed } from "./malformed.ts";
import { type ImageConfig, parseConfig } from "./manifest.ts";
import { digestOf, verified } from "./verify.ts";

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
