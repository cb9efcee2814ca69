import type { S3Config } from "../../../pipeline/config.ts";
import { workersFor } from "../../../pipeline/parallel.ts";
import { grantsFor, type Needs } from "../../../tasks/cli/confined.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { generatedEvents } from "../../../tasks/demo/events.ts";
import { temporaryLake } from "../../support/lakes.ts";
import { outbox } from "../../support/postgres.ts";
import { startStrictS3 } from "../../support/strict_s3.ts";
import { environment, environmentOf, ROOT, runTask } from "../../support/task.ts";

const DATABASE = { host: "db.example", port: 5432, name: "rbsdb", user: "robson", password: "p" };
const BUCKET: S3Config = {
  kind: "s3",
  endpoint: "https://store.example",
  region: "us-east-1",
  bucket: "rbs",
  accessKeyId: "a",
  secretAccessKey: "s",
};

Deno.test("grantsFor: grants two hosts and no file for a bucket", () => {
  assertEquals(grantsFor({ database: DATABASE, lake: BUCKET, writes: true }), {
    net: ["db.example:5432", "store.example:443"],
    read: [],
    write: [],
  });
  const lake = { ...BUCKET, endpoint: "http://[::1]:9000" };
  assertEquals(grantsFor({ database: { ...DATABASE, host: "::1" }, lake, writes: true }).net, [
    "[::1]:5432",
    "[::1]:9000",
  ]);
});

Deno.test("grantsFor: grants only a lake's directory, by all its paths", async () => {
  const real = await Deno.realPath(await Deno.makeTempDir({ prefix: "real-" }));
  const link = `${real}-link`;
  await Deno.symlink(real, link);
  const grants = (writes: boolean) =>
    grantsFor({ lake: { kind: "directory", path: `${link}/a/lake` }, writes });
  const both = [`${link}/a/lake`, `${real}/a/lake`];
  assertEquals(grants(true), { net: [], read: both, write: both });
  assertEquals(grants(false), { net: [], read: both, write: [] });
  await Deno.remove(link);
  await Deno.remove(real);
});

/** Returns what the probe and then its parent could do, with the permissions of the task. */
async function probe(
  needs: Needs,
  order: Record<string, unknown>,
  module = "confined_probe.ts",
): Promise<string[][]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "--no-prompt",
      "-P=pipeline",
      "tests/tasks/cli/confined_parent.ts",
      module,
      JSON.stringify(needs),
      JSON.stringify(order),
    ],
    cwd: ROOT,
    clearEnv: true,
    env: environmentOf({ DJANGO_DB_PASSWORD: "hunter2" }),
  }).output();
  assertEquals(code, 7, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("runConfined: gives a worker only what it needs, and its parent nothing", async () => {
  await using lake = await temporaryLake();
  const file = `${lake.path}/file`;
  await Deno.writeTextFile(file, "");
  using allowed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [port, otherPort] = [allowed.addr.port, other.addr.port];
  const database = { ...DATABASE, host: "127.0.0.1", port };
  const order = { file, allowed: port, other: otherPort };

  const s3 = { ...BUCKET, endpoint: `http://127.0.0.1:${port}` };
  assertEquals(await probe({ database, lake: s3, writes: true }, order), [
    ["reach the granted host", "use a second thread"],
    [],
  ]);
  const directory = { kind: "directory", path: lake.path } as const;
  assertEquals(await probe({ database, lake: directory, writes: true }, order), [
    [
      "reach the granted host",
      "read the granted file",
      "write the granted file",
      "use a second thread",
    ],
    [],
  ]);
  assertEquals(await probe({ lake: directory, writes: false }, order), [
    ["read the granted file", "use a second thread"],
    [],
  ]);
});

Deno.test("grantsFor: grants an address to listen on, and the files that a flag names", () => {
  const needs = { lake: BUCKET, writes: false };
  const none = grantsFor(needs);
  const { net, read, write } = grantsFor({ ...needs, listens: "127.0.0.1:9877", files: ["/a"] });
  assertEquals(net, [...none.net, "127.0.0.1:9877"]);
  assertEquals([read, write], [[...none.read, "/a"], ["/a"]]);
});

Deno.test("grantsFor: grants the code of the pipeline to work that starts workers", async () => {
  const { read, write } = grantsFor({ lake: BUCKET, writes: true, startsWorkers: true });
  const root = await Deno.realPath(ROOT);
  for (const path of ["pipeline", "node_modules"]) assert(read.includes(`${root}/${path}`));
  assert(read.every((path) => path !== root && !path.endsWith("/manifests")));
  assertEquals(write, []);
});

Deno.test("runConfined: lets bronze copy a day in workers", async () => {
  await using db = await outbox({ events: [generatedEvents(1000)] });
  await using lake = await temporaryLake();
  const order = { database: db.config, lake: { kind: "directory", path: lake.path } } as const;
  const [steps, parent] = await probe(
    { ...order, writes: true, startsWorkers: true },
    order,
    "confined_bronze.ts",
  );
  // There is no step that reports one session.
  assertEquals(steps!.slice(0, 3), ["outbox", "fence", "snapshot"]);
  assertEquals(steps!.slice(3), ["part", "part", "part", "part", "commit"]);
  assertEquals(parent, []);
});

/** The code that bronze may read on this machine, which depends on the number of cores. */
function codeToRead(): readonly string[] {
  const startsWorkers = workersFor(navigator.hardwareConcurrency) > 0;
  return grantsFor({ lake: BUCKET, writes: true, startsWorkers }).read;
}

Deno.test("permissions: a run on a bucket keeps two hosts and no file, as --verbose prints", async () => {
  await using db = await outbox();
  const store = startStrictS3();
  const { endpoint, bucket, ...keys } = await store.createBucket("drops");
  const { LAKE_URL: _, ...env } = environment(db.config, "");
  const variables = {
    ...env,
    S3_ENDPOINT: endpoint,
    S3_BUCKET: bucket,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  };
  const hosts = [`127.0.0.1:${db.config.port}`, new URL(endpoint).host];
  const tasks: [string, string[], readonly string[]][] = [
    ["bronze", hosts, codeToRead()],
    ["silver", hosts.slice(1), []],
  ];
  for (const [task, net, read] of tasks) {
    const args = ["2025-12-28", "--verbose", "--output", "json"];
    const { code, stdout } = await runTask(task, args, variables);
    assertEquals(code, 0, stdout);
    assertMatch(stdout, /"step":"commit"/);
    const last = JSON.parse(stdout.trim().split("\n").at(-1)!);
    assertEquals([last.step, last.net, last.read, last.write, last.others], [
      "permissions",
      net,
      read,
      [],
      [],
    ]);
  }
  await store.stop();
});

Deno.test("permissions: a run on a directory keeps that directory and one host", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const args = ["2025-12-28", "--verbose", "--output", "json"];
  const { code, stdout } = await runTask("bronze", args, environment(db.config, lake.path));
  assertEquals(code, 0, stdout);
  const last = JSON.parse(stdout.trim().split("\n").at(-1)!);
  assertEquals([last.net, last.read, last.write, last.others], [
    [`127.0.0.1:${db.config.port}`],
    [lake.path, ...codeToRead()],
    [lake.path],
    [],
  ]);
});
