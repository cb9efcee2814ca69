import { Failure } from "../../pipeline/errors.ts";
import { stoppedBy, together } from "../../pipeline/parallel.ts";
import { digestOf, verified, whole } from "./byte_stream.ts";
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
  refusing,
} from "./image.ts";
import { broken, ImageRefused, Malformed } from "./image_errors.ts";
import { type LayerCache, type LayerChange, readLayer } from "./layer_files.ts";
import { addressOf, type ImageAddress } from "./reference.ts";

/** The options for reading an image from its registry. */
export interface PullOptions {
  /** The platform, as in `linux/amd64`. */
  readonly platform: string;
  /** The bytes of Docker configurations that may have a login. */
  readonly logins: readonly Uint8Array[];
  /** More CA certificates in PEM, besides the system's. */
  readonly caCertificates: readonly string[];
  /** What is remembered of layers. */
  readonly cache: LayerCache;
  /** Ends it when it aborts. */
  readonly signal: AbortSignal | undefined;
}

/** The result of reading an image from its registry. */
export interface Pulled {
  /** The image, or why there is none for us. */
  readonly found: Image | ImageRefused;
  /** Whether a login was sent. */
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

/** How a registry is asked for an image. */
export interface RegistryOptions {
  /** The reference, for errors. */
  readonly reference: string;
  /** The logins to try in turn, as kubelet does. Without a login, access is anonymous. */
  readonly logins: readonly Login[];
  /** More CA certificates in PEM, besides the system's. */
  readonly caCertificates: readonly string[];
  /** Aborts all requests. */
  readonly signal: AbortSignal | undefined;
}

/** One repository of a registry, opened for reading. */
export interface Registry {
  /** Whether a login was sent. */
  loggedIn(): boolean;
  /**
   * The manifest or index that a tag or a digest names, unverified.
   *
   * @throws {ImageRefused} denied or unknown
   * @throws {Failure} unreachable: no answer, or none of a registry
   */
  manifest(reference: string): Promise<Uint8Array>;
  /** The content that a descriptor names, unverified; it throws as {@linkcode Registry.manifest}. */
  blob(descriptor: Descriptor): AsyncGenerator<Uint8Array>;
  /** Ends all connections. */
  close(): void;
}

/** The hosts of registry APIs that differ from the name in image references. */
const HOSTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

/** Opens a repository. The first request is sent when the caller reads something. */
export function openRegistry(address: ImageAddress, options: RegistryOptions): Registry {
  const { reference, logins } = options;
  const task = `look into ${reference}`;
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
    // Only the registry itself, and no host that it redirects to, may ask for a login.
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
        throw isGone ? broken(reference, `its registry lacks its content ${digest}`) : error;
      });
      yield* http.body(response);
    },
    close: http.close,
  };
}

/** The base URL of a repository's API. Only a registry on this machine may be without TLS. */
async function baseOf({ registry, path }: ImageAddress, http: Http): Promise<URL> {
  const host = HOSTS[registry] ?? registry;
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

/** The context of a request, for errors. */
export interface Asked {
  /** What is being done, as in `look into ghcr.io/ldamasio/rbs-spark:3.5.8`. */
  readonly task: string;
  /** The image. */
  readonly address: ImageAddress;
  /** Whether a login was sent. */
  readonly loggedIn: boolean;
}

/**
 * Returns a response that is a success, and throws for any other.
 *
 * @throws {ImageRefused} denied or unknown
 * @throws {Failure} unreachable: the answer is none of a registry, or that of one in trouble
 */
export async function accepted(response: Response, asked: Asked, http: Http): Promise<Response> {
  const { status } = response;
  if (status === 200) return response;
  const body = await whole(http.body(response), MOST_DOCUMENT).catch(() => undefined);
  const code = codeIn(body);
  if (status === 401 || status === 403) throw denied(status, asked);
  if (status === 404) throw unknown(code, asked);
  throw noRegistry(`it answered ${status}${code === undefined ? "" : ` ${code}`}`, asked);
}

/** The failure that a registry denies access. */
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
    remedy: `Give a pull secret or a Docker configuration with a login to ${registry} that may ` +
      `read ${path}.`,
  });
}

/** The failure that a host does not respond like a registry. */
export function noRegistry(problem: string, { task, address: { registry } }: Asked): Failure {
  return new Failure({
    kind: "unreachable",
    task,
    problem: `${registry} does not respond like a registry: ${problem}`,
    remedy: "Check the image's name, or run again later.",
  });
}

function unknown(code: string | undefined, { task, address }: Asked): ImageRefused {
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
    remedy: "Push it, or name an image that exists.",
  });
}

/** The error code in a registry's response; undefined where there is no code in the expected form. */
function codeIn(body: Uint8Array | undefined): string | undefined {
  return /"code"\s*:\s*"([A-Z_]{1,40})"/.exec(new TextDecoder().decode(body))?.[1];
}

/**
 * Meets the challenge of an answer 401, with a token of the realm that it names or with the login
 * itself.
 *
 * @returns the `authorization` of the next request
 * @throws {ImageRefused} denied: it takes a login, or another one
 * @throws {Failure} unreachable: there is no token to be had
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
  if (url === null) throw noRegistry("its challenge names no token server", asked);
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
 * Reads a `WWW-Authenticate` header, which may hold several challenges, and prefers a bearer token.
 *
 * @returns undefined where the header has no supported challenge
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

/** A scheme, or a parameter with its value. */
const TOKEN = /(?<name>[\w-]+)(?:\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^\s,"]+)))?/g;
