import { BEFORE } from "../../checks/catalog.ts";
import { faultyProxy } from "../cluster/faulty_proxy.ts";
import { type Access, kubeconfig } from "../cluster/kubeconfig.ts";
import { until } from "../cluster/until.ts";
import { READS_ALL, user } from "../cluster/users.ts";
import { hasAllParts, partsTest } from "../drill/testing.ts";
import { startWorld, type World } from "../drill/world.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { runTask, startTask, type TaskOutcome } from "../support/task.ts";

// The command that an operator types before a run, with every part of the platform there, and real.

let world: World;
let home: string;
Deno.test.beforeAll(async () => {
  if (!hasAllParts) return;
  world = await startWorld();
  home = await Deno.makeTempDir({ prefix: "operator-" });
});
Deno.test.afterAll(async () => {
  if (!hasAllParts) return;
  await world[Symbol.asyncDispose]();
  await Deno.remove(home, { recursive: true });
});

/** Every output of every run, for the last test. */
const outputs: string[] = [];

interface How {
  readonly args?: readonly string[];
  /** How long each fact may take, in seconds. No server that answers takes that long. */
  readonly timeout?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Who asks the API server; its administrator unless told. */
  readonly access?: Access;
}

async function howToLook({ args = [], timeout = 120, env = {}, access }: How) {
  const file = `${home}/kubeconfig`;
  if (access !== undefined) await Deno.writeTextFile(file, kubeconfig(access));
  const where = world.where.map((each) =>
    access !== undefined && each === world.cluster.kubeconfig ? file : each
  );
  const all = [...where, ...args, "--timeout", String(timeout)];
  return ["preflight", all, { ...world.env, HOME: home, ...env }] as const;
}

async function preflight(how: How = {}): Promise<TaskOutcome> {
  const outcome = await runTask(...await howToLook(how));
  outputs.push(outcome.stdout, outcome.stderr);
  return outcome;
}

/** What each check says, in the order of the catalog. */
function verdicts(stdout: string): Record<string, string> {
  const lines = stdout.matchAll(/^(PASS|WARN|FAIL|SKIP|ERROR) +([a-z0-9-]+) /gm);
  const all = Object.fromEntries(Array.from(lines, ([, verdict, id]) => [id!, verdict!]));
  assertEquals(Object.keys(all), BEFORE.map(({ id }) => id), "a check has no line");
  return all;
}

/** The checks that do not pass. */
function notPassed(stdout: string): string[] {
  return Object.entries(verdicts(stdout)).filter(([, verdict]) => verdict !== "PASS")
    .map(([id, verdict]) => `${verdict} ${id}`);
}

function unusedPort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

partsTest("preflight: all is well: every check passes, and the exit code is 0", async () => {
  const { code, stdout, stderr } = await preflight({ args: ["--strict"] });
  assertEquals([notPassed(stdout), stderr, code], [[], "", 0]);
});

partsTest(
  "preflight: a user who may only read: all is judged but what only trying shows, and 3",
  async () => {
    const access = await user(world.cluster.plane.admin, "operator", [READS_ALL]);
    const { code, stdout } = await preflight({ access });
    assertEquals([notPassed(stdout), code], [["ERROR server-dry-run"], 3]);
    assertMatch(stdout, /server-dry-run .*cannot patch resources .*"networkpolicies"/);
    const skip = ["--skip", "server-dry-run=this user may only read"];
    const skipped = await preflight({ access, args: skip });
    assertEquals([notPassed(skipped.stdout), skipped.code], [["SKIP server-dry-run"], 0]);
  },
);

partsTest(
  "preflight: the API server stops in the middle of a list: 3 at the deadline",
  async () => {
    const fault = { list: "networkpolicies", inTheMiddle: "stalls" } as const;
    const { plane } = world.cluster;
    await using proxy = await faultyProxy(plane, plane.admin, fault);
    const { code, stdout } = await preflight({ access: proxy.access, timeout: 10 });
    const all = verdicts(stdout);
    assertEquals([all["cluster-login"], all["egress-policy"], code], ["ERROR", "ERROR", 3]);
    assertStringIncludes(stdout, "it took longer than 10 s");
    // What needs no cluster is told all the same.
    const others = ["manifests-readable", "parquet-void", "database-login", "lake-conformance"];
    assertEquals(others.map((id) => all[id]), others.map(() => "PASS"));
  },
);

partsTest(
  "preflight: a server stopped, whichever it is: 3, and every other check is reported",
  async () => {
    const dead = { ...world.cluster.plane.admin, server: `https://127.0.0.1:${unusedPort()}` };
    const { images, cluster, database, lake } = {
      cluster: await preflight({ access: dead }),
      database: await preflight({ env: { DJANGO_DB_PORT: unusedPort() } }),
      lake: await preflight({ env: { S3_ENDPOINT: `http://127.0.0.1:${unusedPort()}` } }),
      images: await withoutRegistry(),
    };
    const errors = ["table-name", "database-login", "late-writers"];
    assertEquals(notPassed(database.stdout), errors.map((id) => `ERROR ${id}`));
    assertEquals(notPassed(lake.stdout), ["ERROR lake-login", "ERROR lake-conformance"]);
    assertEquals(notPassed(images.stdout), ["ERROR image-deps", "ERROR image-pull"]);
    assertEquals([cluster, database, lake, images].map(({ code }) => code), [3, 3, 3, 3]);
    const all = verdicts(cluster.stdout);
    assertEquals([all["cluster-login"], all["image-pull"]], ["ERROR", "ERROR"]);
    const told = ["manifests-readable", "parquet-void", "late-writers", "lake-login"];
    assertEquals(told.map((id) => all[id]), told.map(() => "PASS"));
  },
);

