import pg from "pg";
import type { DatabaseConfig, S3Config } from "../../pipeline/config.ts";
import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import { type Api, openApi } from "../cluster/api.ts";
import { kubeconfig } from "../cluster/kubeconfig.ts";
import { bringTo } from "../cluster/state.ts";
import { READS_ALL, user } from "../cluster/users.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { forwardedPod, serviceOf } from "../pipeline/cluster/kubelet.ts";
import { type ObjectStore, startObjectStore } from "../support/object_store.ts";
import { outsideProxy } from "../support/outside_proxy.ts";
import { validLines } from "../support/line_schema.ts";
import { type Outbox, outbox } from "../support/postgres.ts";
import { runTask, type TaskOutcome } from "../support/task.ts";
import { atTerminal, startOnTerminal } from "../support/terminal.ts";

// Runs `deno task secrets` like an operator, on a real control plane, Postgres and object store.

/** Characters that shells, YAML and editors often change, with a space at the end. */
const PASSWORD = `p\\a!s$s'w"o#rd `;

const NAMESPACE: KubeObject = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "analytics-jobs" },
};
const DATABASE = "django-db-credentials";
const LAKE = "contabo-s3-credentials";

let store: ObjectStore;
let bucket: S3Config;
Deno.test.beforeAll(async () => {
  store = await startObjectStore();
  bucket = await store.createBucket("secrets");
});
Deno.test.afterAll(() => store.stop());

/** Every output of every run. The last test searches them for secrets. */
const outputs: string[] = [];
const values = new Set<string>([PASSWORD]);

async function secrets(args: readonly string[], env: Record<string, string>): Promise<TaskOutcome> {
  const how = ["--kubeconfig", controlPlane().kubeconfig, ...args];
  const outcome = await runTask("secrets", how, env);
  outputs.push(outcome.stdout, outcome.stderr);
  return outcome;
}

type Login = DatabaseConfig & { readonly endpoint: string };

/** A database with a user that has the password. */
interface Database extends Outbox {
  /** The login and the store, through proxies on an address that is not a loopback address. */
  readonly login: Login;
  /** The port of Postgres on 127.0.0.1. */
  readonly inside: number;
}

async function withPassword(): Promise<Database> {
  const db = await outbox();
  const name = `robson_${crypto.randomUUID().slice(0, 8)}`;
  const role = await db.role(name, "SELECT 1");
  const password = pg.escapeLiteral(PASSWORD).trimStart();
  await db.query(`ALTER ROLE ${pg.escapeIdentifier(name)} PASSWORD ${password}`);
  const proxy = outsideProxy(role.port);
  const storeProxy = outsideProxy(Number(new URL(bucket.endpoint).port));
  const endpoint = `http://${storeProxy.host}:${storeProxy.port}`;
  return {
    ...db,
    login: { ...role, host: proxy.host, port: proxy.port, password: PASSWORD, endpoint },
    inside: role.port,
    async [Symbol.asyncDispose]() {
      await storeProxy[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

function variables(
  { host, port, name, user, password, endpoint }: Login,
): Record<string, string> {
  values.add(password).add(bucket.accessKeyId).add(bucket.secretAccessKey);
  return {
    DJANGO_DB_HOST: host,
    DJANGO_DB_PORT: String(port),
    DJANGO_DB_NAME: name,
    DJANGO_DB_USER: user,
    DJANGO_DB_PASSWORD: password,
    AWS_ACCESS_KEY_ID: bucket.accessKeyId,
    AWS_SECRET_ACCESS_KEY: bucket.secretAccessKey,
    AWS_REGION: bucket.region,
    S3_ENDPOINT: endpoint,
    S3_BUCKET: bucket.bucket,
  };
}

/** Returns the bytes of a Secret's values as Latin-1; undefined if the Secret does not exist. */
async function stored(api: Api, name: string): Promise<Record<string, string> | undefined> {
  const { items } = await api.get("/api/v1/namespaces/analytics-jobs/secrets");
  const found = items.find((each: KubeObject) => each.metadata.name === name);
  if (found === undefined) return undefined;
  const data: Record<string, string> = found.data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, atob(value)]));
}

function base64(value: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(value)));
}

