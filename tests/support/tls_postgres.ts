import type { DatabaseConfig } from "../../pipeline/config.ts";
import { startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { serverAccount } from "../../tasks/demo/postgres_binaries.ts";
import { until } from "../cluster/until.ts";
import { type Authority, authority } from "../pipeline/cluster/pki.ts";
import { session, type TextClient } from "./pg_session.ts";

/** A Postgres with a certificate for `localhost`. Stopped on disposal. */
export interface TlsPostgres extends AsyncDisposable {
  /** Configuration without encryption settings. */
  readonly config: DatabaseConfig;
  /** Certificate of the CA that signed the server's certificate, as PEM. */
  readonly ca: string;
  /** Runs one or more statements as the owner. */
  query(sql: string): Promise<unknown>;
  /** Replaces the rules for TCP connections in pg_hba.conf, and waits until they are active. */
  admit(...lines: string[]): Promise<void>;
}

/** Starts a Postgres that accepts TLS and plain connections. */
export async function startTlsPostgres(): Promise<TlsPostgres> {
  const pki = await authority();
  try {
    return await start(pki);
  } catch (error) {
    await pki[Symbol.asyncDispose]();
    throw error;
  }
}

async function start(pki: Authority): Promise<TlsPostgres> {
  const { cert, key } = await pki.issue({ names: "DNS:localhost" });
  const files = {
    ssl_cert_file: `${pki.folder}/server.crt`,
    ssl_key_file: `${pki.folder}/server.key`,
  };
  await Deno.writeTextFile(files.ssl_cert_file, cert);
  await Deno.writeTextFile(files.ssl_key_file, key, { mode: 0o600 });
  const account = await serverAccount();
  if (account) {
    for (const path of [pki.folder, ...Object.values(files)]) {
      await Deno.chown(path, account.uid, account.gid);
    }
  }
  const postgres = await startPostgres({ settings: { ssl: "on", ...files } });
  const owner = await session(postgres.config);
  return {
    config: postgres.config,
    ca: pki.ca,
    query: (sql) => owner.query(sql),
    admit: (...lines) => admit(`${postgres.folder}/data/pg_hba.conf`, lines, owner),
    async [Symbol.asyncDispose]() {
      await postgres.stop();
      await owner.end();
      await pki[Symbol.asyncDispose]();
    },
  };
}

async function admit(file: string, lines: readonly string[], owner: TextClient): Promise<void> {
  const loaded = async () => (await owner.query("SELECT pg_conf_load_time() AS at")).rows[0]!.at;
  const before = await loaded();
  await Deno.writeTextFile(file, `${lines.join("\n")}\n`);
  await owner.query("SELECT pg_reload_conf()");
  // The server reloads the file before it accepts the next connection, and its sessions see the
  // change then.
  await until("the server has reloaded the file", async () => await loaded() !== before);
}
