import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { deadPort } from "../support/dead_port.ts";
import { faultyProxy } from "../cluster/faulty_proxy.ts";
import { type Access, kubeconfig } from "../cluster/kubeconfig.ts";
import { until } from "../cluster/until.ts";
import { READS_ALL, user } from "../cluster/users.ts";
import { hasAllParts, partsTest } from "../drill/testing.ts";
import { startWorld, type World } from "../drill/world.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { runTask, startTask, type TaskOutcome, withoutRequests } from "../support/task.ts";

// Runs preflight like an operator, with every part of a real platform.

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

/** Every output of every run. The last test searches them for secrets. */
const outputs: string[] = [];

interface How {
  readonly args?: readonly string[];
  /** Time limit of each fact in seconds. A healthy server responds sooner. */
  readonly timeout?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** User of the API server. Defaults to the administrator. */
  readonly access?: Access;
}

async function howToLook({ args = [], timeout = 120, env = {}, access }: How) {
  const file = `${home}/kubeconfig`;
  if (access !== undefined) await Deno.writeTextFile(file, kubeconfig(access));
  const where = world.where.map((each) =>
    access !== undefined && each === world.cluster.kubeconfig ? file : each
  );
  const all = [...where, ...args, "--verbose", "--timeout", String(timeout)];
  return ["preflight", all, { ...world.env, HOME: home, ...env }] as const;
}

async function preflight(how: How = {}): Promise<TaskOutcome> {
  const outcome = await runTask(...await howToLook(how));
  outputs.push(outcome.stdout, outcome.stderr);
  return withoutRequests(outcome);
}

/** Returns the verdict of each check in the order of the catalog. */
function verdicts(stdout: string): Record<string, string> {
  const lines = stdout.matchAll(/^(PASS|WARN|FAIL|SKIP|ERROR) +([a-z0-9-]+) /gm);
  const all = Object.fromEntries(Array.from(lines, ([, verdict, id]) => [id!, verdict!]));
  assertEquals(Object.keys(all), PREFLIGHT.map(({ id }) => id), "a check has no line");
  return all;
}

/** Returns the checks that do not pass. */
function notPassed(stdout: string): string[] {
  return Object.entries(verdicts(stdout)).filter(([, verdict]) => verdict !== "PASS")
    .map(([id, verdict]) => `${verdict} ${id}`);
}

partsTest("preflight: passes every check on a healthy platform, and exits with 0", async () => {
  const { code, stdout, stderr } = await preflight({ args: ["--strict"] });
  assertEquals([notPassed(stdout), stderr, code], [[], "", 0]);
});

partsTest(
  "preflight: judges all but server-dry-run for a read-only user, and exits with 3",
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
  "preflight: exits with 3 at the deadline if the API server stalls in a list",
  async () => {
    const fault = { list: "networkpolicies", inTheMiddle: "stalls" } as const;
    const { plane } = world.cluster;
    await using proxy = await faultyProxy(plane, plane.admin, fault);
    const { code, stdout } = await preflight({ access: proxy.access, timeout: 30 });
    const all = verdicts(stdout);
    assertEquals([all["cluster-login"], all["egress-policy"], code], ["ERROR", "ERROR", 3]);
    assertStringIncludes(stdout, "it took longer than 30 s");
    // Checks that need no cluster are still reported.
    const others = ["manifests-readable", "parquet-void", "database-login", "lake-conformance"];
    assertEquals(others.map((id) => all[id]), others.map(() => "PASS"));
  },
);

partsTest(
  "preflight: exits with 3 if any server is stopped, and reports every other check",
  async () => {
    const dead = { ...world.cluster.plane.admin, server: `https://127.0.0.1:${deadPort()}` };
    const { images, cluster, database, lake } = {
      cluster: await preflight({ access: dead }),
      database: await preflight({ env: { DJANGO_DB_PORT: String(deadPort()) } }),
      lake: await preflight({ env: { S3_ENDPOINT: `http://127.0.0.1:${deadPort()}` } }),
      images: await withoutRegistry(),
    };
    const errors = ["table-name", "database-login", "late-writers", "lake-source"];
    assertEquals(notPassed(database.stdout), errors.map((id) => `ERROR ${id}`));
    assertEquals(notPassed(lake.stdout), [
      "ERROR lake-login",
      "ERROR lake-conformance",
      "ERROR lake-source",
    ]);
    assertEquals(notPassed(images.stdout), ["ERROR image-deps", "ERROR image-pull"]);
    assertEquals([cluster, database, lake, images].map(({ code }) => code), [3, 3, 3, 3]);
    const all = verdicts(cluster.stdout);
    assertEquals([all["cluster-login"], all["image-pull"]], ["ERROR", "ERROR"]);
    const passing = ["manifests-readable", "parquet-void", "late-writers", "lake-login"];
    assertEquals(passing.map((id) => all[id]), passing.map(() => "PASS"));
  },
);

/** Runs preflight with manifests that name an unreachable registry. */
async function withoutRegistry(): Promise<TaskOutcome> {
  const gone = world.image.ours.replace(/:\d+\//, `:${deadPort()}/`);
  for (const file of ["50-bronze-ingest.yaml", "60-silver-transform.yaml"]) {
    await world.manifests.edit(file, (text) => text.replaceAll(world.image.ours, gone));
  }
  try {
    return await preflight({ args: ["--skip", "manifest-drift=the image differs on purpose"] })
      .then((outcome) => ({
        ...outcome,
        stdout: outcome.stdout.replace(/^SKIP( +manifest-drift)/m, "PASS$1"),
      }));
  } finally {
    await world.manifests.heal();
  }
}

partsTest(
  "preflight: --credentials cluster logs in with the Secrets, and fails for a wrong one",
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
    // The database's name resolves only in the cluster, and the message suggests a way.
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

partsTest("preflight: exits at once on Ctrl-C, even if the API server never responds", async () => {
  const { plane } = world.cluster;
  await using proxy = await faultyProxy(plane, plane.admin, "silence");
  const how = await howToLook({ access: proxy.access, timeout: 600 });
  const task = startTask(...how);
  // The run has begun once the first request reaches the lake.
  await until("it looks", async () => (await world.lake.lake.list("_preflight/")).length > 0);
  task.kill("SIGINT");
  const { code, stdout, stderr } = await task.outcome;
  outputs.push(stdout, stderr);
  assertEquals(code, 130);
  assertMatch(stderr, /^Interrupted\. /m);
});

partsTest(
  "preflight: writes no secret to any output, cache, or process argument",
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
    const lines = new Set<string>();
    let over = false;
    const outcome = running.outcome.finally(() => over = true);
    while (!over) for (const line of await argumentsOfAll()) lines.add(line);
    const { stdout, stderr } = await outcome;
    const texts = [...outputs, stdout, stderr, ...lines, ...await textsIn(home)];
    assert(outputs.length > 20 && lines.size > 0);
    assert(texts.some((text) => text.includes("hadoop-aws")), "the cache is empty");
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

/** Returns the texts of all files. Skips the operator's kubeconfig, which must hold a token. */
async function textsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await textsIn(path));
    else if (name !== "kubeconfig") found.push(await Deno.readTextFile(path));
  }
  return found;
}
