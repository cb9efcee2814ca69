import type { DatabaseConfig } from "../../pipeline/config.ts";
import { serverAccount } from "../../tasks/demo/postgres_binaries.ts";
import { startServer } from "../../tasks/demo/server_process.ts";
import { onFreePort, untilAnswers } from "./on_free_port.ts";
import { letsIn } from "./pg_session.ts";

/** A pgbouncer in front of Postgres. Stopped on disposal. */
export interface Pgbouncer extends AsyncDisposable {
  /** Configuration of the same database through pgbouncer. */
  readonly config: DatabaseConfig;
}

/** Options of pgbouncer. */
export interface PgbouncerOptions {
  /** How long a client keeps a Postgres session to itself. */
  readonly pooling: "session" | "transaction" | "statement";
  /** Number of Postgres sessions that all clients share. */
  readonly sessions: number;
  /** Startup parameters that pgbouncer accepts and ignores. */
  readonly ignored?: string;
}

const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find(exists);

/**
 * Declares a test that needs pgbouncer. If pgbouncer is not installed, the test fails in CI and is
 * ignored elsewhere, with the reason in its name.
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
export function startPgbouncer(
  config: DatabaseConfig,
  options: PgbouncerOptions,
): Promise<Pgbouncer> {
  return onFreePort((port) => start(config, port, options));
}

async function start(
  config: DatabaseConfig,
  port: number,
  { pooling, sessions, ignored = "" }: PgbouncerOptions,
): Promise<Pgbouncer> {
  const account = await serverAccount(); // like Postgres, pgbouncer refuses to run as root
  const folder = await Deno.makeTempDir({ prefix: "pgbouncer-", dir: "/tmp" });
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
    await untilAnswers(server, () => letsIn(pooled));
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
