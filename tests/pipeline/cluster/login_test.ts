import { startServer } from "../../../tasks/demo/server_process.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { onFreePort, untilListens } from "../../support/on_free_port.ts";
import { openSaid, type Said } from "./kubeconfigs.ts";
import { type Authority, authority, type Issued } from "./pki.ts";

const SECRET = "s3cr3t-t0ken";
const VERSION = "v1.36.3";

/** Starts openssl's server, which requires a client certificate of the CA. */
async function strictServer({ folder, ca, issue }: Authority) {
  const { cert, key } = await issue({ names: "IP:127.0.0.1", key: "rsa" });
  const version = JSON.stringify({ gitVersion: VERSION });
  for (const [name, text] of Object.entries({ cert, key, ca, version })) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const flags = "-cert cert -key key -CAfile ca -Verify 1 -verify_return_error -WWW -quiet";
  return await onFreePort(async (port) => {
    const address = `127.0.0.1:${port}`;
    const server = startServer({
      command: [
        "/bin/sh",
        "-c",
        `cd ${folder} && exec openssl s_server -accept ${address} ${flags}`,
      ],
      log: `${folder}/server.log`,
    });
    await untilListens(server, port);
    return { url: `https://${address}`, [Symbol.asyncDispose]: () => server.stop() };
  });
}

const HEADERS = ["authorization", "impersonate-user", "impersonate-uid", "impersonate-group"];

