import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DatabaseConfig, hostAndPort, type LakeConfig } from "../../pipeline/config.ts";
import { confirmDirectory } from "../../pipeline/lake/directory_errors.ts";
import type { Observer } from "../../pipeline/progress.ts";
import type { FailureReporter } from "./failure.ts";
import { revokePermissions } from "./permissions.ts";
import { printRequests } from "./requests.ts";

// A process can revoke a permission, but cannot narrow one: it may connect to all hosts or to none.
// A worker can start with fewer permissions than its parent. Therefore a worker does the work with
// only the permissions that the configuration requires, and the parent revokes all of its own
// permissions.

/** The servers and files that the work needs. */
export interface Needs {
  /** The database to read, if any. */
  readonly database?: DatabaseConfig | undefined;
  /** The lake to read. */
  readonly lake: LakeConfig;
  /** Whether the work writes to the lake. */
  readonly writes: boolean;
  /** Whether the work starts workers, which load the code of the pipeline. */
  readonly startsWorkers?: boolean;
  /** The address where the work answers requests, for example `127.0.0.1:9877`. */
  readonly listens?: string | undefined;
  /** Whether this process forwards a port for the work, and keeps what it needs for that. */
  readonly forwards?: boolean | undefined;
  /** Files that the work reads and writes. */
  readonly files?: readonly string[] | undefined;
}

/** The permissions of the worker. */
export interface Grants {
  /** Hosts with ports, for example `db.example:5432`. */
  readonly net: readonly string[];
  /** Directories to read. */
  readonly read: readonly string[];
  /** Directories to write. */
  readonly write: readonly string[];
}

const ALL = ["env", "ffi", "import", "net", "read", "run", "sys", "write"] as const;

/** What a port forward needs: a new connection can need a new token, from a file or a program. */
const FORWARDING = ["env", "net", "read", "run", "sys"] as const;

type FromWorker =
  | "ready"
  | { readonly exitCode: number }
  | { readonly error: unknown }
  | { readonly failure: string }
  | { readonly report: unknown };

/** The code of the pipeline, which a worker loads with the permission of the thread that starts it. */
const CODE = [
  "pipeline",
  "node_modules",
  "manifests/image/jobs/deep_storage/contract.json",
  "manifests/image/jobs/deep_storage/failure_pages.json",
].map((path) => fileURLToPath(new URL(`../../${path}`, import.meta.url)));

/** Returns the permissions for the needs of the work. */
export function grantsFor(
  { database, lake, writes, startsWorkers = false, listens, files = [] }: Needs,
): Grants {
  const directories = lake.kind === "directory" ? bothNames(lake.path) : [];
  return {
    net: [
      ...(database === undefined ? [] : [hostAndPort(database)]),
      ...(lake.kind === "directory" ? [] : [storeOf(lake.endpoint)]),
      ...(listens === undefined ? [] : [listens]),
    ],
    read: [...directories, ...(startsWorkers ? CODE.flatMap(bothNames) : []), ...files],
    write: [...(writes ? directories : []), ...files],
  };
}

/**
 * Runs a module in a worker with the permissions that it needs, and revokes all permissions of this
 * process that a port forward does not need. The module must call {@linkcode serve}.
 *
 * @param module the module's URL
 * @param order the input of the work, which is copied to the worker
 * @param onReport receives the report of the work, if it makes one. This process has no permissions then
 * @param onFailure receives the message of each failure that the work reports
 * @returns the exit code
 * @throws {Failure} the directory of the lake does not exist
 */
export async function runConfined<R>(
  module: string,
  order: unknown,
  needs: Needs,
  onReport: (report: R) => Promise<void> = async () => {},
  onFailure: (message: string) => void = () => {},
): Promise<number> {
  await confirmDirectory(needs.lake);
  const { net, read, write } = grantsFor(needs);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // The libraries read environment variables only while they load, before the order arrives. `sys`
  // includes the permission to read the machine's CA certificates, which Deno cannot grant
  // separately.
  const permissions: Deno.PermissionOptionsObject = {
    net: [...net],
    read: [...read],
    write: [...write],
    env: "inherit",
    sys: "inherit",
    run: false,
    ffi: false,
    import: false,
  };
  const worker = new Worker(module, { type: "module", deno: { permissions } });
  worker.onerror = (event) => {
    event.preventDefault();
    reject(event.error ?? new Error(event.message));
  };
  let reported = Promise.resolve();
  worker.onmessage = async ({ data }: MessageEvent<FromWorker>) => {
    if (data === "ready") {
      const kept: readonly string[] = needs.forwards === true ? FORWARDING : [];
      await revokePermissions(...ALL.filter((name) => !kept.includes(name)));
      worker.postMessage(order);
    } else if ("report" in data) {
      reported = onReport(data.report as R);
      reported.catch(reject);
    } else if ("failure" in data) onFailure(data.failure);
    else if ("error" in data) reject(data.error);
    else resolve(reported.then(() => data.exitCode));
  };
  return await promise;
}

/**
 * Receives one order from the parent, does the work, and sends the exit code back.
 *
 * @param work called after this worker has revoked the permission for the environment. It can send a
 *   report, which is plain data
 */
export function serve<O extends object>(
  work: (order: O, send: (report: unknown) => void) => Promise<number>,
): void {
  const parent = self as unknown as Worker;
  // Without these listeners, Deno would print the error with all its properties.
  const sendError = (event: Event, error: unknown) => {
    event.preventDefault();
    parent.postMessage({ error: copyOf(error) });
  };
  self.addEventListener("unhandledrejection", (event) => sendError(event, event.reason));
  self.addEventListener("error", (event) => sendError(event, event.error ?? event.message));
  parent.onmessage = async ({ data }: MessageEvent<O>) => {
    await revokePermissions("env");
    printRequests();
    const send = (report: unknown) => parent.postMessage({ report });
    const onFailure = (failure: string) => parent.postMessage({ failure });
    const { reporter } = data as { readonly reporter?: FailureReporter };
    const order = reporter === undefined ? data : { ...data, reporter: { ...reporter, onFailure } };
    parent.postMessage({ exitCode: await work(order, send) });
  };
  parent.postMessage("ready");
}

/** Reports the permissions that Deno grants to this worker. */
export async function reportPermissions(needs: Needs, observer: Observer): Promise<void> {
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

/**
 * Copies an error without additional properties, because not all values can be sent to another
 * thread.
 */
function copyOf(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const copy = new Error(error.message);
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}

function storeOf(endpoint: string): string {
  const { hostname, port, protocol } = new URL(endpoint);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}

/** Returns a directory's path, and its path without symbolic links. */
function bothNames(path: string): string[] {
  return [...new Set([path, realPath(path)])];
}

/** Resolves symbolic links in a path. The last components of the path do not have to exist. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), path.slice(parent.length));
  }
}
