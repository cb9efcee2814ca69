import { digestOf } from "../../../checks/image/byte_stream.ts";

// Images as OCI layouts: folders that containerd can import. Layers are tar files that are not copied.

/** An image to write. */
export interface LayoutOptions {
  /** Name of the image, for example `localhost/tools:1`. */
  readonly name: string;
  /** The image's settings, for example `Cmd` and `Env`. */
  readonly config: object;
  /** Paths of the layers, uncompressed tar files. The layout has links to them. */
  readonly layers: readonly string[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Writes an image into a new folder. */
export async function writeLayout(
  folder: string,
  { name, config, layers }: LayoutOptions,
): Promise<void> {
  await Deno.mkdir(`${folder}/blobs/sha256`, { recursive: true });
  const type = (kind: string) => `application/vnd.oci.image.${kind}`;
  const blob = async (mediaType: string, content: object): Promise<Descriptor> => {
    const bytes = new TextEncoder().encode(JSON.stringify(content));
    const digest = digestOf(bytes);
    await Deno.writeFile(pathOf(folder, digest), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const descriptors: Descriptor[] = [];
  for (const path of layers) {
    const digest = await digestOfFile(path);
    await Deno.symlink(path, pathOf(folder, digest));
    const { size } = await Deno.stat(path);
    descriptors.push({ mediaType: type("layer.v1.tar"), digest, size });
  }
  const configuration = await blob(type("config.v1+json"), {
    os: "linux",
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    config,
    rootfs: { type: "layers", diff_ids: descriptors.map(({ digest }) => digest) },
  });
  const manifest = await blob(type("manifest.v1+json"), {
    schemaVersion: 2,
    mediaType: type("manifest.v1+json"),
    config: configuration,
    layers: descriptors,
  });
  const annotations = { "io.containerd.image.name": name };
  await Deno.writeTextFile(`${folder}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await Deno.writeTextFile(
    `${folder}/index.json`,
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
}

function pathOf(folder: string, digest: string): string {
  return `${folder}/blobs/${digest.replace(":", "/")}`;
}

/** Layers have up to 800 MB, and sha256sum needs five times as long as OpenSSL. */
async function digestOfFile(path: string): Promise<string> {
  const args = ["dgst", "-sha256", "-r", path];
  const { success, stdout } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(`Cannot read ${path}.`);
  return `sha256:${new TextDecoder().decode(stdout).split(" ")[0]}`;
}
