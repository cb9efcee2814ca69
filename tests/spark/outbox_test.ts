import type { DatabaseConfig } from "../../pipeline/config.ts";
import { type EmbeddedPostgres, startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { CREATE_OUTBOX } from "../../tasks/demo/events.ts";
import { serverAccount } from "../../tasks/demo/postgres_binaries.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { insertEvent } from "../support/events.ts";
import { session } from "../support/pg_session.ts";
import { startPgbouncer } from "../support/pgbouncer.ts";
import { outbox } from "../support/postgres.ts";
import { JVM, python } from "./python.ts";
import { missingSpark, sparkPython, sparkTest } from "./spark.ts";

// Runs the jobs' sessions with Postgres, with the image's driver. This needs a JVM, but no Spark.

const missing = await missingSpark();

/** Runs a Python program with a `database`, and with a `Spark` that can open an outbox. */
async function withDriver(
  program: string,
  { host, port, name, user, password }: DatabaseConfig,
  env: Record<string, string> = {},
  query?: (sql: string) => Promise<(string | null)[][]>,
) {
  const given = {
    DJANGO_DB_HOST: host,
    DJANGO_DB_PORT: String(port),
    DJANGO_DB_NAME: name,
    DJANGO_DB_USER: user,
    DJANGO_DB_PASSWORD: password,
    ...env,
  };
  const body = `${JVM}
from deep_storage import fence, transaction
from deep_storage.outbox import Outbox
os.environ.update(given)
database = settings.database()
try:
${program.trim().split("\n").map((line) => `    ${line}`).join("\n")}
except Py4JJavaError as error:
    raise java_failure.explain(error, database, None)
finally:
    gateway.shutdown()`;
  return await python(body, { given, ...(query ? { query } : {}), ...await sparkPython() });
}

/** The settings that a job must not change in the pooled sessions of the bot. */
const SETTINGS = [
  "default_transaction_read_only",
  "transaction_read_only",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "transaction_timeout",
  "row_security",
  "client_encoding",
  "bytea_output",
  "intervalstyle",
];

sparkTest(
  "Spark outbox: lets the bot write before, during and after a job behind pgbouncer",
  missing,
  async () => {
    await using db = await outbox({ events: [insertEvent(1)] });
    await using pooler = await startPgbouncer(db.config, {
      pooling: "transaction",
      sessions: 3,
      ignored: "extra_float_digits",
    });
    const bots = await Promise.all([1, 2, 3].map(() => session(pooler.config)));
    let number = 100;
    /** Writes as the bots do, over every pooled session that no other transaction uses. */
    const write = async (count: number) => {
      const found: string[] = [];
      for (const bot of bots.slice(0, count)) {
        await bot.query("BEGIN");
        await bot.query(insertEvent(number++, { occurred_at: "'2025-12-30T10:00:00Z'" }));
        const settings = SETTINGS.map((name) => `current_setting('${name}')`).join(" || ' ' || ");
        found.push((await bot.query(`SELECT ${settings} AS found`)).rows[0]!.found!);
      }
      for (const bot of bots.slice(0, count)) await bot.query("COMMIT");
      return found;
    };
    try {
      const before = await write(3);
      const during: string[][] = [];
      const found = await withDriver(
        `
outbox = Outbox(Spark, database)
fence.clock(outbox.query)
query("between transactions 3")
snapshot = outbox.begin_snapshot()
query("in the snapshot 2")
properties = gateway.jvm.java.util.Properties()
for name, value in transaction.connection_properties(database).items():
    properties.setProperty(name, value)
# As Spark's reader does.
reader = gateway.jvm.java.sql.DriverManager.getConnection(database.url, properties)
reader.setAutoCommit(False)
reader.prepareStatement(snapshot._adopt).execute()
statement = reader.prepareStatement("SELECT event_seq FROM stop_events ORDER BY 1")
statement.setFetchSize(1)
rows = statement.executeQuery()
seen = []
while rows.next():
    seen.append(rows.getString(1))
    query("while a reader reads 1")
reader.close()
outbox.end_snapshot()
result = [seen, fence.count(outbox.query, settings.window_of("2025-12-30"))]
query("afterwards 3")
outbox.close()`,
        pooler.config,
        {},
        async (what) => {
          during.push(await write(Number(what.slice(-1))));
          return [];
        },
      );
      // The events at the time of the snapshot, and all events that were written since.
      assertEquals(found[0].length, 7, JSON.stringify(found));
      assert(found[1] > 6, JSON.stringify(found));
      during.push(await write(3));
      for (const settings of during.flat()) assertEquals(settings, before[0]);
    } finally {
      for (const bot of bots) await bot.end();
    }
  },
);

/** Creates a CA with a certificate for 127.0.0.1, and a second CA. */
async function certificates(folder: string): Promise<void> {
  const openssl = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command("openssl", { args, cwd: folder }).output();
    assert(success, new TextDecoder().decode(stderr));
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const ca of ["ca", "other"]) {
    await openssl(
      ...["req", "-x509", ...key, "-days", "2", "-subj", `/CN=${ca}`],
      ...["-keyout", `${ca}.key`, "-out", `${ca}.pem`],
    );
  }
  await openssl(
    ...["req", "-x509", ...key, "-days", "2", "-subj", "/CN=server", "-CA", "ca.pem"],
    "-CAkey",
    "ca.key",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-keyout",
    "server.key",
    "-out",
    "server.pem",
  );
}