function secret(name: string, stringData: Record<string, string>): KubeObject {
  const metadata = { name, namespace: "analytics-jobs" };
  return { apiVersion: "v1", kind: "Secret", metadata, stringData };
}

function pick(env: Record<string, string>, ...keys: string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, env[key]!]));
}

const databaseOf = (env: Record<string, string>) =>
  pick(env, "DJANGO_DB_HOST", "DJANGO_DB_NAME", "DJANGO_DB_USER", "DJANGO_DB_PASSWORD");
const lakeOf = (env: Record<string, string>) =>
  pick(env, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_BUCKET", "S3_ENDPOINT");

clusterTest(
  "secrets: stores the values of the environment byte for byte, and logs in",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    await using db = await withPassword();
    const env = variables(db.login);
    const { code, stdout, stderr } = await secrets(["--yes"], env);
    assertEquals([code, stderr], [0, ""]);
    using api = openApi(controlPlane().admin);
    assertEquals(await stored(api, DATABASE), databaseOf(env));
    assertEquals(await stored(api, LAKE), lakeOf(env));
    const { user, host, port, name } = db.login;
    assertStringIncludes(stdout, `database  the login worked: ${user}@${host}:${port}/${name}\n`);
    assertMatch(stdout, /^lake {6}the login worked: .*secrets/m);
    assertStringIncludes(
      stdout,
      "warning: DJANGO_DB_PASSWORD ends with white space. The value is stored unchanged.\n",
    );
  },
);

clusterTest("secrets: a second run changes nothing, and logs in again", async () => {
  await bringTo(controlPlane(), [NAMESPACE]);
  await using db = await withPassword();
  const env = variables(db.login);
  assertEquals((await secrets(["--yes"], env)).code, 0);
  using api = openApi(controlPlane().admin);
  const path = "/api/v1/namespaces/analytics-jobs/secrets";
  const versions = async () =>
    (await api.get(path)).items.map(({ metadata }: KubeObject) => metadata.resourceVersion);
  const before = await versions();
  const { code, stdout } = await secrets([], env);
  assertEquals(code, 0);
  assertEquals(stdout.match(/has these values already/g)?.length, 2);
  assertEquals(stdout.match(/the login worked/g)?.length, 2);
  assertEquals(await versions(), before);
});

clusterTest("secrets --output json: prints a line for each Secret and each login", async () => {
  await bringTo(controlPlane(), [NAMESPACE]);
  await using db = await withPassword();
  const env = variables(db.login);
  const steps = async () => {
    const { code, stdout, stderr } = await secrets(["--yes", "-o", "json"], env);
    assertEquals([code, stderr], [0, ""]);
    return validLines(stdout).map(({ step, name, server, action, outcome, failure }) =>
      [step, name ?? server ?? outcome, action ?? failure].join(" ").trim()
    );
  };
  assertEquals(await steps(), [
    `secret ${DATABASE} create`,
    `secret ${LAKE} create`,
    `stored ${DATABASE}`,
    `stored ${LAKE}`,
    "login database",
    "login lake",
    "total stored",
  ]);
  assertEquals((await steps()).slice(-3), ["login database", "login lake", "total unchanged"]);
});

