import { entryOf } from "../kubernetes/fields.ts";
import { Failure } from "../../pipeline/errors.ts";
import { inParallelFailingFast, stoppedBy } from "../../pipeline/parallel.ts";
import { digestOf, readVerified, whole } from "./byte_stream.ts";
import { type Login, loginsFor } from "./credentials.ts";
import { type Http, isLoopback, openHttp, speaksPlain } from "./http.ts";
import {
  type Descriptor,
  type Image,
  type Layers,
  MANIFEST_TYPES,
  MOST_DOCUMENT,
  ofLayer,
  parseManifest,
  type Parts,
  readImage,
  withImageName,
} from "./image.ts";
import { ImageRefused, invalidImage, Malformed } from "./image_errors.ts";
import { type LayerCache, type LayerChange, readLayer } from "./layer_files.ts";
import { addressOf, type ImageAddress } from "./reference.ts";

/** The options for reading an image from its registry. */
export interface PullOptions {
  /** The platform, as in `linux/amd64`. */
  readonly platform: string;
  /** The bytes of Docker configurations that may contain a login. */
  readonly logins: readonly Uint8Array[];
  /** CA certificates in PEM, in addition to those of the system. */
  readonly caCertificates: readonly string[];
  /** The cache of layers that were read before. */
  readonly cache: LayerCache;
  /** Cancels the reading when it aborts. */
  readonly signal: AbortSignal | undefined;
}

/** The result of reading an image from its registry. */
export interface Pulled {
  /** The image, or the reason that it cannot be read. */
  readonly found: Image | ImageRefused;
  /** True if a login was sent. */
  readonly loggedIn: boolean;
}

/**
 * Reads an image from its registry. Always requests the manifest, because a tag can move, and
 * downloads only layers that are not in the cache.
 *
 * @throws {Failure} unreachable: the registry does not respond; configuration: a Docker
 *   configuration is invalid
 */
export async function readFromRegistry(reference: string, options: PullOptions): Promise<Pulled> {
  const { platform, logins, caCertificates, cache } = options;
  const stop = stoppedBy(options.signal);
  let registry: Registry | undefined;
  try {
    const address = addressOf(reference);
    registry = openRegistry(address, {
      reference,
      caCertificates,
      signal: stop.signal,
      logins: logins.flatMap((config) => loginsFor(config, address)),
    });
    const parts = partsOf(registry, cache, stop);
    const root = await withImageName(reference, () => rootOf(registry!, address));
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
    throw new Malformed(`the digest of the manifest is ${found}, but should be ${digest}`);
  }
  return { digest: found, manifest: parseManifest(bytes) };
}

function partsOf(registry: Registry, cache: LayerCache, stop: AbortController): Parts {
  let source: Layers["source"] = "cache";

  async function changesOf(descriptor: Descriptor, number: number): Promise<LayerChange[]> {
    const known = await cache.get(descriptor.digest);
    if (known !== undefined) return known;
    source = "registry";
    const read = () => readVerified(registry.blob(descriptor), descriptor, readLayer);
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
      return await readVerified(read(), descriptor, (chunks) => whole(chunks, MOST_DOCUMENT));
    },
    async layers(descriptors) {
      const read = (each: Descriptor, i: number) => changesOf(each, i + 1);
      const changes = await inParallelFailingFast(descriptors, stop, read);
      return { changes, source };
    },
  };
}

/** Options for reading from a registry. */
export interface RegistryOptions {
  /** The reference, for error messages. */
  readonly reference: string;
  /**
   * The logins, which are tried in order as in the kubelet. Without a login, access is anonymous.
   */
  readonly logins: readonly Login[];
  /** CA certificates in PEM, in addition to those of the system. */
  readonly caCertificates: readonly string[];
  /** Aborts all requests. */
  readonly signal: AbortSignal | undefined;
}

/** One repository of a registry, opened for reading. */
export interface Registry {
  /** Returns whether a login was sent. */
  loggedIn(): boolean;
  /**
   * Reads the manifest or index with a tag or a digest, without verifying the digest.
   *
   * @throws {ImageRefused} denied or unknown
   * @throws {Failure} unreachable: the server does not respond, or is not a registry
   */
  manifest(reference: string): Promise<Uint8Array>;
  /**
   * Reads the content of a descriptor, without verifying the digest. Throws as {@linkcode
   * Registry.manifest} does.
   */
  blob(descriptor: Descriptor): AsyncGenerator<Uint8Array>;
  /** Closes all connections. */
  close(): void;
}