/** Turns on TLS, and accepts only logins with TLS. */
async function demandTls(postgres: EmbeddedPostgres, folder: string): Promise<void> {
  const account = await serverAccount();
  for (const name of ["server.pem", "server.key"]) {
    const path = `${postgres.folder}/data/${name}`;
    await Deno.copyFile(`${folder}/${name}`, path);
    await Deno.chmod(path, 0o600);
    if (account) await Deno.chown(path, account.uid, account.gid);
  }
  const owner = await session(postgres.config);
  try {
    await owner.query(CREATE_OUTBOX);
    await owner.query("ALTER SYSTEM SET ssl_cert_file = 'server.pem'");
    await owner.query("ALTER SYSTEM SET ssl_key_file = 'server.key'");
    await owner.query("ALTER SYSTEM SET ssl = on");
    const rules = `${postgres.folder}/data/pg_hba.conf`;
    await Deno.writeTextFile(rules, "hostssl all all all scram-sha-256\n");
    await owner.query("SELECT pg_reload_conf()");
  } finally {
    await owner.end();
  }
}

sparkTest(
  "Spark outbox: verifies a Postgres with TLS according to PGSSLMODE",
  missing,
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "certificates-" });
    const postgres = await startPostgres();
    try {
      await certificates(folder);
      await demandTls(postgres, folder);
      const cases: [Record<string, string>, string][] = [
        [{ PGSSLMODE: "verify-full", PGSSLROOTCERT: `${folder}/ca.pem` }, "true"],
        [{ PGSSLROOTCERT: `${folder}/ca.pem`, DJANGO_DB_HOST: "localhost" }, "configuration"],
        [{ PGSSLMODE: "verify-ca", PGSSLROOTCERT: `${folder}/other.pem` }, "configuration"],
        [{ PGSSLMODE: "verify-full" }, "configuration"],
        [{ DJANGO_DB_SSLMODE: "require" }, "true"],
        [{ PGSSLMODE: "disable" }, "configuration"],
      ];
      const tried = await withDriver(
        `
import json
result = []
for case, _ in json.loads(given["CASES"]):
    for name in ("PGSSLMODE", "DJANGO_DB_SSLMODE", "PGSSLROOTCERT"):
        os.environ.pop(name, None)
    os.environ.update({"DJANGO_DB_HOST": "127.0.0.1", **case})
    database = settings.database()
    try:
        outbox = Outbox(Spark, database)
        ssl = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        result.append([outbox.query(ssl)[0][0], ""])
        outbox.close()
    except Py4JJavaError as error:
        failure = java_failure.explain(error, database, None)
        result.append([failure.kind, str(failure)])`,
        postgres.config,
        { CASES: JSON.stringify(cases) },
      );
      cases.forEach(([given, expected], i) => {
        assertEquals(tried[i][0], expected, `${JSON.stringify(given)}: ${tried[i][1]}`);
      });
      assertStringIncludes(tried[1][1], "certificate is not for localhost");
      for (const i of [2, 3]) assertStringIncludes(tried[i][1], "Set PGSSLROOTCERT");
      assertStringIncludes(tried[5][1], "PGSSLMODE=require");
    } finally {
      await postgres.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
);

sparkTest(
  "Spark outbox: sends a clear-text password only to this machine, unless TLS is disabled",
  missing,
  async () => {
    const postgres = await startPostgres();
    try {
      const owner = await session(postgres.config);
      await owner.query(CREATE_OUTBOX);
      await Deno.writeTextFile(
        `${postgres.folder}/data/pg_hba.conf`,
        "host all all all password\n",
      );
      await owner.query("SELECT pg_reload_conf()");
      await owner.end();
      const tried = await withDriver(
        `
import dataclasses
from deep_storage import tls
result = []
# What counts as this machine is told by the host alone.
for here, chosen in ((True, None), (False, None), (False, "disable")):
    tls.is_loopback = lambda host: here
    database = dataclasses.replace(database, tls=tls.Tls(chosen))
    try:
        Outbox(Spark, database).close()
        result.append(["taken", ""])
    except Py4JJavaError as error:
        failure = java_failure.explain(error, database, None)
        result.append([failure.kind, str(failure)])`,
        postgres.config,
      );
      assertEquals(
        tried.map(([kind]: string[]) => kind),
        ["taken", "configuration", "taken"],
        tried,
      );
      assertStringIncludes(tried[1][1], "asks for the password in clear text");
    } finally {
      await postgres.stop();
    }
  },
);
