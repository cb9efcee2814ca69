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

/** How a registry is asked for an image. */
export interface RegistryOptions {
  /** The reference, for errors. */
  readonly reference: string;
  /** The logins that may open it, tried in turn as kubelet does; without any, nobody logs in. */
  readonly logins: readonly Login[];
  /** Certificates in PEM that it may be signed by, besides those that the system trusts. */
  readonly caCertificates: readonly string[];
  /** Ends whatever is under way when it aborts. */
  readonly signal: AbortSignal | undefined;
}

/** One repository of a registry, opened for reading. */
export interface Registry {
  /** Whether somebody logged in, or tried to. */
  loggedIn(): boolean;
  /**
   * The manifest or index that a tag or a digest names, unverified.
   *
   * @throws {ImageRefused} the registry lets nobody in, or has no such thing
   * @throws {Failure} unreachable: no answer, or none of a registry
   */
  manifest(reference: string): Promise<Uint8Array>;
  /** The content that a descriptor names, unverified; it throws as {@linkcode Registry.manifest}. */
  blob(descriptor: Descriptor): AsyncGenerator<Uint8Array>;
  /** Ends all connections. */
  close(): void;
}

/** The API of Docker Hub is not where its images seem to be. */
const HOSTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

/** Opens a repository. Nothing is asked before something is wanted of it. */
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
    // Another host that it leads to has no say in who we are.
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

/** Where a repository's API is. Only on this machine a registry can be one without TLS. */
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

/** What a registry was asked for, and how. */
export interface Asked {
  /** What is being done, as in `look into ghcr.io/ldamasio/rbs-spark:3.5.8`. */
  readonly task: string;
  /** The image. */
  readonly address: ImageAddress;
  /** Whether somebody logged in for it, or tried to. */
  readonly loggedIn: boolean;
}

/**
 * Takes an answer that has what was asked for.
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

/** That a registry does not let somebody read. */
export function denied(status: number, { task, address, loggedIn }: Asked): ImageRefused {
  const { registry, path } = address;
  const refused = status === 403
    ? `does not let ${loggedIn ? "its login" : "just anybody"} read ${path} (403)`
    : loggedIn
    ? "does not take the login that it was given (401)"
    : "wants a login (401), and there is none for it";
  return new ImageRefused("denied", {
    task,
    problem: `${registry} ${refused}`,
    remedy: `Give a pull secret or a Docker configuration with a login to ${registry} that may ` +
      `read ${path}.`,
  });
}

/** That what answers is no registry, or in no state to be one. */
export function noRegistry(problem: string, { task, address: { registry } }: Asked): Failure {
  return new Failure({
    kind: "unreachable",
    task,
    problem: `${registry} does not answer as a registry: ${problem}`,
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
    remedy: "Push it, or name one that is there.",
  });
}

/** The registry's own word for what is wrong. Anything that does not look like one stays out. */
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
  if (url === null) throw noRegistry("it names no place to get a token from", asked);
  if (service !== undefined) url.searchParams.set("service", service);
  const scopes = scope ?? `repository:${asked.address.path}:pull`;
  for (const each of scopes.split(" ")) url.searchParams.append("scope", each);
  const headers = login === undefined ? {} : { authorization: basic(login) };
  const response = await accepted(await http.get(url, headers), asked, http);
  const found = tokenIn(await whole(http.body(response), MOST_DOCUMENT));
  if (found === undefined) throw noRegistry(`${url.host} gives out no token`, asked);
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

/** What a registry wants to see before it answers. */
export type Challenge =
  | { readonly scheme: "basic" }
  | {
    readonly scheme: "bearer";
    /** Where tokens are to be had. */
    readonly realm: string;
    /** Whom the token is for. */
    readonly service: string | undefined;
    /** What it lets do, as in `repository:library/spark:pull`. */
    readonly scope: string | undefined;
  };

/**
 * Reads a `WWW-Authenticate` header, which may hold several challenges. A token is the better one.
 *
 * @returns undefined where there is none that this toolkit can meet
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
