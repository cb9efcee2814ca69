import { freePort } from "../../tasks/demo/free_port.ts";
import { type ServerProcess, startServer } from "../../tasks/demo/server_process.ts";
import type { Blob, TestImage } from "./images.ts";
import { startTokenServer, type TokenServer } from "./token_server.ts";

/** Debian packages that contain the programs. */
export const REGISTRY_PACKAGES = "docker-registry openssl";

/**
 * The user of registries with a login. The password has characters that a wrong encoding would
 * lose.
 */
export const REGISTRY_USER = { user: "robot", password: 'o:pen sesame"!' } as const;

/** The entry of that user in the bcrypt format of `htpasswd -B`. */
const HTPASSWD = "robot:$2y$04$abcdefghijklmnopqrstuutlCDMfvu1am/TBIHch4yB1YrXbx9R7i\n";

/** Deadline for the start of a registry in milliseconds. A normal start takes less than 1 s. */
const START_DEADLINE = 180_000;

/** A running registry of the suite. */
export interface TestRegistry {
  /** Host and port, for example `127.0.0.1:40123`. */
  readonly host: string;
  /** The registry's self-signed certificate as PEM; undefined without TLS. */
  readonly certificate: string | undefined;
  /** Stores an image under a tag, or an index with images for several platforms. */
  push(path: string, tag: string, root: Blob, images: readonly TestImage[]): Promise<void>;
  /** Stops the registry and removes its data. */
  stop(): Promise<void>;
}

/** Options of a registry. */
export interface RegistryKind {
  /** True to use TLS with a self-signed certificate. */
  readonly tls?: boolean;
  /** The required login: none, or that of {@linkcode REGISTRY_USER} by basic auth or by token. */
  readonly auth?: "none" | "basic" | "token";
}

/**
 * Returns true if this machine can start a registry.
 *
 * @throws {Error} the packages are missing in CI
 */
export function registryInstalled(): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const missing = ["docker-registry", "openssl"].filter((program) =>
    !folders.some((folder) => isFile(`${folder}/${program}`))
  );
  if (missing.length === 0) return true;
  const problem = `Cannot start a registry: install the packages ${REGISTRY_PACKAGES}`;
  if (Deno.env.get("CI") === "true") throw new Error(`${problem}.`);
  console.log(`${problem}. Skipping the tests that need one.`);
  return false;
}

/**
 * Starts Debian's `docker-registry` on a free port of 127.0.0.1. The registry exits with this
 * process.
 */
export async function startRegistry(kind: RegistryKind = {}): Promise<TestRegistry> {
  for (let attempt = 1;; attempt++) {
    const dir = await Deno.makeTempDir({ prefix: "docker-registry-" });
    const started: { stop(): Promise<void> }[] = [];
    try {
      return await start(kind, dir, started);
    } catch (error) {
      for (const each of started.toReversed()) await each.stop();
      const log = await Deno.readTextFile(`${dir}/log`).catch(() => "");
      await Deno.remove(dir, { recursive: true }).catch(() => {});
      // Another process can take the free port before the registry does.
      if (attempt < 3 && /address already in use/.test(log)) continue;
      throw new Error(`Cannot start a registry: ${(error as Error).message}\n${log.slice(-2000)}`);
    }
  }
}

