import type { DatabaseConfig } from "../../pipeline/config.ts";
import {
  type Account,
  cannotStart,
  canRun,
  copyBinaries,
  nativeFolder,
  runsAs,
  serverAccount,
} from "./postgres_binaries.ts";
import { freePort } from "./free_port.ts";
import { type GuardedFolder, guardedFolder } from "./guarded_folder.ts";
import { type ServerProcess, startServer } from "./server_process.ts";

/** A Postgres server that ends when this process ends. */
export interface EmbeddedPostgres {
  /** The connection of the superuser `robson` to the empty database `rbsdb`. */
  readonly config: DatabaseConfig;
  /** For example `18.4`. */
  readonly version: string;
  /** The id of the process that accepts connections. */
  readonly pid: number;
  /** The folder with all files of the server. It is removed when the server ends. */
  readonly folder: string;
  /** Ends the server without waiting for clients, and waits until the folder is removed. */
  stop(): Promise<void>;
}

/** Options of {@linkcode startPostgres}. */
export interface PostgresOptions {
  /** Settings of the server, for example `{ statement_timeout: "5s" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder with `bin`, `lib` and `share`. The default is the npm package. */
  readonly native?: string;
}

const USER = "robson";
const DATABASE = "rbsdb";
const READY_WITHIN_MS = 120_000; // a slow machine needs half a minute
const PORTS_TO_TRY = 5;

/**
 * The settings of the server. The data do not have to survive a crash, so the server does not wait
 * for the disk.
 */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_prepared_transactions: "10", // tests of the fence use prepared transactions
};

// One child process of the supervisor, so that a kill at any step leaves nothing behind. The shell waits
// for the program that it ends, because that program still writes into the folder.
const CREATE_AND_RUN = `
bin=$1 folder=$2; shift 2
trap 'trap "" TERM; kill $!; wait $!; exit 1' TERM
"$bin/initdb" -D "$folder/data" -U ${USER} -E UTF8 --locale=C --auth=scram-sha-256 \
  --pwfile="$folder/password" --no-sync --no-instructions >/dev/null &
wait $! || exit
rm "$folder/password"
echo "CREATE DATABASE ${DATABASE}" |
  "$bin/postgres" --single -D "$folder/data" -c fsync=off -c log_checkpoints=off -j template1 \
  >/dev/null &
wait $! || exit
trap - TERM
exec "$bin/postgres" -D "$folder/data" "$@"
`;

/**
 * Starts a real Postgres on a free port of 127.0.0.1, with its data in a new temporary folder.
 *
 * If this process is root, the server runs as another user, and the binaries are copied if that user
 * cannot reach them.
 *
 * @throws {Failure} unreachable: no binaries for this platform, or the server did not come up
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<EmbeddedPostgres> {
  const user = await serverAccount();
  const native = options.native ?? nativeFolder();
  const copy = !await canRun(native, user);
  for (let attempt = 1;; attempt++) {
    await using folder = await temporaryFolder(user);
    try {
      const copied = `${folder.path}/native`;
      if (copy) await copyBinaries(native, copied, user);
      return await run(`${copy ? copied : native}/bin`, folder, user, options);
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === PORTS_TO_TRY) throw error;
    }
  }
}

/** Another program took the free port before the server listened on it. */
class PortTaken extends Error {}

async function run(
  bin: string,
  place: GuardedFolder,
  user: Account | undefined,
  options: PostgresOptions,
): Promise<EmbeddedPostgres> {
  const { path: folder } = place;
  const password = crypto.randomUUID();
  const port = freePort();
  await createFor(user, `${folder}/password`, `${password}\n`);
  await createFor(user, `${folder}/log`, "");
  // Open the log before the server starts: a server that fails removes the log.
  using log = await Deno.open(`${folder}/log`);
  const settings = Object.entries({ ...SETTINGS, ...options.settings, port: String(port) });
  const server = startServer({
    command: [
      ...["/bin/sh", "-c", CREATE_AND_RUN, "postgres", bin, folder] as const,
      ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    log: `${folder}/log`,
    remove: folder,
    ...(user ? { user } : {}),
    env: { LC_ALL: "C", TZ: "UTC" }, // without TZ, initdb searches for the time zone
  });
  await place.keep();
  const pid = await ready(server, `${folder}/data/postmaster.pid`);
  const said = await readAll(log);
  if (typeof pid === "string") {
    await server.stop();
    if (/could not bind .*in use/.test(said)) throw new PortTaken(said);
    const lastLines = said.trim().split("\n").slice(-10).join("\n");
    throw cannotStart(pid, `Correct the error in the log and run again:\n${lastLines}`);
  }
  return {
    config: { host: "127.0.0.1", port, name: DATABASE, user: USER, password },
    version: /starting PostgreSQL (\S+)/.exec(said)?.[1] ?? "unknown",
    pid,
    folder,
    stop: server.stop,
  };
}

/**
 * Waits until the server accepts connections. The server then writes `ready` into its pid file.
 *
 * @returns the process id, or why the server is not ready
 */
async function ready(server: ServerProcess, file: string): Promise<number | string> {
  let ended = false;
  server.ended.then(() => ended = true);
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!ended && performance.now() < deadline) {
    const lines = (await Deno.readTextFile(file).catch(() => "")).split("\n");
    if (lines[7]?.trim() === "ready") return Number(lines[0]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return ended ? "it ended" : `it was not ready after ${READY_WITHIN_MS / 1000} s`;
}

/** Creates a folder that only the server's user can enter and remove. */
async function temporaryFolder(user: Account | undefined): Promise<GuardedFolder> {
  const prefix = "postgres-";
  const folder = guardedFolder(prefix);
  if (user === undefined) return folder;
  const parent = folder.path.slice(0, folder.path.lastIndexOf("/"));
  const open = await runsAs(user, '[ -w "$1" ] && [ -x "$1" ]', parent);
  if (!open) await folder[Symbol.asyncDispose]();
  const reachable = open ? folder : guardedFolder(prefix, "/tmp");
  await Deno.chown(reachable.path, user.uid, user.gid);
  return reachable;
}

async function createFor(user: Account | undefined, path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text, { createNew: true, mode: 0o600 });
  if (user) await Deno.chown(path, user.uid, user.gid);
}

async function readAll(file: Deno.FsFile): Promise<string> {
  const bytes = new Uint8Array((await file.stat()).size);
  let length = 0;
  for (let read: number | null; (read = await file.read(bytes.subarray(length)));) length += read;
  return new TextDecoder().decode(bytes.subarray(0, length));
}
