import { RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { outbox } from "../../support/postgres.ts";
import { copyFolder } from "../../drill/parts/manifests.ts";
import { startStrictS3 } from "../../support/strict_s3.ts";
import { runTask, startTask } from "../../support/task.ts";
import { JOBS } from "../apply/setup.ts";
import { DAY, setStage, type Stage, untilPrinted } from "./stage.ts";

// Runs whole days with a real Postgres and an object store. The local engine does the work of the
// drivers, which the test plays.

/** A stage whose Secrets lead to a database and a bucket of the test. */
async function withServers() {
  const db = await outbox({ events: [RUNBOOK_EVENTS] });
  const store = startStrictS3();
  const bucket = await store.createBucket("lake");
  const values = {
    DJANGO_DB_HOST: db.config.host,
    DJANGO_DB_NAME: db.config.name,
    DJANGO_DB_USER: db.config.user,
    DJANGO_DB_PASSWORD: db.config.password,
    S3_ENDPOINT: bucket.endpoint,
    S3_BUCKET: bucket.bucket,
    AWS_ACCESS_KEY_ID: bucket.accessKeyId,
    AWS_SECRET_ACCESS_KEY: bucket.secretAccessKey,
  };
  const stage = await setStage({ values });
  // Neither the port nor the region is in a Secret.
  const plain = { DJANGO_DB_PORT: String(db.config.port), AWS_REGION: bucket.region };
  return {
    stage,
    values,
    plain,
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]();
      await store.stop();
      await db[Symbol.asyncDispose]();
    },
  };
}

type Servers = Awaited<ReturnType<typeof withServers>>;

/** Does the work of a driver, and writes the lines of its log that match. */
async function work(
  { stage, values, plain }: Servers,
  layer: string,
  { day = DAY, attempt = 1, lines = /^/ } = {},
): Promise<void> {
  const driver = await stage.driver(`${layer}-${DAY}-${attempt}`);
  await stage.run(driver);
  const { code, stdout } = await runTask(layer, [day], { ...values, ...plain });
  for (const line of stdout.trimEnd().split("\n")) {
    if (lines.test(line)) stage.logs.write(driver.metadata.name, line);
  }
  await stage.end(driver, code);
}

clusterTest(
  "run --engine spark: runs bronze, silver and postflight with the Secrets of the Jobs",
  async () => {
    await using servers = await withServers();
    const task = servers.stage.startWith(servers.plain, "run");
    await work(servers, "bronze");
    await work(servers, "silver");
    const { code, stdout, stderr } = await task.outcome;
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /^bronze {2}commit {6}s3:\/\/lake\/.*, sealed$/m);
    assertMatch(stdout, /^silver {2}commit {6}s3:\/\/lake\/.*, sealed$/m);
    assertMatch(stdout, /^postflight 2025-12-28: .* 0 warn, 0 fail, 0 skip, 0 error$/m);
  },
);

clusterTest("run --engine spark: postflight fails if the Jobs have stored nothing", async () => {
  await using servers = await withServers();
  const { stage } = servers;
  const task = stage.startWith(servers.plain, "run");
  for (const layer of ["bronze", "silver"]) {
    await stage.complete(await stage.driver(`${layer}-${DAY}-1`));
  }
  const { code, stdout } = await task.outcome;
  assertMatch(stdout, /^FAIL {3}bronze-committed/m);
  assertEquals(code, 1);
});

clusterTest(
  "bronze --engine spark: looks in the lake if the log does not show the result",
  async () => {
    await using servers = await withServers();
    const { stage, plain } = servers;
    const none = /^$/;
    const empty = stage.startWith(plain, "bronze");
    await stage.end(await stage.driver(`bronze-${DAY}-1`), 0);
    const { code, stdout, stderr } = await empty.outcome;
    assertEquals(code, 3, stdout);
    const login = `--kubeconfig ${controlPlane().kubeconfig} --credentials cluster`;
    assertEquals(
      stderr,
      `Cannot confirm bronze of ${DAY}: Job analytics-jobs/bronze-${DAY}-1 completed, but its log ` +
        "does not show that it stored the day, and the lake has no marker of the day. Look at the " +
        `log of the Job, and check the day: deno task status ${login}, and deno task postflight ` +
        `${login} ${DAY}\nrunbook: deno task explain run\n`,
    );
    assert(!stdout.includes("completed"), stdout);
    // A marker that is newer than the Job, without a line in the log.
    const stored = stage.startWith(plain, "bronze");
    await work(servers, "bronze", { attempt: 2, lines: none });
    assertEquals((await stored.outcome).code, 0);
    // A repeated run verifies the marker.
    const verified = stage.startWith(plain, "bronze");
    await work(servers, "bronze", { attempt: 3, lines: /^bronze +verified / });
    const repeated = await verified.outcome;
    assertEquals([repeated.code, repeated.stderr], [0, ""]);
    assertMatch(repeated.stdout, /^bronze {2}verified /m);
  },
);