async function start(
  { tls = false, auth = "none" }: RegistryKind,
  dir: string,
  started: { stop(): Promise<void> }[],
): Promise<TestRegistry> {
  const host = `127.0.0.1:${freePort()}`;
  if (tls || auth === "token") await selfSign(dir);
  const certificate = tls ? await Deno.readTextFile(`${dir}/cert.pem`) : undefined;
  const tokens = auth === "token" ? await startTokenServer(dir, REGISTRY_USER) : undefined;
  if (tokens !== undefined) started.push(tokens);
  await Deno.writeTextFile(`${dir}/htpasswd`, HTPASSWD);
  await Deno.writeTextFile(`${dir}/config.json`, configuration({ dir, host, tls, auth, tokens }));
  const server = startServer({
    // Shells start background programs with SIGINT ignored, but SIGINT stops the registry.
    command: ["env", "--default-signal=INT", "docker-registry", "serve", `${dir}/config.json`],
    log: `${dir}/log`,
    remove: dir,
    env: { OTEL_TRACES_EXPORTER: "none" },
  });
  started.push(server);
  const origin = `${tls ? "https" : "http"}://${host}`;
  const client = Deno.createHttpClient({ caCerts: certificate === undefined ? [] : [certificate] });
  started.push({ stop: () => Promise.resolve(client.close()) });
  await answers(origin, client, server);
  const authorization = async (path: string) => {
    if (tokens !== undefined) return `Bearer ${await tokens.sign(path, ["pull", "push"])}`;
    return `Basic ${btoa(`${REGISTRY_USER.user}:${REGISTRY_USER.password}`)}`;
  };
  return {
    host,
    certificate,
    async push(path, tag, root, images) {
      const headers = auth === "none" ? {} : { authorization: await authorization(path) };
      const repository = { url: `${origin}/v2/${path}`, headers, client };
      for (const { layers, config, manifest } of images) {
        for (const blob of [...layers, config]) await putBlob(repository, blob);
        await putManifest(repository, manifest.descriptor.digest, manifest);
      }
      await putManifest(repository, tag, root);
    },
    async stop() {
      for (const each of started.toReversed()) await each.stop();
    },
  };
}

interface Repository {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly client: Deno.HttpClient;
}

async function putBlob({ url, headers, client }: Repository, { bytes, descriptor }: Blob) {
  const begun = await fetch(`${url}/blobs/uploads/`, { method: "POST", headers, client });
  await begun.body?.cancel();
  const location = new URL(begun.headers.get("location") ?? "", url);
  location.searchParams.set("digest", descriptor.digest);
  await put(location, { headers, client }, bytes);
}

async function putManifest(
  { url, headers, client }: Repository,
  reference: string,
  { bytes, descriptor: { mediaType } }: Blob,
) {
  const all = { ...headers, "content-type": mediaType };
  await put(new URL(`${url}/manifests/${reference}`), { headers: all, client }, bytes);
}

async function put(url: URL, options: Omit<Repository, "url">, bytes: Uint8Array) {
  const body = bytes as Uint8Array<ArrayBuffer>;
  const response = await fetch(url, { ...options, method: "PUT", body });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot store ${url.pathname}: ${response.status} ${text}`);
}

function configuration(
  { dir, host, tls, auth, tokens }: {
    readonly dir: string;
    readonly host: string;
    readonly tls: boolean;
    readonly auth: "none" | "basic" | "token";
    readonly tokens: TokenServer | undefined;
  },
): string {
  const bundle = `${dir}/cert.pem`;
  const { realm, service, issuer } = tokens ?? {};
  const access = {
    none: {},
    basic: { auth: { htpasswd: { realm: "suite", path: `${dir}/htpasswd` } } },
    token: { auth: { token: { realm, service, issuer, rootcertbundle: bundle } } },
  }[auth];
  // JSON is valid YAML.
  return JSON.stringify({
    version: "0.1",
    storage: { filesystem: { rootdirectory: `${dir}/data` } },
    http: { addr: host, ...(tls && { tls: { certificate: bundle, key: `${dir}/key.pem` } }) },
    ...access,
  });
}

/** Creates a key and a self-signed certificate for 127.0.0.1. */
async function selfSign(dir: string): Promise<void> {
  const name = ["-subj", "/CN=suite", "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const files = ["-keyout", `${dir}/key.pem`, "-out", `${dir}/cert.pem`, "-days", "2"];
  const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const args = ["req", "-x509", ...key, ...files, ...name, ...leaf];
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).slice(-800));
}

async function answers(origin: string, client: Deno.HttpClient, server: ServerProcess) {
  const deadline = AbortSignal.timeout(START_DEADLINE);
  let hasEnded = false;
  server.ended.then(() => hasEnded = true);
  for (;;) {
    try {
      await (await fetch(`${origin}/v2/`, { client, signal: deadline })).body?.cancel();
      return;
    } catch {
      if (hasEnded) throw new Error("docker-registry exited unexpectedly.");
      if (deadline.aborted) throw new Error(`${origin} does not answer.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