/** The hosts of registry APIs that differ from the name in image references. */
const HOSTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

/** Opens a repository. The first request is sent when the caller reads something. */
export function openRegistry(address: ImageAddress, options: RegistryOptions): Registry {
  const { reference, logins } = options;
  const task = `read the image ${reference}`;
  const http = openHttp({ ...options, task, plain: isLoopback(address.registry) });
  let login = logins[0];
  let authorization: string | undefined;
  let loggedIn = false;
  let base: Promise<URL> | undefined;

  async function ask(what: string, accept: string): Promise<Response> {
    const url = new URL(what, await (base ??= baseOf(address, http)));
    const send = () => http.get(url, { accept, ...(authorization && { authorization }) });
    const asked = (): Asked => ({ task, address, loggedIn });
    const first = await send();
    // Answer only a challenge of the registry itself, not of a host that the registry redirects to.
    const isOurs = new URL(first.url).origin === url.origin;
    if (first.status !== 401 || !isOurs) return await accepted(first, asked(), http);
    await first.body?.cancel();
    loggedIn ||= login !== undefined;
    authorization = await authorizationFor(first, login, asked(), http);
    return await accepted(await send(), asked(), http);
  }

  return {
    loggedIn: () => loggedIn,
    async manifest(reference) {
      for (let next = 1;; next++) {
        try {
          const response = await ask(`manifests/${reference}`, MANIFEST_TYPES.join(", "));
          return await whole(http.body(response), MOST_DOCUMENT);
        } catch (error) {
          const isDenied = error instanceof ImageRefused && error.trouble === "denied";
          if (!isDenied || next >= logins.length) throw error;
          login = logins[next];
          authorization = undefined;
        }
      }
    },
    async *blob({ digest }) {
      const response = await ask(`blobs/${digest}`, "*/*").catch((error) => {
        const isGone = error instanceof ImageRefused && error.trouble === "unknown";
        throw isGone
          ? invalidImage(reference, `the registry does not have the content ${digest}`)
          : error;
      });
      yield* http.body(response);
    },
    close: http.close,
  };
}

/**
 * Returns the base URL of a repository's API. Only a registry on this machine may work without TLS.
 */
async function baseOf({ registry, path }: ImageAddress, http: Http): Promise<URL> {
  const host = entryOf(HOSTS, registry) ?? registry;
  const base = new URL(`https://${host}/v2/${path}/`);
  if (!isLoopback(host)) return base;
  try {
    await (await http.get(new URL("/v2/", base), {})).body?.cancel();
  } catch (error) {
    if (!speaksPlain(error)) throw error;
    base.protocol = "http:";
  }
  return base;
}

/** The context of a request, for error messages. */
export interface Asked {
  /** The task, as in `read the image ghcr.io/ldamasio/rbs-spark:3.5.8`. */
  readonly task: string;
  /** The image. */
  readonly address: ImageAddress;
  /** True if a login was sent. */
  readonly loggedIn: boolean;
}

/**
 * Returns a response with status 200, and throws for any other response.
 *
 * @throws {ImageRefused} denied or unknown
 * @throws {Failure} unreachable: the response is not from a registry, or the registry is overloaded
 *   or broken
 */
export async function accepted(response: Response, asked: Asked, http: Http): Promise<Response> {
  const { status } = response;
  if (status === 200) return response;
  const body = await whole(http.body(response), MOST_DOCUMENT).catch(() => undefined);
  const code = codeIn(body);
  if (status === 401 || status === 403) throw denied(status, asked);
  if (status === 404) throw imageNotFound(code, asked);
  throw noRegistry(`the status is ${status}${code === undefined ? "" : ` ${code}`}`, asked);
}

/** Returns the failure for a registry that denies access. */
export function denied(status: number, { task, address, loggedIn }: Asked): ImageRefused {
  const { registry, path } = address;
  const refused = status === 403
    ? `does not allow ${loggedIn ? "this login" : "anonymous access"} to read ${path} (403)`
    : loggedIn
    ? "does not accept the login (401)"
    : "requires a login (401), and no login is configured for it";
  return new ImageRefused("denied", {
    task,
    problem: `${registry} ${refused}`,
    remedy: `Use a pull secret or a Docker configuration with a login to ${registry} that may ` +
      `read ${path}.`,
  });
}

/** Returns the failure for a host that does not respond like a registry. */
export function noRegistry(problem: string, { task, address: { registry } }: Asked): Failure {
  return new Failure({
    kind: "unreachable",
    task,
    problem: `${registry} does not respond like a registry: ${problem}`,
    remedy: "Check the image's name, or run again later.",
  });
}

