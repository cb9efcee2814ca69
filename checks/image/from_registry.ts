import { whole } from "./bytes.ts";
import { loginsFor } from "./credentials.ts";
import { type Image, type Layers, ofLayer, type Parts, readImage, refusing } from "./image.ts";
import { type LayerChange, readLayer } from "./layer.ts";
import type { LayerCache } from "./layer_cache.ts";
import { Malformed } from "./malformed.ts";
import { type Descriptor, MOST_DOCUMENT, parseManifest } from "./manifest.ts";
import { addressOf, type ImageAddress } from "./reference.ts";
import { ImageRefused } from "./pull_refused.ts";
import { openRegistry, type Registry } from "./registry.ts";
import { stoppedBy, together } from "./fail_fast.ts";
import { digestOf, verified } from "./verify.ts";

/** How an image is looked for in its registry. */
export interface PullOptions {
  /** The platform, as in `linux/amd64`. */
  readonly platform: string;
  /** The bytes of Docker configurations that may have a login. */
  readonly logins: readonly Uint8Array[];
  /** Certificates in PEM that the registry may be signed by, besides those that the system trusts. */
  readonly caCertificates: readonly string[];
  /** What is remembered of layers. */
  readonly cache: LayerCache;
  /** Ends it when it aborts. */
  readonly signal: AbortSignal | undefined;
}

/** What became of an image that was looked for in its registry. */
export interface Pulled {
  /** The image, or why there is none for us. */
  readonly found: Image | ImageRefused;
  /** Whether somebody logged in for it, or tried to. */
  readonly loggedIn: boolean;
}

/**
 * Looks into an image of a registry. Its manifest is always asked for, since a tag can move; of its
 * layers only those are read that are not remembered.
 *
 * @throws {Failure} unreachable: the registry does not answer; configuration: a login is no login
 */
export async function readFromRegistry(reference: string, options: PullOptions): Promise<Pulled> {
  const { platform, logins, caCertificates, cache } = options;
  const stop = stoppedBy(options.signal);
  let registry: Registry | undefined;
  try {
    const address = addressOf(reference);
    registry = openRegistry(address, {
      ...{ reference, caCertificates, signal: stop.signal },
      logins: logins.flatMap((config) => loginsFor(config, address)),
    });
    const parts = partsOf(registry, cache, stop);
    const root = await refusing(reference, () => rootOf(registry!, address));
    const found = await readImage(reference, root, platform, parts);
    return { found, loggedIn: registry.loggedIn() };
  } catch (error) {
    if (!(error instanceof ImageRefused)) throw error;
    return { found: error, loggedIn: registry?.loggedIn() ?? false };
  } finally {
    stop.abort();
    registry?.close();
  }
}

async function rootOf(registry: Registry, { tag, digest }: ImageAddress) {
  const bytes = await registry.manifest(digest ?? tag);
  const found = digestOf(bytes);
  if (digest !== undefined && digest !== found) {
    throw new Malformed(`its manifest's digest is ${found}, and it should be ${digest}`);
  }
  return { digest: found, manifest: parseManifest(bytes) };
}

function partsOf(registry: Registry, cache: LayerCache, stop: AbortController): Parts {
  let source: Layers["source"] = "cache";

  async function changesOf(descriptor: Descriptor, number: number): Promise<LayerChange[]> {
    const known = await cache.get(descriptor.digest);
    if (known !== undefined) return known;
    source = "registry";
    const read = () => verified(registry.blob(descriptor), descriptor, readLayer);
    const changes = await ofLayer(number, descriptor, read);
    await cache.put(descriptor.digest, changes);
    return changes;
  }

  return {
    async document(descriptor, isManifest) {
      const read = async function* () {
        if (isManifest) yield await registry.manifest(descriptor.digest);
        else yield* registry.blob(descriptor);
      };
      return await verified(read(), descriptor, (chunks) => whole(chunks, MOST_DOCUMENT));
    },
    async layers(descriptors) {
      const read = (each: Descriptor, i: number) => changesOf(each, i + 1);
      const changes = await together(descriptors, stop, read);
      return { changes, source };
    },
  };
}
