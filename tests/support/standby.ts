import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { EmbeddedPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { nativeFolder, serverAccount } from "../../tasks/demo/postgres_binaries.ts";
import { startServer } from "../../tasks/demo/server_process.ts";
import { onFreePort, untilAnswers } from "./on_free_port.ts";
import { letsIn, session } from "./pg_session.ts";

/** A server that replicates another one. Stopped on disposal. */
export interface Standby extends AsyncDisposable {
  /** Configuration of the primary's database on the standby. */
  readonly config: DatabaseConfig;
}

/** Starts a standby with a copy of a server's data on a free port of 127.0.0.1. */
export function startStandby(primary: EmbeddedPostgres): Promise<Standby> {
  return onFreePort((port) => start(primary, port));
}

async function start(primary: EmbeddedPostgres, port: number): Promise<Standby> {
  const account = await serverAccount();
  const folder = await Deno.makeTempDir({ prefix: "standby-", dir: "/tmp" });
  const data = `${folder}/data`;
  await backUp(primary, data);
  await Deno.remove(`${data}/postmaster.pid`);
  await Deno.writeTextFile(`${data}/standby.signal`, "");
  const { port: from, user, password } = primary.config;
  const connection = `host=127.0.0.1 port=${from} user=${user} password=${password}`;
  await Deno.writeTextFile(`${data}/postgresql.auto.conf`, `primary_conninfo = '${connection}'\n`);
  await Deno.writeTextFile(`${folder}/log`, "");
  if (account) await run("chown", "-R", `${account.uid}:${account.gid}`, folder);
  const server = startServer({
    command: [
      `${await binaries(primary)}/postgres`,
      "-D",
      data,
      "-c",
      `port=${port}`,
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      "-c",
      "max_prepared_transactions=10",
    ],
    log: `${folder}/log`,
    remove: folder,
    ...(account ? { user: account } : {}),
  });
  const config = { ...primary.config, port };
  try {
    await untilAnswers(server, () => letsIn(config));
  } catch (error) {
    const said = await Deno.readTextFile(`${folder}/log`).catch(() => "");
    await server.stop();
    throw new Error(`the standby did not start: ${said}`, { cause: error });
  }
  return { config, [Symbol.asyncDispose]: () => server.stop() };
}

/** Copies the data of a running server, as described in the Postgres manual. */
async function backUp({ config, folder }: EmbeddedPostgres, to: string): Promise<void> {
  const owner = await session(config);
  try {
    await owner.query("SELECT pg_backup_start('standby', fast => true)");
    await run("cp", "-a", `${folder}/data`, to);
    const { rows } = await owner.query("SELECT labelfile FROM pg_backup_stop(false)");
    await Deno.writeTextFile(`${to}/backup_label`, rows[0]!.labelfile!);
  } finally {
    await owner.end();
  }
}

/**
 * Returns the folder of the server's programs: a copy if its user has no access to the npm cache.
 */
async function binaries({ folder }: EmbeddedPostgres): Promise<string> {
  const copy = `${folder}/native/bin`;
  return await Deno.stat(copy).then(() => copy, () => `${nativeFolder()}/bin`);
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
