import type { DatabaseConfig } from "../../pipeline/config.ts";
import { freePort } from "../../tasks/demo/embedded_postgres.ts";
import { serverAccount } from "../../tasks/demo/postgres_binaries.ts";
import { startServer } from "../../tasks/demo/server_process.ts";
import { answers } from "./pg_session.ts";

/** A pgbouncer in front of a Postgres. It ends with its block. */
export interface Pgbouncer extends AsyncDisposable {
  /** The same database by way of it. */
  readonly config: DatabaseConfig;
}

/** How to start one. */
export interface PgbouncerOptions {
  /** For how long a client has a session with Postgres to itself. */
  readonly pooling: "session" | "transaction" | "statement";
  /** How many sessions with Postgres all clients share. */
  readonly sessions: number;
  /** Parameters that clients may send at the login, and that have no effect. */
  readonly ignored?: string;
}

const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find(exists);

/**
 * A test that needs pgbouncer. Where it is not installed, the test fails in CI, and elsewhere it is
 * ignored, with what is missing in its name.
 */
export function pgbouncerTest(name: string, run: () => Promise<void>): void {
  if (program !== undefined) return Deno.test(name, run);
  const missing = `${name}: pgbouncer is not installed here, it needs the package pgbouncer`;
  Deno.test({
    name: missing,
    ignore: Deno.env.get("CI") !== "true",
    fn() {
      throw new Error(missing);
    },
  });
}

/** Starts a pgbouncer on a free port of 127.0.0.1. */
export async function startPgbouncer(
  config: DatabaseConfig,
  { pooling, sessions, ignored = "" }: PgbouncerOptions,
): Promise<Pgbouncer> {
  const account = await serverAccount(); // it refuses to run as root, as Postgres does
  const folder = await Deno.makeTempDir({ prefix: "pgbouncer-", dir: "/tmp" });
  const port = freePort();
  const files = {
    users: `"${config.user}" "${config.password}"\n`,
    log: "",
    ini: `
[databases]
* = host=${config.host} port=${config.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${folder}/users
pool_mode = ${pooling}
default_pool_size = ${sessions}
ignore_startup_parameters = ${ignored}
`,
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 });
    if (account) await Deno.chown(`${folder}/${name}`, account.uid, account.gid);
  }
  if (account) await Deno.chown(folder, account.uid, account.gid);
  const server = startServer({
    command: [program!, `${folder}/ini`],
    log: `${folder}/log`,
    remove: folder,
    ...(account ? { user: account } : {}),
  });
  const pooled = { ...config, port };
  try {
    await answers(pooled);
  } catch (error) {
    const said = await Deno.readTextFile(`${folder}/log`).catch(() => "");
    await server.stop();
    throw new Error(`pgbouncer did not start: ${said}`, { cause: error });
  }
  return { config: pooled, [Symbol.asyncDispose]: () => server.stop() };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
