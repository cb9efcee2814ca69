import { whole } from "./bytes.ts";
import type { Login } from "./credentials.ts";
import { type Http, isLoopback, openHttp, speaksPlain } from "./http.ts";
import { type Descriptor, MANIFEST_TYPES, MOST_DOCUMENT } from "./manifest.ts";
import type { ImageAddress } from "./reference.ts";
import { broken, ImageRefused } from "./pull_refused.ts";
import { accepted, type Asked } from "./registry_answers.ts";
import { authorizationFor } from "./registry_login.ts";

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
