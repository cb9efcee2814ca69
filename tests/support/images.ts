import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../../checks/image/byte_stream.ts";

// Small handmade images in the formats of real builds, so that a test can break any part of them.

/**
 * The content of a path in a layer: the bytes of a file, or a link. A path that ends with a slash
 * is a folder.
 */
export type Content = string | Uint8Array | { readonly symlink: string } | {
  readonly hardlink: string;
};

/** The files of a layer by path, in order. */
export type Files = Readonly<Record<string, Content>>;

/** The bytes of a jar without entries. */
export const JAR = `PK\x05\x06${"\0".repeat(18)}`;

/** A blob of an image with its descriptor. */
export interface Blob {
  readonly bytes: Uint8Array;
  readonly descriptor: {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
    readonly [more: string]: unknown;
  };
}

/** An image for one platform. */
export interface TestImage {
  readonly platform: string;
  readonly manifest: Blob;
  readonly config: Blob;
  /** The layers, each as the stored blob and as the uncompressed tar file. */
  readonly layers: readonly (Blob & { readonly tar: Uint8Array })[];
}

/** The parts of an image. */
export interface ImageParts {
  readonly layers: readonly (Files | Uint8Array)[];
  readonly platform?: string;
  readonly env?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly packing?: keyof typeof PACKINGS;
}

const OCI = "application/vnd.oci.image";
/** The compression formats of layers, by name. */
const PACKINGS = {
  gzip: { suffix: "+gzip", pack: (bytes: Uint8Array): Uint8Array => gzipSync(bytes) },
  zstd: { suffix: "+zstd", pack: (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes) },
  none: { suffix: "", pack: (bytes: Uint8Array): Uint8Array => bytes },
};

/** Builds an image from its parts. */
export function imageOf(
  { layers, platform = "linux/amd64", env = [], entrypoint, command, packing = "gzip" }: ImageParts,
): TestImage {
  const { suffix, pack } = PACKINGS[packing];
  const made = layers.map((layer) => {
    const tar = layer instanceof Uint8Array ? layer : tarOf(layer);
    return { tar, ...blobOf(`${OCI}.layer.v1.tar${suffix}`, pack(tar)) };
  });
  const [os, architecture, variant] = platform.split("/");
  const config = blobOf(`${OCI}.config.v1+json`, {
    os,
    architecture,
    ...(variant && { variant }),
    config: { Env: env, Entrypoint: entrypoint, Cmd: command },
    rootfs: { type: "layers", diff_ids: made.map(({ tar }) => digestOf(tar)) },
  });
  const manifest = blobOf(`${OCI}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: config.descriptor,
    layers: made.map(({ descriptor }) => descriptor),
  });
  return { platform, manifest, config, layers: made };
}

/** Builds an index of images for several platforms. */
export function indexOf(images: readonly TestImage[]): Blob {
  return blobOf(`${OCI}.index.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: images.map(({ manifest: { descriptor }, platform }) => {
      const [os, architecture, variant] = platform.split("/");
      return { ...descriptor, platform: { os, architecture, ...(variant && { variant }) } };
    }),
  });
}

/** Builds a blob from bytes, or from an object that is stored as JSON. */
export function blobOf(mediaType: string, content: Uint8Array | object): Blob {
  const bytes = content instanceof Uint8Array
    ? content
    : new TextEncoder().encode(JSON.stringify(content));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

/** Builds a tar file with an OCI layout. */
export function ociArchive(root: Blob, images: readonly TestImage[], name?: string): Uint8Array {
  const annotations = name && { annotations: { "org.opencontainers.image.ref.name": name } };
  const index = { schemaVersion: 2, manifests: [{ ...root.descriptor, ...annotations }] };
  const blobs = [
    root,
    ...images.flatMap(({ manifest, config, layers }) => [...layers, config, manifest]),
  ];
  return tarOf({
    ...Object.fromEntries(
      blobs.map((
        { bytes, descriptor: { digest } },
      ) => [`blobs/${digest.replace(":", "/")}`, bytes]),
    ),
    "oci-layout": JSON.stringify({ imageLayoutVersion: "1.0.0" }),
    "index.json": JSON.stringify(index),
  });
}

/** Builds an archive in the format of `docker save`. */
export function dockerArchive({ config, layers }: TestImage, tags: readonly string[]): Uint8Array {
  const Config = `${config.descriptor.digest.slice("sha256:".length)}.json`;
  const paths = layers.map((_, i) => `${i}/layer.tar`);
  return tarOf({
    ...Object.fromEntries(layers.map(({ tar }, i) => [paths[i]!, tar])),
    [Config]: config.bytes,
    "manifest.json": JSON.stringify([{ Config, RepoTags: tags, Layers: paths }]),
  });
}

/** Builds a tar file in the ustar format. */
export function tarOf(files: Files): Uint8Array {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const [type, body, link] = typeof content === "string"
      ? [path.endsWith("/") ? "5" : "0", new TextEncoder().encode(content), ""]
      : content instanceof Uint8Array
      ? ["0", content, ""]
      : "symlink" in content
      ? ["2", new Uint8Array(0), content.symlink]
      : ["1", new Uint8Array(0), content.hardlink];
    return [tarHeader(path, type, body.length, link), body, zeros(-body.length & 511)];
  });
  return joined([...parts, zeros(1024)]);
}

/** Builds a tar header. */
export function tarHeader(path: string, type: string, size: number, link = ""): Uint8Array {
  const header = new Uint8Array(512);
  const put = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
  put(0, path);
  put(100, "0000644\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0`);
  put(136, `${"0".repeat(11)}\0`);
  put(148, " ".repeat(8));
  put(156, type);
  put(157, link);
  put(257, "ustar\x0000");
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** Concatenates bytes. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function zeros(count: number): Uint8Array {
  return new Uint8Array(count);
}