clusterTest("bronze --engine spark: refuses the result of a driver of another day", async () => {
  await using servers = await withServers();
  const task = servers.stage.startWith(servers.plain, "bronze");
  await work(servers, "bronze", { day: "2025-12-27" });
  const { code, stderr } = await task.outcome;
  assertEquals(code, 3);
  assertMatch(stderr, /its driver worked on another day: s3:.*date=2025-12-27\/_commit.json\. /);
});

clusterTest("run --engine spark: starts no silver after a bronze that failed", async () => {
  await using servers = await withServers();
  const { stage } = servers;
  const task = stage.startWith(servers.plain, "run");
  const driver = await stage.driver(`bronze-${DAY}-1`);
  const message = "Cannot use DJANGO_DB_PORT=x: it is no port. Set it to 5432.";
  stage.logs.write(driver.metadata.name, message);
  await stage.end(driver, 2);
  const { code, stderr } = await task.outcome;
  assertEquals([code, stderr], [2, `${message}\n`]);
  assertEquals(await jobNames(stage), [`bronze-${DAY}-1`]);
});

clusterTest("run --engine spark --attach: follows bronze, and then does the rest", async () => {
  await using servers = await withServers();
  const { stage, plain } = servers;
  const first = stage.startWith(plain, "run");
  await stage.run(await stage.driver(`bronze-${DAY}-1`));
  first.kill("SIGINT");
  assertEquals((await first.outcome).code, 130);
  const task = startTask("run", stage.args(DAY, "--attach"), plain);
  await untilPrinted(task, "following Job analytics-jobs/bronze");
  await work(servers, "bronze");
  await work(servers, "silver");
  const { code, stdout, stderr } = await task.outcome;
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(stdout, /^bronze {2}job {9}following Job/m);
  assertMatch(stdout, /^silver {2}job {9}started Job/m);
});

clusterTest(
  "run --engine spark --attach-running: makes bronze first, also while a Job of silver runs",
  async () => {
    await using servers = await withServers();
    const { stage, plain } = servers;
    const silver = stage.startWith(plain, "silver");
    await stage.run(await stage.driver(`silver-${DAY}-1`));
    silver.kill("SIGKILL");
    await silver.outcome;
    const task = stage.startWith(plain, "run", "--attach-running");
    await work(servers, "bronze");
    // If the Job ended before the command saw it, the command would start another one.
    await untilPrinted(task, "following Job analytics-jobs/silver");
    await work(servers, "silver");
    const { code, stdout, stderr } = await task.outcome;
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /^bronze {2}job {9}started Job analytics-jobs\/bronze-2025-12-28-1$/m);
    assertMatch(stdout, /^silver {2}job {9}following Job analytics-jobs\/silver-2025-12-28-1$/m);
    assertEquals(await jobNames(stage), [`bronze-${DAY}-1`, `silver-${DAY}-1`]);
  },
);

clusterTest("run --engine spark --pending: runs the days that the lake does not have", async () => {
  await using servers = await withServers();
  const args = servers.stage.args("--pending", "--to", DAY, "--no-preflight");
  const task = startTask("run", args, servers.plain);
  await work(servers, "bronze");
  await work(servers, "silver");
  const { code, stdout, stderr } = await task.outcome;
  assertEquals([code, stderr], [0, ""], stdout);
  assertStringIncludes(stdout, `${DAY}  1 of 1: no bronze`);
  assertMatch(stdout, /^2025-12-28 {2}sealed {2}sealed {2}\d+ pass/m);
});