/** A server that returns the headers of the request as its version. */
function mirror(tls: Issued | undefined) {
  const options = { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls };
  const server = Deno.serve(options, ({ headers }) =>
    Response.json({
      gitVersion: HEADERS.map((name) => headers.get(name) ?? "").join("|"),
    }));
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function versionOf(said: Said): Promise<string> {
  await using opened = await openSaid(said);
  return await opened.cluster.version();
}

/** Returns the headers that a server receives from a user. */
async function heardOf(user: Said["user"] = {}): Promise<string> {
  await using pki = await authority();
  await using server = mirror(await pki.issue({ names: "IP:127.0.0.1" }));
  const cluster = { server: server.url, "certificate-authority-data": btoa(pki.ca) };
  return await versionOf({ cluster, user });
}

for (const key of ["ec", "rsa", "rsa-pkcs1"] as const) {
  Deno.test(`logIn: sends a client certificate: ${key}`, async () => {
    await using pki = await authority();
    await using server = await strictServer(pki);
    const own = await pki.issue({ key });
    const inline = {
      cluster: { server: server.url, "certificate-authority-data": btoa(pki.ca) },
      user: { "client-certificate-data": btoa(own.cert), "client-key-data": btoa(own.key) },
    };
    assertEquals(await versionOf(inline), VERSION);
    const files = { "me.crt": own.cert, "me.key": own.key, "ca.crt": pki.ca };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${pki.folder}/${name}`, text);
    }
    const inFiles = {
      cluster: { server: server.url, "certificate-authority": `${pki.folder}/ca.crt` },
      user: {
        "client-certificate": `${pki.folder}/me.crt`,
        "client-key": `${pki.folder}/me.key`,
      },
    };
    assertEquals(await versionOf(inFiles), VERSION);
    const failure = await assertRejects(() => versionOf({ cluster: inline.cluster }), Failure);
    assertEquals(failure.kind, "unreachable", failure.message);
  });
}

Deno.test("logIn: sends a token, or a name and a password", async () => {
  assertEquals(await heardOf(), "|||");
  assertEquals(await heardOf({ token: SECRET }), `Bearer ${SECRET}|||`);
  assertEquals(
    await heardOf({ username: "me", password: "p:w" }),
    `Basic ${btoa("me:p:w")}|||`,
  );
});

Deno.test("logIn: prefers tokenFile over token, and removes its line break", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, `${SECRET}\n`);
  assertEquals(await heardOf({ token: "old", tokenFile: path }), `Bearer ${SECRET}|||`);
  await Deno.remove(path);
});

Deno.test("logIn: sends the headers for impersonation", async () => {
  const user = { token: "t", as: "jane", "as-uid": "17", "as-groups": ["dev", "ops"] };
  assertEquals(await heardOf(user), "Bearer t|jane|17|dev, ops");
});

Deno.test("logIn: uses the token of an auth provider", async () => {
  const provider = (config: object) => ({ "auth-provider": { name: "gcp", config } });
  assertEquals(await heardOf(provider({ "access-token": SECRET })), `Bearer ${SECRET}|||`);
  const expired = provider({ "access-token": SECRET, expiry: "2020-01-01T00:00:00Z" });
  await assertRefused({ user: expired }, ['auth provider "gcp" for user "someone" failed']);
});

Deno.test("logIn: uses a valid OIDC token, and has kubectl renew an expired one", async () => {
  const claims = (exp: number) => btoa(JSON.stringify({ exp })).replaceAll("=", "");
  const provider = (exp: number) => ({
    "auth-provider": { name: "oidc", config: { "id-token": `e30.${claims(exp)}.${SECRET}` } },
  });
  const later = 4_102_444_800;
  assertEquals(await heardOf(provider(later)), `Bearer e30.${claims(later)}.${SECRET}|||`);
  await assertRefused({ user: provider(1_767_323_045) }, [
    'the id-token of user "someone" expired on 2026-01-02T03:04:05Z. ',
    "Run kubectl --context suite auth whoami --kubeconfig ",
    " so that kubectl renews it, and run again.",
  ]);
});

Deno.test("logIn: sends no credentials over HTTP", async () => {
  await using server = mirror(undefined);
  assertEquals(
    await versionOf({ cluster: { server: server.url }, user: { token: SECRET } }),
    "|||",
  );
});

const CLUSTER = { server: "https://127.0.0.1:9" };

async function assertRefused(said: Partial<Said>, words: readonly string[]): Promise<void> {
  await using opened = await openSaid({ cluster: CLUSTER, ...said });
  const failure = await assertRejects(() => opened.cluster.version(), Failure);
  assertEquals(failure.kind, "configuration", failure.message);
  for (const word of [`Cannot use the kubeconfig ${opened.file}: `, ...words]) {
    assertStringIncludes(failure.message, word);
  }
  assert(!Deno.inspect(failure, { depth: 10 }).includes(SECRET), failure.message);
}

Deno.test("logIn: names a missing file", async () => {
  for (const field of ["client-certificate", "client-key"]) {
    await assertRefused({ user: { [field]: "/nowhere/me.pem" } }, [
      "its file /nowhere/me.pem cannot be read (ENOENT)",
    ]);
  }
  const ca = { ...CLUSTER, "certificate-authority": "/nowhere/ca.crt" };
  await assertRefused({ cluster: ca }, ["its file /nowhere/ca.crt cannot be read (ENOENT)"]);
  await assertRefused({ user: { tokenFile: "/nowhere/token" } }, [
    "its tokenFile /nowhere/token cannot be read (NotFound)",
  ]);
});

Deno.test("logIn: names an empty tokenFile", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "\n");
  await assertRefused({ user: { tokenFile: path } }, [`its tokenFile ${path} is empty`]);
  await Deno.remove(path);
});

Deno.test("logIn: names invalid certificates and keys, and does not quote them", async () => {
  await using pki = await authority();
  const [own, other] = await Promise.all([pki.issue({}), pki.issue({})]);
  const pair = (cert: string, key: string) => (
    { "client-certificate-data": cert, "client-key-data": key }
  );
  const noCertificate = 'the client-certificate of the context "suite" is not a certificate';
  const noPair = 'client-certificate and client-key of the user "someone" do not match';
  const alone = 'the user "someone" has only one of client-certificate and client-key';
  for (const rubbish of [SECRET, `!${SECRET}!`, btoa(SECRET), btoa(own.cert.slice(0, 99))]) {
    await assertRefused({ user: pair(rubbish, btoa(own.key)) }, [noCertificate]);
    const cluster = { ...CLUSTER, "certificate-authority-data": rubbish };
    await assertRefused({ cluster }, [
      'certificate-authority of the context "suite" is not a cert',
    ]);
  }
  for (const rubbish of [SECRET, btoa(SECRET), btoa(own.key.slice(0, 99)), btoa(other.key)]) {
    await assertRefused({ user: pair(btoa(own.cert), rubbish) }, [noPair]);
  }
  await assertRefused({ user: { "client-certificate-data": btoa(own.cert) } }, [alone]);
  await assertRefused({ user: { "client-key-data": btoa(own.key) } }, [alone]);
});

Deno.test("logIn: does not quote a token that HTTP does not allow", async () => {
  for (const token of [`${SECRET}\nx`, `${SECRET}ü`, `${SECRET}\u0000`]) {
    await assertRefused({ user: { token } }, ['the token of the user "someone" has characters']);
    await assertRefused({ user: { as: token } }, [
      'the impersonate-user of the user "someone" has',
    ]);
  }
});

Deno.test("logIn: names fields that are not supported, and what to do instead", async () => {
  const cluster = (fields: object) => ({ cluster: { ...CLUSTER, ...fields } });
  await assertRefused(cluster({ "insecure-skip-tls-verify": true }), [
    "this command always verifies certificates. Set certificate-authority",
  ]);
  await assertRefused(cluster({ "tls-server-name": "api.example" }), [
    'sets tls-server-name "api.example"',
    "Set server to that name",
  ]);
  for (const proxy of ["ftp://127.0.0.1:9", `socks4://me:${SECRET}@127.0.0.1:9`, SECRET]) {
    await assertRefused(cluster({ "proxy-url": proxy }), [
      "proxy-url",
      "Use an address such as http://",
    ]);
  }
});
