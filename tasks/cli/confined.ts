import { dirname, join } from "node:path";
import type { DatabaseConfig, LakeConfig } from "../../pipeline/config.ts";
import type { Observer } from "../../pipeline/progress.ts";

// A process can give a permission up, but not narrow it: it keeps the right to reach every host, or has
// none. A worker can begin with less than its parent has. So the work is done in a worker, which gets
// what the configuration names, and the parent then gives up all that it has.

/** What work needs of this machine and the network. */
export interface Needs {
  /** The database that it reads, where it reads one. */
  readonly database?: DatabaseConfig | undefined;
  /** The lake that it reads. */
  readonly lake: LakeConfig;
  /** Whether it writes to the lake. */
  readonly writes: boolean;
}

/** What work may do. */
export interface Grants {
  /** Hosts with their ports. */
  readonly net: readonly string[];
  /** Directories that it may read. */
  readonly read: readonly string[];
  /** Directories that it may write to. */
  readonly write: readonly string[];
}

const ALL = ["env", "ffi", "import", "net", "read", "run", "sys", "write"] as const;

type FromWorker = "ready" | { readonly exitCode: number } | { readonly error: unknown };

/** What work may do, by what it needs. */
export function grantsFor({ database, lake, writes }: Needs): Grants {
  const directories = lake.kind === "directory" ? bothNames(lake.path) : [];
  return {
    net: [
      ...(database === undefined ? [] : [hostAndPort(database.host, database.port)]),
      ...(lake.kind === "directory" ? [] : [storeOf(lake.endpoint)]),
    ],
    read: directories,
    write: writes ? directories : [],
  };
}

/**
 * Has a module do its work with as few permissions as it needs, and gives up all that this process
 * has. The module must call {@linkcode serve}.
 *
 * @param module its URL
 * @param order what it is to do; it is copied
 * @returns the exit code
 */
export async function runConfined(module: string, order: unknown, needs: Needs): Promise<number> {
  const { net, read, write } = grantsFor(needs);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // The libraries look up variables while they load, which is over before the order comes. The
  // permission for the machine's certificates cannot be named here, so it is passed on.
  const permissions: Deno.PermissionOptionsObject = {
    ...{ net: [...net], read: [...read], write: [...write], env: "inherit", sys: "inherit" },
    ...{ run: false, ffi: false, import: false },
  };
  const worker = new Worker(module, { type: "module", deno: { permissions } });
  worker.onerror = (event) => {
    event.preventDefault();
    reject(event.error ?? new Error(event.message));
  };
  worker.onmessage = async ({ data }: MessageEvent<FromWorker>) => {
    if (data === "ready") {
      await giveUp(...ALL);
      worker.postMessage(order);
    } else if ("error" in data) reject(data.error);
    else resolve(data.exitCode);
  };
  return await promise;
}

/**
 * Does the work that a parent orders of this worker, once, and tells it the exit code.
 *
 * @param work is called once this worker can do nothing but what it needs
 */
export function serve<O>(work: (order: O) => Promise<number>): void {
  const parent = self as unknown as Worker;
  // Deno itself would print an error with all that it has on it.
  const tell = (event: Event, error: unknown) => {
    event.preventDefault();
    parent.postMessage({ error: copyOf(error) });
  };
  self.addEventListener("unhandledrejection", (event) => tell(event, event.reason));
  self.addEventListener("error", (event) => tell(event, event.error ?? event.message));
  parent.onmessage = async ({ data }: MessageEvent<O>) => {
    await giveUp("env");
    parent.postMessage({ exitCode: await work(data) });
  };
  parent.postMessage("ready");
}

/** Gives permissions up for good. */
export async function giveUp(...names: readonly (Deno.PermissionName | "import")[]): Promise<void> {
  // Deno's types leave out the import of remote modules.
  for (const name of names) await Deno.permissions.revoke({ name } as Deno.PermissionDescriptor);
}

/** Tells what this worker may still do, as Deno itself sees it. */
export async function tellPermissions(needs: Needs, observer: Observer): Promise<void> {
  const granted = async (descriptor: Deno.PermissionDescriptor) =>
    (await Deno.permissions.query(descriptor)).state === "granted";
  const which = async (name: "net" | "read" | "write", values: readonly string[]) => {
    if (await granted({ name })) return ["everything"];
    const states = await Promise.all(
      values.map((value) =>
        granted(name === "net" ? { name, host: value } : { name, path: value })
      ),
    );
    return values.filter((_, i) => states[i]);
  };
  const grants = grantsFor(needs);
  const others = ["env", "ffi", "run", "sys"] as const;
  const states = await Promise.all(others.map((name) => granted({ name })));
  const data = {
    net: await which("net", grants.net),
    read: await which("read", grants.read),
    write: await which("write", grants.write),
    others: others.filter((_, i) => states[i]),
  };
  const says = Object.entries(data).map(([name, values]) =>
    `${name} ${values.length === 0 ? "nothing" : values.join(", ")}`
  );
  observer.step({ step: "permissions", says: says.join("; "), data });
}

/** An error without what clients keep on it, which may be no message. */
function copyOf(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const copy = new Error(error.message);
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}

function hostAndPort(host: string, port: number | string): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function storeOf(endpoint: string): string {
  const { hostname, port, protocol } = new URL(endpoint);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}

/** A directory by its own name, and by the one that symbolic links lead to. */
function bothNames(path: string): string[] {
  return [...new Set([path, realPath(path)])];
}

/** A path without symbolic links, also where its end is not there yet. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), path.slice(parent.length));
  }
}