clusterTest("secrets: names the changed keys, and keeps other keys", async () => {
  await using db = await withPassword();
  const env = variables(db.login);
  const old = { ...databaseOf(env), DJANGO_DB_PASSWORD: "an-0ld-one", EXTRA: "3xtra" };
  values.add("an-0ld-one").add("3xtra");
  await bringTo(controlPlane(), [NAMESPACE, secret(DATABASE, old)]);
  const { code, stdout } = await secrets(["--yes", "--only", "database"], env);
  assertEquals(code, 0);
  assertStringIncludes(
    stdout,
    `~ Secret ${DATABASE}  changed: DJANGO_DB_PASSWORD; unchanged: EXTRA\n`,
  );
  using api = openApi(controlPlane().admin);
  assertEquals(await stored(api, DATABASE), { ...databaseOf(env), EXTRA: "3xtra" });
  assertEquals(await stored(api, LAKE), undefined);
});

clusterTest(
  "secrets: stores non-ASCII characters and line breaks byte for byte",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    const key = "pä😀ss\n";
    values.add(key.trim());
    const login = { host: "db.example", port: 1, name: "n", user: "u", password: key };
    const env = variables({ ...login, endpoint: "https://store.example" });
    const { code, stdout } = await secrets(["--yes", "--only", "database"], env);
    assertEquals(code, 2, "a password with a line break is never used for a login");
    assertStringIncludes(
      stdout,
      "DJANGO_DB_PASSWORD ends with a newline. The value is stored unchanged.",
    );
    using api = openApi(controlPlane().admin);
    const bytes = (await stored(api, DATABASE))!.DJANGO_DB_PASSWORD!;
    assertEquals(Uint8Array.from(bytes, (c) => c.charCodeAt(0)), new TextEncoder().encode(key));
  },
);

clusterTest("secrets: exits with 2 if a login is refused, and reports each login", async () => {
  await bringTo(controlPlane(), [NAMESPACE]);
  await using db = await withPassword();
  const env = variables(db.login);
  const password = await secrets(["--yes"], { ...env, DJANGO_DB_PASSWORD: PASSWORD.trim() });
  values.add(PASSWORD.trim());
  assertEquals(password.code, 2);
  assertMatch(password.stderr, /^database {2}the login failed\. .*password authentication failed/);
  assertMatch(password.stdout, /^lake {6}the login worked: /m);
  const key = await secrets(["--yes"], { ...env, AWS_SECRET_ACCESS_KEY: "wr0ng/key" });
  values.add("wr0ng/key");
  assertEquals(key.code, 2);
  assertMatch(key.stdout, /^database {2}the login worked: /m);
  assertMatch(key.stderr, /^lake {6}the login failed\. .*SignatureDoesNotMatch/);
});

clusterTest(
  "secrets: exits with 3 if only the cluster can reach the database, and names --port-forward",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    const nowhere = { host: "paradedb.robson.svc.cluster.local", port: 5432, name: "n", user: "u" };
    await using db = await withPassword();
    const env = variables({ ...db.login, ...nowhere, password: "unus3d" });
    const { code, stdout, stderr } = await secrets(["--yes"], env);
    assertEquals(code, 3);
    assertMatch(stderr, /^database {2}the login failed\. .*paradedb\.robson\.svc\.cluster\.local/);
    assertStringIncludes(stderr, "From outside the cluster, add --port-forward.");
    assertMatch(stdout, /^lake {6}the login worked: /m);
  },
);

clusterTest("secrets: --port-forward logs in through the cluster", async () => {
  await bringTo(controlPlane(), [NAMESPACE]);
  await using db = await withPassword();
  await using pod = await forwardedPod({ 5432: db.inside });
  using api = openApi(controlPlane().admin);
  await using _service = await serviceOf(pod, "paradedb", 5432);
  const host = `paradedb.${pod.namespace}.svc.cluster.local`;
  const env = variables({ ...db.login, host, port: 5432 });
  const { code, stdout, stderr } = await secrets(["--yes", "--port-forward"], env);
  assertEquals([code, stderr], [0, ""]);
  const { user, name } = db.login;
  assertStringIncludes(stdout, `database  the login worked: ${user}@${host}:5432/${name}\n`);
  assertEquals((await stored(api, DATABASE))?.DJANGO_DB_HOST, host);
});

