import process from "node:process";
import { KubeConfig, type User } from "@kubernetes/client-node";
import { until } from "../../cluster/until.ts";
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../../support/assert.ts";
import { authority } from "./pki.ts";

// Why parts of a Kubernetes client beside @kubernetes/client-node are ours. Each test shows one thing
// that the library does differently from kubectl, or that does not work under Deno. When a new version
// of the library fails a test here, the part of pipeline/cluster that the test names can go. See
// docs/decisions/kubernetes-client.md.

const SECRET = "s3cr3t-t0ken";

function load(text: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(text);
  return config;
}

/** The options for node:https that the library makes for one user. */
async function optionsFor(user: Partial<User>) {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "c", server: "https://127.0.0.1:9", skipTLSVerify: false },
    {
      name: "u",
      ...user,
    },
  );
  const options: { headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(options);
  return options;
}

function runPlugin(lines: string, fields: object = {}) {
  const exec = { command: "/bin/sh", args: ["-c", lines], ...fields };
  return optionsFor({ exec });
}

Deno.test("client-node, kubeconfig.ts: its message quotes the lines around an error of YAML", () => {
  const text = `users:\n  - name: u\n   user: { token: ${SECRET} }\n`;
  assertStringIncludes(assertThrows(() => load(text), Error).message, SECRET);
});

Deno.test("client-node, kubeconfig.ts: it refuses an empty kubeconfig", () => {
  assertThrows(() => load(""), Error, "input is empty");
});

Deno.test("client-node, kubeconfig.ts: it refuses a file for entries that no context uses", () => {
  assertThrows(() => load("clusters: [{ name: c, cluster: {} }]"), Error, "server is missing");
  assertThrows(() => load("contexts: [{ name: c, context: {} }]"), Error, "cluster is missing");
});

Deno.test("client-node, kubeconfig.ts: it drops fields that decide who the user is", () => {
  const fields = "tokenFile: /token, as: jane, as-uid: '17', as-groups: [dev]";
  const [user] = load(`users: [{ name: u, user: { ${fields} } }]`).getUsers();
  assertEquals(JSON.parse(JSON.stringify(user)), { name: "u", impersonateUser: "jane" });
});

Deno.test("client-node, kubeconfig.ts: it does not merge files that both define a user", () => {
  const config = load("users: [{ name: u, user: { token: a } }]");
  const other = load("users: [{ name: u, user: { token: b } }]");
  assertThrows(() => config.mergeConfig(other), Error, "Duplicate user: u");
});

Deno.test("client-node, kubeconfig.ts: the current-context of the last file wins", () => {
  const config = load("current-context: first");
  config.mergeConfig(load("current-context: second"));
  assertEquals(config.getCurrentContext(), "second");
});

Deno.test("client-node, kubeconfig.ts: it leaves a plugin's relative path as it is", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/config`,
    "users: [{ name: u, user: { exec: { command: ./login } } }]",
  );
  const config = new KubeConfig();
  config.loadFromFile(`${folder}/config`);
  assertEquals(config.getUser("u")?.exec?.command, "./login");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("client-node, open.ts: in a pod it talks HTTP to port 8080, and keeps line breaks", async () => {
  const prefix = await Deno.makeTempDir();
  const account = `${prefix}/var/run/secrets/kubernetes.io/serviceaccount`;
  await Deno.mkdir(account, { recursive: true });
  const files = { "ca.crt": "ca", token: `${SECRET}\n`, namespace: "robson\n" };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${account}/${name}`, text);
  }
  const config = new KubeConfig();
  // Only this module sees these variables. Those of the process belong to all test files.
  const { env } = process;
  process.env = { KUBERNETES_SERVICE_HOST: "10.43.0.1", KUBERNETES_SERVICE_PORT: "8080" };
  try {
    config.loadFromCluster(prefix);
  } finally {
    process.env = env;
  }
  assertEquals(config.getCurrentCluster()?.server, "http://10.43.0.1:8080");
  assertEquals(config.getContextObject(config.getCurrentContext())?.namespace, "robson\n");
  config.clusters = config.clusters.map((each) => ({ ...each, server: "https://10.43.0.1:8080" }));
  const options: { headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(options);
  assertEquals(options.headers?.Authorization, `Bearer ${SECRET}\n`);
  await Deno.remove(prefix, { recursive: true });
});

Deno.test("client-node, exec_plugin.ts: a plugin does not get KUBERNETES_EXEC_INFO", async () => {
  const lines = `echo '{"status":{"token":"'"info=$KUBERNETES_EXEC_INFO"'"}}'`;
  const { headers } = await runPlugin(lines, { provideClusterInfo: true });
  assertEquals(headers?.Authorization, "Bearer info=");
});

Deno.test("client-node, exec_plugin.ts: the error quotes what a plugin printed", async () => {
  const error = await assertRejects(() => runPlugin(`echo ${SECRET} >&2; exit 3`), Error);
  assertStringIncludes(error.message, SECRET);
});

Deno.test("client-node, exec_plugin.ts: it takes a credential of another version", async () => {
  const printed = { apiVersion: "example/v1", kind: "Secret", status: { token: SECRET } };
  const { headers } = await runPlugin(`echo '${JSON.stringify(printed)}'`);
  assertEquals(headers?.Authorization, `Bearer ${SECRET}`);
});

Deno.test({
  name: "client-node, exec_plugin.ts: it waits without end for a plugin that reads its input",
  // The library offers no way to end the plugin.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    const lines = `echo $$ > ${folder}/new && mv ${folder}/new ${folder}/pid; read line`;
    const running = runPlugin(lines).then(() => "ended", () => "ended");
    const waited = new Promise((resolve) => setTimeout(() => resolve("still running"), 1_500));
    assertEquals(await Promise.race([running, waited]), "still running");
    let pid = 0;
    await until("the plugin runs", async () => {
      pid = Number(await Deno.readTextFile(`${folder}/pid`));
      return pid > 0;
    });
    Deno.kill(pid, "SIGKILL");
    await running;
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("client-node, login.ts: it cannot renew an OIDC token, with or without an own CA", async () => {
  const provider = (config: object) => ({
    authProvider: {
      name: "oidc",
      config: {
        "client-id": "kubectl",
        "id-token": `e30.${btoa(JSON.stringify({ exp: 1 })).replaceAll("=", "")}.e30`,
        "refresh-token": SECRET,
        ...config,
      },
    },
  });
  const issuer = "https://127.0.0.1:9";
  await assertRejects(
    () => optionsFor(provider({ "idp-issuer-url": issuer })),
    TypeError,
    '"server" must be an instance of URL',
  );
  await using pki = await authority();
  await using server = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      onListen() {},
      ...await pki.issue({ names: "IP:127.0.0.1" }),
    },
    () => Response.json({}),
  );
  await assertRejects(
    () =>
      optionsFor(provider({
        "idp-issuer-url": new URL(`https://127.0.0.1:${server.addr.port}`),
        "idp-certificate-authority-data": btoa(pki.ca),
      })),
    TypeError,
    '"response" must be an instance of Response',
  );
});
