import type { DatabaseConfig, TlsConfig, TlsMode } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { connect } from "../../../pipeline/outbox/connection.ts";
import { encryptions, mayShowPassword } from "../../../pipeline/outbox/tls.ts";
import { CREATE_OUTBOX, RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { payload } from "../../support/copy_stream.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { type Login, logIn, logInFromAfar } from "../../support/log_in.ts";
import { outbox } from "../../support/postgres.ts";
import { environment, runTask } from "../../support/task.ts";
import { startTlsPostgres, type TlsPostgres } from "../../support/tls_postgres.ts";
import { authority } from "../cluster/pki.ts";

// One server with a certificate for localhost. Each test sets which connections the server accepts.
let server: TlsPostgres | undefined;
Deno.test.beforeAll(async () => {
  server = await startTlsPostgres();
});
Deno.test.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const TLS_ONLY = "hostssl all all all scram-sha-256";
const PLAIN_ONLY = "hostnossl all all all scram-sha-256";
const CLEARTEXT = "host all all all password";
const PLAIN_CLEARTEXT = "hostnossl all all all password";

async function configured(
  admitted: string,
  tls?: Partial<TlsConfig>,
  host = "localhost",
): Promise<DatabaseConfig> {
  await server!.admit(admitted);
  const config = { ...server!.config, host };
  return tls === undefined ? config : { ...config, tls: { mode: "prefer", asked: true, ...tls } };
}

function assertRefused(login: Login, ...words: string[]): void {
  assertEquals(login.kind, "configuration", JSON.stringify(login));
  for (const word of words) assertStringIncludes(login.message!, word);
  assert(!login.message!.includes(server!.config.password), "the message has the password");
}

Deno.test("tls: connects with verify-full, the CA that signed the certificate, and the host of the certificate", async () => {
  const { ca } = server!;
  const config = await configured(TLS_ONLY, { mode: "verify-full", ca });
  assertEquals(await logIn(config), { encrypted: true });
  const connection = await connect(config);
  connection.beginSnapshot();
  const rows = "SELECT repeat('x', 100) FROM generate_series(1, 50000)";
  const { length } = await payload(connection.copy(rows));
  assertEquals(length, 19 + 50_000 * (2 + 4 + 100) + 2);
  await connection.close();
});

Deno.test("tls: runs bronze with verify-full, and exits with code 2 for a wrong CA", async () => {
  await using other = await authority();
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/lake`);
  const config = await configured(TLS_ONLY);
  const run = async (ca: string) => {
    await Deno.writeTextFile(`${folder}/ca.crt`, ca);
    const tls = { PGSSLMODE: "verify-full", PGSSLROOTCERT: `${folder}/ca.crt` };
    return await runTask("bronze", ["--date", "2025-12-28"], {
      ...environment(config, `${folder}/lake`),
      ...tls,
    });
  };
  try {
    const { ca } = server!;
    await server!.query(`${CREATE_OUTBOX}; ${RUNBOOK_EVENTS}`);
    const good = await run(ca);
    assertEquals(good.code, 0, good.stderr);
    const wrong = await run(other.ca);
    assertEquals(wrong.code, 2, wrong.stderr);
    assertStringIncludes(wrong.stderr, "Set PGSSLROOTCERT");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("tls: refuses a certificate that another CA signed, and names the variable to set", async () => {
  await using other = await authority();
  for (const mode of ["verify-ca", "verify-full"] as const) {
    const wrong = await logIn(await configured(TLS_ONLY, { mode, ca: other.ca }));
    assertRefused(wrong, "is not signed by any CA in PGSSLROOTCERT", "Set PGSSLROOTCERT");
    const system = await logIn(await configured(TLS_ONLY, { mode }));
    assertRefused(system, "is not signed by any CA of the system", "Set PGSSLROOTCERT");
  }
});

Deno.test("tls: refuses a certificate for another host with verify-full, and accepts the certificate with verify-ca", async () => {
  const { ca } = server!;
  const full = await configured(TLS_ONLY, { mode: "verify-full", ca }, "127.0.0.1");
  assertRefused(await logIn(full), "is not for 127.0.0.1", "DJANGO_DB_HOST", "verify-ca");
  const byCa = await configured(TLS_ONLY, { mode: "verify-ca", ca }, "127.0.0.1");
  assertEquals(await logIn(byCa), { encrypted: true });
});

Deno.test("tls: accepts any certificate with require and prefer", async () => {
  for (const mode of ["require", "prefer"] as const) {
    assertEquals(await logIn(await configured(TLS_ONLY, { mode })), { encrypted: true });
  }
});

Deno.test("tls: connects without TLS with prefer, but not with require, if the server allows no TLS", async () => {
  assertEquals(await logIn(await configured(PLAIN_ONLY, { mode: "prefer" })), { encrypted: false });
  assertRefused(await logIn(await configured(PLAIN_ONLY, { mode: "require" })), "pg_hba.conf");
});

Deno.test("tls: reports a server that requires TLS if TLS was not tried", async () => {
  for (
    const config of [await configured(TLS_ONLY, { mode: "disable" }), await configured(TLS_ONLY)]
  ) {
    assertRefused(await logIn(config), "no encryption", "PGSSLMODE=require");
  }
});

Deno.test("tls: refuses a server without TLS with require, and accepts the server with prefer", async () => {
  await using db = await outbox();
  for (const mode of ["require", "verify-ca", "verify-full"] as const) {
    const login = await logIn({ ...db.config, tls: { mode, asked: true } });
    assertRefused(login, `the server has no TLS, and PGSSLMODE=${mode} requires it`);
  }
  const preferred = await logIn({ ...db.config, tls: { mode: "prefer", asked: true } });
  assertEquals(preferred, { encrypted: false });
});

Deno.test("tls: reports a wrong password at once, and does not try again", async () => {
  const config = await configured("host all all all scram-sha-256", { mode: "prefer" });
  assertRefused(await logIn({ ...config, password: "wr0ng" }), "password authentication failed");
});

Deno.test("tls: without a mode, requests TLS from a remote server, and not from a server on this machine", async () => {
  const config = await configured("host all all all scram-sha-256");
  assertEquals(await logInFromAfar(config), { encrypted: true });
  assertEquals(await logIn(config), { encrypted: false });
});

Deno.test("tls: sends no password in clear text to a remote server", async () => {
  const words = ["asks for the password in clear text", "PGSSLMODE=verify-full", "scram-sha-256"];
  const unasked = await configured(PLAIN_CLEARTEXT);
  assertRefused(await logInFromAfar(unasked), ...words);
  const preferred = await configured(PLAIN_CLEARTEXT, { mode: "prefer" });
  assertRefused(await logInFromAfar(preferred), ...words);
  const asked = await configured(PLAIN_CLEARTEXT, { mode: "disable" });
  assertEquals(await logInFromAfar(asked), { encrypted: false });
});

Deno.test("tls: sends a password in clear text within TLS, and to this machine", async () => {
  assertEquals(await logInFromAfar(await configured(CLEARTEXT)), { encrypted: true });
  assertEquals(await logIn(await configured(CLEARTEXT)), { encrypted: false });
});

Deno.test("tls: reports a server that offers TLS but does not speak TLS as unreachable", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const talking = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(8));
    await connection.write(new TextEncoder().encode("S"));
    await connection.read(new Uint8Array(1024)); // the first TLS message of the client
    await connection.write(new TextEncoder().encode("This is no TLS at all, whatever it is."));
    await connection.readable.pipeTo(new WritableStream()).catch(() => {});
  })();
  const config: DatabaseConfig = {
    ...server!.config,
    port: listener.addr.port,
    tls: { mode: "require", asked: true },
  };
  const { kind, message } = await assertRejects(() => connect(config), Failure);
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "the TLS handshake failed");
  await talking;
});

/** Hosts, and whether each one is this machine. */
const HOSTS: [string, boolean][] = [
  ["localhost", true],
  ["LOCALHOST", true],
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["::1", true],
  ["127.0.0.1.example.com", false],
  ["localhost.example.com", false],
  ["mylocalhost", false],
  ["10.0.0.1", false],
  ["paradedb.robson.svc.cluster.local", false],
];

for (const [host, local] of HOSTS) {
  Deno.test(`tls: treats ${host} as ${local ? "this machine" : "a remote server"}`, () => {
    const config = { host, port: 5432, name: "d", user: "u", password: "p" };
    assertEquals(encryptions(config), local ? [false] : [{ rejectUnauthorized: false }, false]);
    assertEquals(mayShowPassword(config, false), local);
    const unasked = { ...config, tls: { mode: "disable" as TlsMode, asked: false } };
    assertEquals(mayShowPassword(unasked, false), local);
  });
}
