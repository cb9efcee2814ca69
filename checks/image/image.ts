import { Failure } from "../../pipeline/errors.ts";
import { type ImageFiles, layered } from "./files.ts";
import type { LayerChange } from "./layer.ts";
import { Malformed, Unsupported } from "./malformed.ts";
import {
  choose,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  parseConfig,
  parseManifest,
  platformsOf,
} from "./manifest.ts";
import { broken, ImageRefused } from "./pull_refused.ts";

/** An image that was looked into. */
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

/** Tells what is not of its form as the image's fault. */
export async function refusing<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Unsupported) throw unsupported(name, error);
    throw error instanceof Malformed ? broken(name, error.message) : error;
  }
}

/** Says of which layer something is wrong. */
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

/** Nodes can run it, so it is not broken; and what is in it is not known. */
function unsupported(name: string, { message }: Unsupported): Failure {
  return new Failure(
    "unreachable",
    `Cannot look into ${name}: ${message}, which this toolkit does not read. Push it with ` +
      "compression=gzip,force-compression=true in docker buildx build --output, or save it with " +
      "docker save and give that.",
  );
}

function noPlatform(name: string, wanted: string, platforms: readonly string[]): ImageRefused {
  return new ImageRefused(
    "platform",
    `Cannot look into ${name}: there is none for ${wanted}, only for ${
      platforms.join(", ") || "no platform at all"
    }. Build and push it for ${wanted} too.`,
    platforms,
  );
}
