import { startStrictS3 } from "../support/strict_s3.ts";
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { type Authority, authority } from "../pipeline/cluster/pki.ts";
import { environment, environmentOf, ROOT, runTask } from "../support/task.ts";

// The sources of settings and certificates, with the permissions in deno.json.

Deno.test("environment: Deno reads .env if the flag is before the task's name", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const file = await Deno.makeTempFile({ suffix: ".env" });
  const lines = Object.entries(environment(db.config, lake.path))
    .map(([name, value]) => `${name}='${value}'`);
  await Deno.writeTextFile(file, lines.join("\n"));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", `--env-file=${file}`, "bronze", "2025-12-28"],
    cwd: ROOT,
    clearEnv: true,
    env: environmentOf({}),
  }).output();
  await Deno.remove(file);
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assertEquals((await lake.contents()).has("bronze/events/date=2025-12-28/_commit.json"), true);
});

/** A store behind TLS with a certificate of a private CA. */
async function storeWithTls(by: Authority) {
  const store = startStrictS3();
  const { endpoint, ...config } = await store.createBucket("tls");
  const inner = new URL(endpoint);
  const { cert, key } = await by.issue({ names: "IP:127.0.0.1" });
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const serving = (async () => {
    for await (const outside of listener) {
      const inside = await Deno.connect({ hostname: inner.hostname, port: Number(inner.port) });
      const there = outside.readable.pipeTo(inside.writable);
      const back = inside.readable.pipeTo(outside.writable);
      Promise.allSettled([there, back]);
    }
  })();
  return {
    variables: {
      S3_ENDPOINT: `https://127.0.0.1:${listener.addr.port}`,
      S3_BUCKET: config.bucket,
      AWS_ACCESS_KEY_ID: config.accessKeyId,
      AWS_SECRET_ACCESS_KEY: config.secretAccessKey,
    },
    async stop() {
      listener.close();
      await serving.catch(() => {});
      await store.stop();
    },
  };
}

Deno.test("environment: NODE_EXTRA_CA_CERTS counts instead of DENO_CERT, and the message says so", async () => {
  await using by = await authority();
  await using other = await authority();
  const store = await storeWithTls(by);
  const [file, otherFile] = [`${by.folder}/known.pem`, `${other.folder}/known.pem`];
  await Deno.writeTextFile(file, by.ca);
  await Deno.writeTextFile(otherFile, other.ca);
  const both = { ...store.variables, DENO_CERT: file, NODE_EXTRA_CA_CERTS: otherFile };
  const { code, stderr } = await runTask("silver", ["2025-12-28"], both);
  assertEquals(code, 3, stderr);
  assertStringIncludes(stderr, "If NODE_EXTRA_CA_CERTS is set, it counts instead of DENO_CERT");
  await store.stop();
});

for (const name of ["DENO_CERT", "NODE_EXTRA_CA_CERTS"]) {
  Deno.test(`environment: ${name} makes the store's CA trusted`, async () => {
    await using by = await authority();
    const store = await storeWithTls(by);
    const file = `${by.folder}/known.pem`;
    await Deno.writeTextFile(file, by.ca);
    const known = await runTask("silver", ["2025-12-28"], { ...store.variables, [name]: file });
    // The store was readable: the message is about missing bronze.
    assertEquals(known.code, 1, known.stderr);
    assertStringIncludes(known.stderr, "bronze has no commit marker");
    const unknown = await runTask("silver", ["2025-12-28"], store.variables);
    assertEquals(unknown.code, 3, unknown.stderr);
    assertStringIncludes(unknown.stderr, "certificate");
    await store.stop();
  });
}