/** The manifests as they are, but with an image of a registry that is not there. */
async function withoutRegistry(): Promise<TaskOutcome> {
  const gone = world.image.ours.replace(/:\d+\//, `:${unusedPort()}/`);
  for (const file of ["50-bronze-ingest.yaml", "60-silver-transform.yaml"]) {
    await world.manifests.edit(file, (text) => text.replaceAll(world.image.ours, gone));
  }
  try {
    return await preflight({ args: ["--skip", "manifest-drift=the image is another one"] })
      .then((outcome) => ({
        ...outcome,
        stdout: outcome.stdout.replace(/^SKIP( +manifest-drift)/m, "PASS$1"),
      }));
  } finally {
    await world.manifests.heal();
  }
}

partsTest(
  "preflight: --credentials cluster: the Secrets themselves are proven, and a wrong one fails",
  async () => {
    const look = { args: ["--credentials", "cluster", "--only", "database-login,lake-login"] };
    const env = { DJANGO_DB_PASSWORD: "", AWS_SECRET_ACCESS_KEY: "" };
    const { host, name, user, password } = world.database.config;
    const login = { DJANGO_DB_HOST: host, DJANGO_DB_NAME: name, DJANGO_DB_USER: user };
    const { endpoint, bucket, accessKeyId, secretAccessKey } = world.lake.config;
    await world.cluster.change("Secret", "contabo-s3-credentials", ({ stringData }) => {
      Object.assign(stringData, { S3_ENDPOINT: endpoint, S3_BUCKET: bucket });
      Object.assign(stringData, {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
      });
    });
    const lake = await preflight({ ...look, env });
    assertEquals(verdicts(lake.stdout)["lake-login"], "PASS");
    // Nobody outside of the cluster knows the name of its database, and the message says the way.
    assertEquals(verdicts(lake.stdout)["database-login"], "ERROR");
    assertMatch(lake.stdout, /database-login .*--port-forward/);
    for (const [given, verdict] of [[password, "PASS"], [`${password} `, "FAIL"]] as const) {
      await world.cluster.change("Secret", "django-db-credentials", ({ stringData }) => {
        Object.assign(stringData, login, { DJANGO_DB_PASSWORD: given });
      });
      const database = await preflight({ ...look, env });
      assertEquals(verdicts(database.stdout)["database-login"], verdict);
    }
    await world.cluster.heal();
  },
);

partsTest("preflight: Ctrl-C ends it at once, though the API server never answers", async () => {
  const { plane } = world.cluster;
  await using proxy = await faultyProxy(plane, plane.admin, "silence");
  const how = await howToLook({ access: proxy.access, timeout: 600 });
  const task = startTask(...how);
  // It is at work as soon as it has begun to look at the lake.
  await until("it looks", async () => (await world.lake.lake.list("_preflight/")).length > 0);
  task.kill("SIGINT");
  const { code, stdout, stderr } = await task.outcome;
  outputs.push(stdout, stderr);
  assertEquals(code, 130);
  assertMatch(stderr, /^Interrupted\. /);
});

partsTest(
  "preflight: no secret is in any output, in any cache, or among a process's arguments",
  async () => {
    const secrets = [
      world.database.config.password,
      world.lake.config.secretAccessKey,
      "drill/secret+key",
      "pass!word",
      world.image.pull.password,
      btoa(world.image.pull.password),
    ];
    const running = startTask(
      ...await howToLook({ args: ["--credentials", "cluster", "--output", "junit"] }),
    );
    const lines: string[] = [];
    let over = false;
    const outcome = running.outcome.finally(() => over = true);
    while (!over) lines.push(...await argumentsOfAll());
    const { stdout, stderr } = await outcome;
    const texts = [...outputs, stdout, stderr, ...lines, ...await textsIn(home)];
    assert(outputs.length > 20 && lines.length > 20);
    assert(texts.some((text) => text.includes("hadoop-aws")), "the cache holds nothing");
    for (const secret of secrets) {
      assert(secret.length > 3);
      for (const text of texts) {
        assert(!text.includes(secret), `a secret is in ${text.slice(0, 200)}`);
      }
    }
  },
);

async function argumentsOfAll(): Promise<string[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-ww", "-eo", "args"] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => /preflight/.test(line));
}

/** The operator's own kubeconfig holds a token, as it must. */
async function textsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await textsIn(path));
    else if (name !== "kubeconfig") found.push(await Deno.readTextFile(path));
  }
  return found;
}
