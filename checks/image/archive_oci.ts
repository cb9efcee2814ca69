import type { ArchivedImage } from "./archive.ts";
import type { Archive, LayerReader } from "./archive_file.ts";
import { ofLayer, type Parts, readImage, refusing, type Root } from "./image.ts";
import { readLayer } from "./layer.ts";
import { Malformed } from "./malformed.ts";
import { type Descriptor, type ImageIndex, parseManifest } from "./manifest.ts";
import { digestOf, verified } from "./verify.ts";

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
