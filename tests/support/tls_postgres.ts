import type { DatabaseConfig } from "../../pipeline/config.ts";
import { startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { serverAccount } from "../../tasks/demo/postgres_binaries.ts";
import { type Authority, authority } from "../pipeline/cluster/pki.ts";
import { session, type TextClient } from "./pg_session.ts";

/** A Postgres with a certificate for `localhost`. It ends with its block. */
export interface TlsPostgres extends AsyncDisposable {
  /** Without a word about encryption. */
  readonly config: DatabaseConfig;
  /** The CA that signed its certificate, as PEM. */
  readonly ca: string;
  /** Runs one or more statements as its owner. */
  query(sql: string): Promise<unknown>;
  /** Replaces what pg_hba.conf says about connections by TCP, and waits until that goes. */
  admit(...lines: string[]): Promise<void>;
}

/** Starts a Postgres that takes TLS and plain connections. */
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
  // The server reads the file before it takes the next connection, and tells its sessions then too.
  while (await loaded() === before) await new Promise((resolve) => setTimeout(resolve, 20));
}