function imageNotFound(code: string | undefined, { task, address }: Asked): ImageRefused {
  const { registry, path, tag, digest } = address;
  const image = `${registry}/${path}`;
  const missing = code === "NAME_UNKNOWN"
    ? `there is no repository ${image}`
    : digest === undefined
    ? `there is no tag ${tag} of ${image}`
    : `there is no image ${digest} in ${image}`;
  return new ImageRefused("unknown", {
    task,
    problem: `${missing} (404${code === undefined ? "" : ` ${code}`})`,
    remedy: "Push the image, or name an existing image.",
  });
}

/**
 * Returns the error code in a registry's response, as in `NAME_UNKNOWN`, or undefined if there is
 * none.
 */
function codeIn(body: Uint8Array | undefined): string | undefined {
  return /"code"\s*:\s*"([A-Z_]{1,40})"/.exec(new TextDecoder().decode(body))?.[1];
}

/**
 * Answers the challenge of a 401 response: requests a token from the token server, or uses the
 * login itself.
 *
 * @returns the header `authorization` for the next request
 * @throws {ImageRefused} denied: the registry requires a login, or a different login
 * @throws {Failure} unreachable: the token server returns no token
 */
export async function authorizationFor(
  { headers }: Response,
  login: Login | undefined,
  asked: Asked,
  http: Http,
): Promise<string> {
  const challenge = parseChallenge(headers.get("www-authenticate") ?? "");
  if (challenge?.scheme === "bearer") return `Bearer ${await token(challenge, login, asked, http)}`;
  if (challenge !== undefined && login !== undefined) return basic(login);
  throw denied(401, asked);
}

async function token(
  { realm, service, scope }: Challenge & { scheme: "bearer" },
  login: Login | undefined,
  asked: Asked,
  http: Http,
): Promise<string> {
  const url = URL.parse(realm);
  if (url === null) throw noRegistry("the challenge names no token server", asked);
  if (service !== undefined) url.searchParams.set("service", service);
  const scopes = scope ?? `repository:${asked.address.path}:pull`;
  for (const each of scopes.split(" ")) url.searchParams.append("scope", each);
  const headers = login === undefined ? {} : { authorization: basic(login) };
  const response = await accepted(await http.get(url, headers), asked, http);
  const found = tokenIn(await whole(http.body(response), MOST_DOCUMENT));
  if (found === undefined) throw noRegistry(`${url.host} returned no token`, asked);
  return found;
}

function basic({ user, password }: Login): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`;
}

function tokenIn(body: Uint8Array): string | undefined {
  try {
    const { token, access_token } = JSON.parse(new TextDecoder().decode(body));
    return [token, access_token].find((each) =>
      typeof each === "string" && /^[\x21-\x7e]+$/.test(each)
    );
  } catch {
    return undefined;
  }
}

/** The authentication that a registry requires. */
export type Challenge =
  | { readonly scheme: "basic" }
  | {
    readonly scheme: "bearer";
    /** The URL of the token server. */
    readonly realm: string;
    /** The service that the token is for. */
    readonly service: string | undefined;
    /** The permissions of the token, as in `repository:library/spark:pull`. */
    readonly scope: string | undefined;
  };

/**
 * Parses a `WWW-Authenticate` header. If the header has several challenges, a bearer token is
 * preferred.
 *
 * @returns undefined if the header has no supported challenge
 */
export function parseChallenge(header: string): Challenge | undefined {
  const found = [...header.matchAll(TOKEN)];
  const challenges: { scheme: string; values: Map<string, string> }[] = [];
  for (const { groups } of found) {
    const { name = "", quoted, plain } = groups ?? {};
    if (quoted === undefined && plain === undefined) {
      challenges.push({ scheme: name.toLowerCase(), values: new Map() });
    } else {
      const value = quoted?.replace(/\\(.)/g, "$1") ?? plain!;
      challenges.at(-1)?.values.set(name.toLowerCase(), value);
    }
  }
  const bearer = challenges.find(({ scheme }) => scheme === "bearer")?.values;
  const realm = bearer?.get("realm");
  if (bearer !== undefined && realm !== undefined) {
    const [service, scope] = [bearer.get("service"), bearer.get("scope")];
    return { scheme: "bearer", realm, service, scope };
  }
  return challenges.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : undefined;
}

/** Matches a scheme, or a parameter with its value. */
const TOKEN = /(?<name>[\w-]+)(?:\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^\s,"]+)))?/g;