clusterTest("secrets: reports wrong usage before storing anything, and exits with 2", async (t) => {
  await using db = await withPassword();
  const env = variables(db.login);
  const { DJANGO_DB_PASSWORD: _, ...without } = env;
  const cases: readonly (readonly [string, readonly string[], typeof without, RegExp])[] = [
    ["a variable is not set", ["--yes"], without, /DJANGO_DB_PASSWORD is not set\. .*--only lake/],
    [
      "there is no terminal to ask for confirmation",
      [],
      env,
      /Cannot ask "Store 2 Secrets in .* Add --yes/,
    ],
    [
      "there is no terminal to type values",
      ["--from", "prompt"],
      env,
      /Cannot ask for values: there is no terminal/,
    ],
    ...["127.0.0.1", "localhost", "127.1", "::ffff:127.0.0.1", "0.0.0.0", "db.localhost"].map((
      host,
    ) =>
      [
        `the host of the database is ${host}`,
        ["--yes"],
        { ...env, DJANGO_DB_HOST: host },
        /DJANGO_DB_HOST names a loopback host, .* --port-forward/,
      ] as const
    ),
    [
      "the host of the database has a port",
      ["--yes"],
      { ...env, DJANGO_DB_HOST: "db.example:5432" },
      /DJANGO_DB_HOST: it has a port after the host\. .* the port goes into DJANGO_DB_PORT\./,
    ],
    [
      "the endpoint of the store is a loopback host",
      ["--yes"],
      { ...env, S3_ENDPOINT: "http://[::1]:9000" },
      /S3_ENDPOINT names a loopback host, which for a pod is the pod itself/,
    ],
    ["the Secret is unknown", ["--only", "moon"], env, /both, database, lake/],
    ["the source is unknown", ["--from", "file"], env, /env, prompt/],
  ];
  await bringTo(controlPlane(), [NAMESPACE]);
  for (const [name, args, variables, says] of cases) {
    await t.step(name, async () => {
      const { code, stderr } = await secrets(args, variables);
      assertEquals(code, 2);
      assertMatch(stderr, says);
    });
  }
  await t.step("a user who may only read", async () => {
    const file = await Deno.makeTempFile();
    const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
    await Deno.writeTextFile(file, kubeconfig(reader));
    const { code, stdout, stderr } = await runTask("secrets", ["--kubeconfig", file, "--yes"], env);
    outputs.push(stdout, stderr);
    await Deno.remove(file);
    assertEquals(code, 2);
    assertMatch(stderr, /cannot patch resource "secrets"/);
    assertMatch(stdout, /Nothing was stored\.\n$/);
  });
  using api = openApi(controlPlane().admin);
  assertEquals([await stored(api, DATABASE), await stored(api, LAKE)], [undefined, undefined]);
  await t.step("the namespace does not exist", async () => {
    await bringTo(controlPlane(), []);
    const { code, stderr } = await secrets(["--yes"], env);
    assertEquals(code, 2);
    assertMatch(
      stderr,
      /namespace analytics-jobs: the namespace does not exist\. Create it with: deno task apply/,
    );
  });
});

const terminalTest = atTerminal(clusterTest);