clusterTest(
  "bronze --engine spark: starts no Job if preflight fails, and prints its findings",
  async () => {
    const jobs = (text: string) => text.replaceAll("rbs-spark:3.5.8-phase1", "rbs-spark:latest");
    await using stage = await setStage({ jobs });
    const broken = `${stage.manifests}/50-bronze-ingest.yaml`;
    const text = await Deno.readTextFile(broken);
    await Deno.writeTextFile(broken, text.replace('cpu: "1"', "cpu: 1 core"));
    const args = stage.args(DAY, "--facts", "manifests");
    const { code, stdout, stderr } = await startTask("bronze", args).outcome;
    assertMatch(stdout, /^FAIL /m);
    assertEquals(
      stderr,
      "Cannot start bronze: preflight failed, so no Job was started. Apply the fixes above, and run " +
        "again. To leave out a check, add --skip ID=REASON; to leave out all of them, " +
        "--no-preflight.\n",
    );
    assertEquals(code, 1);
    assertEquals(await jobNames(stage), []);
  },
);

clusterTest(
  "bronze --engine spark: starts no Job if preflight cannot check everything",
  async () => {
    await using stage = await setStage();
    const args = stage.args(DAY, "--facts", "lake", "--credentials", "environment");
    const { code, stdout, stderr } = await startTask("bronze", args).outcome;
    assertMatch(stdout, /^SKIP {3}lake-login/m);
    assertStringIncludes(stderr, "preflight could not check everything, so no Job was started. ");
    assertEquals(code, 3);
    assertEquals(await jobNames(stage), []);
  },
);

for (const command of ["run", "bronze"]) {
  clusterTest(`${command} --engine spark --timeout: limits the time for each fact`, async () => {
    await using stage = await setStage();
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = silent.addr as Deno.NetAddr;
    const args = ["--facts", "database", "--credentials", "environment", "--timeout", "2"];
    const env = {
      DJANGO_DB_HOST: "127.0.0.1",
      DJANGO_DB_PORT: String(port),
      DJANGO_DB_NAME: "rbsdb",
      DJANGO_DB_USER: "robson",
      DJANGO_DB_PASSWORD: "secret",
    };
    const { code, stdout } = await runTask(command, stage.args(DAY, ...args), env);
    assertStringIncludes(stdout, "it took longer than 2 s");
    assertEquals(code, 3);
    assertEquals(await jobNames(stage), []);
  });
}

clusterTest("bronze --engine spark: starts the Job after a preflight that passes", async () => {
  await using stage = await setStage();
  const all = `${stage.manifests}/all`;
  await copyFolder(new URL("../../../manifests/", import.meta.url).pathname, all);
  for (const name of ["50-bronze-ingest.yaml", "60-silver-transform.yaml"]) {
    await Deno.rename(`${stage.manifests}/${name}`, `${all}/${name}`);
  }
  const task = startTask("bronze", stage.args(DAY, "--facts", "manifests"));
  await stage.complete(await stage.driver(`bronze-${DAY}-1`));
  const { code, stdout, stderr } = await task.outcome;
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^PASS {3}rbac /m);
  assertMatch(stdout, /^bronze {2}completed/m);
});

Deno.test("bronze: refuses the flags of the engine spark for the engine local", async () => {
  for (
    const flags of [
      ["--attach"],
      ["--attach-running"],
      ["--no-preflight"],
      ["--context", "a"],
      ["--skip", "a=b"],
      ["--timeout", "5"],
    ]
  ) {
    const { code, stderr } = await runTask("bronze", [DAY, ...flags]);
    assertEquals(code, 2);
    assertEquals(
      stderr,
      `Cannot use ${flags[0]}: it belongs to the engine spark. Add --engine spark, or leave it ` +
        "out.\n",
    );
  }
});

clusterTest(
  "run --engine spark: refuses a dry run, a lake in a directory, and a file without Jobs",
  async () => {
    const kubeconfig = ["--kubeconfig", controlPlane().kubeconfig];
    const run = (...args: string[]) =>
      runTask("run", [DAY, "--engine", "spark", "--no-preflight", ...kubeconfig, ...args], {
        LAKE_URL: "file:///tmp/lake",
        DJANGO_DB_PASSWORD: "x",
      });
    const dry = await run("--dry-run");
    assertEquals(dry.code, 2);
    assertStringIncludes(dry.stderr, "the Jobs have no dry run. ");
    const folder = await run("--credentials", "environment");
    assertEquals(folder.code, 2);
    assertStringIncludes(folder.stderr, "Cannot use LAKE_URL with --engine spark: ");
    const none = await run("--manifests", "docs");
    assertEquals(none.code, 2);
    assertStringIncludes(none.stderr, "Cannot find the Job for bronze: docs has no Job for it. ");
  },
);

async function jobNames({ api }: Stage): Promise<string[]> {
  const { items } = await api.get(JOBS);
  return items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
}