terminalTest(
  "secrets: hides passwords and keys typed at a terminal, and stores them exactly",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    await using db = await withPassword();
    const env = variables(db.login);
    const own = pick(env, "DJANGO_DB_PORT", "AWS_REGION", "S3_ENDPOINT", "S3_BUCKET");
    const args = ["--kubeconfig", controlPlane().kubeconfig, "--from", "prompt"];
    const task = startOnTerminal("secrets", args, own);
    await task.until("DJANGO_DB_HOST [paradedb.robson.svc.cluster.local]: ");
    await task.type("127.0.0.1\r");
    await task.until("DJANGO_DB_HOST names a loopback host");
    await task.until("DJANGO_DB_HOST [paradedb.robson.svc.cluster.local]: ");
    await task.type(`${env.DJANGO_DB_HOST}\r`);
    await task.until("DJANGO_DB_NAME [rbsdb]: ");
    await task.type(`${env.DJANGO_DB_NAME}\r`);
    await task.until("DJANGO_DB_USER [robson]: ");
    await task.type(`${env.DJANGO_DB_USER}\r`);
    await task.until("DJANGO_DB_PASSWORD: ");
    await task.type("\r");
    await task.until("DJANGO_DB_PASSWORD cannot be empty.");
    await task.until("DJANGO_DB_PASSWORD: ");
    await task.type(`${PASSWORD}x\x7f\r`);
    await task.until("AWS_ACCESS_KEY_ID: ");
    // If two lines are pasted together, the second line answers the next question.
    await task.type(`${env.AWS_ACCESS_KEY_ID}\r${env.AWS_SECRET_ACCESS_KEY}\r`);
    await task.until(`S3_ENDPOINT [${env.S3_ENDPOINT}]: `);
    await task.type("\r");
    await task.until(`S3_BUCKET [${env.S3_BUCKET}]: `);
    await task.type("\r");
    await task.until("Store 2 Secrets in ");
    const lines = await task.commandLines();
    assertEquals(
      lines.filter((line) => /tasks\/main\.ts'? '?secrets/.test(line)).length,
      3,
      "all of them",
    );
    for (const value of values) {
      for (const line of lines) assert(!line.includes(value), "a value is on a command line");
    }
    await task.type("y\r");
    assertEquals(await task.outcome, { code: 0, restored: true });
    outputs.push(task.shown());
    assertEquals(task.shown().match(/the login worked/g)?.length, 2);
    using api = openApi(controlPlane().admin);
    assertEquals(await stored(api, DATABASE), databaseOf(env));
    assertEquals(await stored(api, LAKE), lakeOf(env));
  },
);

terminalTest(
  "secrets: exits with 130 on Ctrl-C at a password, stores nothing, and restores the terminal",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    const args = ["--kubeconfig", controlPlane().kubeconfig, "--from", "prompt", "--only", "lake"];
    const task = startOnTerminal("secrets", args);
    await task.until("AWS_ACCESS_KEY_ID: ");
    await task.type("half-a-k3y");
    values.add("half-a-k3y");
    await task.type("\x03");
    assertEquals(await task.outcome, { code: 130, restored: true });
    outputs.push(task.shown());
    using api = openApi(controlPlane().admin);
    assertEquals(await stored(api, LAKE), undefined);
  },
);

terminalTest(
  "secrets: exits with 130 on no and with 2 at the end of input, and stores nothing",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    await using db = await withPassword();
    const args = ["--kubeconfig", controlPlane().kubeconfig];
    const asked = startOnTerminal("secrets", args, variables(db.login));
    await asked.until("[y/N]");
    await asked.type("n\r");
    assertEquals(await asked.outcome, { code: 130, restored: true });
    const ended = startOnTerminal("secrets", [...args, "--from", "prompt", "--only", "lake"]);
    await ended.until("AWS_ACCESS_KEY_ID: ");
    await ended.type("\x04");
    assertEquals(await ended.outcome, { code: 2, restored: true });
    outputs.push(asked.shown(), ended.shown());
    assertStringIncludes(ended.shown(), "the input ended before all values were given");
    using api = openApi(controlPlane().admin);
    assertEquals([await stored(api, DATABASE), await stored(api, LAKE)], [undefined, undefined]);
  },
);

clusterTest("secrets: no output contains a value", () => {
  assert(outputs.length > 20 && values.size > 5);
  for (const output of outputs) {
    for (const value of values) {
      for (const form of [value, base64(value)]) {
        assert(!output.includes(form), `an output has ${form}: ${output}`);
      }
    }
  }
  return Promise.resolve();
});
