import { until } from "../../cluster/until.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest } from "../../support/control_plane.ts";
import type { TaskOutcome } from "../../support/task.ts";
import { IN_JOBS, JOBS, MERGE } from "../apply/setup.ts";
import { DAY, setStage, type Stage, untilPrinted } from "./stage.ts";

// What keeps a Job from running is named, with the exit code, the page and the next step. Quota,
// scheduling, pod security, deadlines and retries are those of Kubernetes.

const JOB = `bronze-${DAY}-1`;
const PATIENCE = ["--patience", "1"];

/** Asserts that the command ended because of a fault, and that the Job stays as it is. */
async function assertFault(
  stage: Stage,
  { code, stderr }: TaskOutcome,
  expected: { readonly code?: number; readonly says: RegExp; readonly page: string },
): Promise<void> {
  assertMatch(stderr, expected.says);
  assertStringIncludes(stderr, `Cannot finish bronze of ${DAY}: `);
  assertStringIncludes(stderr, `Read deno task explain ${expected.page}. `);
  assertStringIncludes(stderr, `Job analytics-jobs/${JOB} was left as it is. `);
  assertStringIncludes(stderr, `deno task bronze ${DAY} --engine spark --attach --manifests `);
  assertStringIncludes(stderr, `kubectl -n analytics-jobs delete job ${JOB}. `);
  assertEquals(code, expected.code ?? 2);
  const { metadata } = await stage.api.get(`${JOBS}/${JOB}`);
  assertEquals([metadata.generation, metadata.deletionTimestamp], [1, undefined]);
}

/** Changes one object of a setup. */
function changed<T extends { readonly kind: string }>(kind: string, change: (object: T) => T) {
  return (objects: T[]) => objects.map((each) => each.kind === kind ? change(each) : each);
}

// deno-lint-ignore no-explicit-any
const smallQuota = changed<any>("ResourceQuota", (quota) => (
  { ...quota, spec: { hard: { ...quota.spec.hard, pods: "0" } } }
));

clusterTest("bronze --engine spark: names an exceeded quota", async () => {
  await using stage = await setStage({ objects: smallQuota });
  const outcome = await stage.start("bronze", ...PATIENCE).outcome;
  const says = /exceeded quota: analytics-jobs, requested: pods=1, used: pods=0, limited: pods=0\./;
  await assertFault(stage, outcome, { says, page: "quota-fit" });
  assertMatch(outcome.stdout, /^bronze {2}problem {5}warning: Kubernetes does not create the/m);
});

clusterTest("bronze --engine spark: continues when an exceeded quota has room again", async () => {
  await using stage = await setStage({ objects: smallQuota });
  const task = stage.start("bronze");
  await untilPrinted(task, "exceeded quota: ");
  const path = `${IN_JOBS}/resourcequotas/analytics-jobs`;
  await stage.api.call("PATCH", path, { spec: { hard: { pods: "10" } } }, MERGE);
  await stage.complete(await stage.driver(JOB));
  const { code, stdout } = await task.outcome;
  assertEquals(code, 0);
  assertStringIncludes(stdout, "exceeded quota: ");
});

clusterTest("bronze --engine spark: names the reason why no node can run the driver", async () => {
  const jobs = (text: string) => text.replace("robson.io/pool: analytics", "robson.io/pool: none");
  await using stage = await setStage({ jobs });
  const outcome = await stage.start("bronze", ...PATIENCE).outcome;
  const says = /no node can run the driver: 0\/2 nodes are available: .*node affinity\/selector/;
  await assertFault(stage, outcome, { says, page: "node-pool" });
});

clusterTest("bronze --engine spark: names a violation of pod security", async () => {
  const jobs = (text: string) => text.replace("runAsNonRoot: true", "runAsNonRoot: false");
  await using stage = await setStage({ jobs });
  const outcome = await stage.start("bronze").outcome;
  const says = /violates PodSecurity "restricted:[^"]+": runAsNonRoot != true/;
  await assertFault(stage, outcome, { says, page: "manifests-readable" });
});

clusterTest("bronze --engine spark: names a missing service account", async () => {
  const jobs = (text: string) =>
    text.replace("serviceAccountName: spark-jobs", "serviceAccountName: spark");
  await using stage = await setStage({ jobs });
  const outcome = await stage.start("bronze").outcome;
  await assertFault(stage, outcome, {
    says: /serviceaccount "spark" not found/,
    page: "service-account",
  });
});

clusterTest("bronze --engine spark: names a manifest that the API server refuses", async () => {
  const jobs = (text: string) => text.replace("backoffLimit: 2", "backofLimit: 2");
  await using stage = await setStage({ jobs });
  const { code, stderr } = await stage.start("bronze").outcome;
  assertEquals(code, 2);
  assertStringIncludes(stderr, 'unknown field "spec.backofLimit"');
});

/** Sets the reason for which the container of the driver waits. */
async function wait(stage: Stage, reason: string, message: string): Promise<void> {
  const driver = await stage.driver(JOB);
  const container = { name: "spark-driver", image: "spark:1", imageID: "", ready: false };
  const state = { waiting: { reason, message } };
  const containerStatuses = [{ ...container, restartCount: 0, state }];
  await stage.set(driver, { phase: "Pending", containerStatuses });
}

const WAITING = [
  ["InvalidImageName", 'couldn\'t parse image name "Spark"', "image-pull", [
    "the image spark:1 of the driver cannot be pulled: InvalidImageName: couldn't parse image name",
  ]],
  ["ErrImagePull", "rpc error: code = NotFound desc = ghcr.io/a/b:1: not found", "image-pull", [
    "ErrImagePull: rpc error: code = NotFound desc = ghcr.io/a/b:1: not found. Job",
  ]],
  ["ErrImagePull", "failed to do request: dial tcp: i/o timeout", "image-pull", [
    "ErrImagePull: failed to do request: dial tcp: i/o timeout. Job",
  ]],
  ["CreateContainerConfigError", 'secret "django-db-credentials" not found', "secret-escaping", [
    "the container spark-driver of the driver has no configuration: ",
    'CreateContainerConfigError: secret "django-db-credentials" not found. ',
    "deno task secrets",
  ]],
  [
    "CreateContainerConfigError",
    "couldn't find key S3_BUCKET in Secret analytics-jobs/contabo-s3-credentials",
    "secret-escaping",
    ["couldn't find key S3_BUCKET in Secret analytics-jobs/contabo-s3-credentials. "],
  ],
  ["CreateContainerConfigError", 'configmap "spark-executor-pod" not found', "manifests-readable", [
    "deno task apply",
  ]],
  ["RunContainerError", 'exec: "/opt/spark/bin/spark-submit": no such file', "run", [
    "the container spark-driver of the driver does not start: RunContainerError: exec: ",
  ]],
] as const;

for (const [reason, message, page, texts] of WAITING) {
  clusterTest(`bronze --engine spark: names ${reason}: ${message}`, async () => {
    await using stage = await setStage();
    const task = stage.start("bronze", ...PATIENCE);
    await wait(stage, reason, message);
    const outcome = await task.outcome;
    await assertFault(stage, outcome, { says: new RegExp(reason), page });
    for (const text of texts) assertStringIncludes(outcome.stderr, text);
  });
}

clusterTest("bronze --engine spark: names the cause of ImagePullBackOff", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze", ...PATIENCE);
  const message = 'Failed to pull image "spark:1": unauthorized: authentication required';
  await stage.event(await stage.driver(JOB), "Failed", message);
  await wait(stage, "ImagePullBackOff", 'Back-off pulling image "spark:1"');
  const outcome = await task.outcome;
  const says = /ImagePullBackOff: Failed to pull image "spark:1": unauthorized: authentication/;
  await assertFault(stage, outcome, { says, page: "image-pull" });
});

clusterTest("bronze --engine spark: names a volume that cannot be mounted", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze", ...PATIENCE);
  await wait(stage, "ContainerCreating", "");
  const message = 'MountVolume.SetUp failed for volume "executor-pod" : configmap not found';
  await stage.event(await stage.driver(JOB), "FailedMount", message);
  const outcome = await task.outcome;
  const says = /a volume of the driver cannot be mounted: MountVolume.SetUp failed for volume/;
  await assertFault(stage, outcome, { says, page: "manifests-readable" });
});

clusterTest("bronze --engine spark: names a suspended Job", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze", ...PATIENCE);
  await stage.driver(JOB);
  await stage.api.call("PATCH", `${JOBS}/${JOB}`, { spec: { suspend: true } }, MERGE);
  const { code, stderr } = await task.outcome;
  assertEquals(code, 2);
  assertMatch(stderr, /the Job is suspended, so it has no pod\. .*"suspend":false/);
});

clusterTest("bronze --engine spark: names a driver that needs too much memory", async () => {
  const jobs = (text: string) => text.replace("backoffLimit: 2", "backoffLimit: 0");
  await using stage = await setStage({ jobs });
  const task = stage.start("bronze");
  const driver = await stage.driver(JOB);
  await stage.run(driver);
  await stage.end(driver, 137, "OOMKilled");
  const { code, stdout, stderr } = await task.outcome;
  assertMatch(stdout, /^bronze {2}ended {7}warning: pod .* ended with exit code 137$/m);
  assertStringIncludes(
    stderr,
    `Cannot finish bronze of ${DAY}: the driver needed more memory than its limit, and was killed ` +
      "(OOMKilled). Read deno task explain run. Increase --driver-memory ",
  );
  assertEquals(code, 2);
});

clusterTest(
  "bronze --engine spark: names an executor that needs too much memory, and continues",
  async () => {
    await using stage = await setStage();
    const task = stage.start("bronze", ...PATIENCE);
    const driver = await stage.driver(JOB);
    await stage.run(driver);
    const executor = await stage.executor(driver);
    await stage.run(executor);
    await stage.end(executor, 137, "OOMKilled");
    const replaced = await stage.executor(driver);
    await stage.run(replaced);
    await stage.complete(driver);
    const { code, stdout } = await task.outcome;
    assertStringIncludes(
      stdout,
      `bronze  problem     warning: the executor ${executor.metadata.name} needed more memory than ` +
        "its limit, and was killed (OOMKilled). Read deno task explain run. Increase " +
        "spark.executor.memory ",
    );
    assertEquals(code, 0);
  },
);

clusterTest(
  "bronze --engine spark: names an executor that was killed after the driver gave up",
  async () => {
    const jobs = (text: string) => text.replace("backoffLimit: 2", "backoffLimit: 0");
    await using stage = await setStage({ jobs });
    const task = stage.start("bronze", ...PATIENCE);
    const driver = await stage.driver(JOB);
    await stage.run(driver);
    const executor = await stage.executor(driver);
    await stage.run(executor);
    await stage.end(executor, 137, "OOMKilled");
    stage.logs.write(
      driver.metadata.name,
      "Cannot finish bronze-ingest: SparkContext ended. Do c.",
    );
    await stage.end(driver, 3);
    const { code, stderr } = await task.outcome;
    assertStringIncludes(
      stderr,
      `Cannot finish bronze-ingest: SparkContext ended. Before that, the executor ` +
        `${executor.metadata.name} needed more memory than its limit, and was killed ` +
        "(OOMKilled). Read deno task explain run. Increase spark.executor.memory ",
    );
    assertEquals(code, 3);
  },
);

clusterTest("bronze --engine spark: names an executor that no node can run", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze", ...PATIENCE);
  const driver = await stage.driver(JOB);
  await stage.run(driver);
  const { metadata } = await stage.executor(driver, { nodeSelector: { "there-is": "none" } });
  const outcome = await task.outcome;
  const says = new RegExp(`no node can run the executor ${metadata.name}: 0/2 nodes are available`);
  await assertFault(stage, outcome, { says, page: "node-pool" });
});

/** What Spark prints if the API server refuses the pod of an executor. */
const REFUSED_EXECUTOR =
  "io.fabric8.kubernetes.client.KubernetesClientException: Failure executing: POST at: " +
  'https://kubernetes.default.svc/api/v1/namespaces/a/pods. Message: pods "b-exec-1" is ' +
  "forbidden: exceeded quota: analytics-jobs, requested: limits.cpu=2, used: limits.cpu=5, " +
  "limited: limits.cpu=6. Received status: Status(apiVersion=v1, code=403).";

clusterTest(
  "bronze --engine spark: does not repeat a refusal that has passed when executors end",
  async () => {
    await using stage = await setStage();
    const task = stage.start("bronze");
    const driver = await stage.driver(JOB);
    await stage.run(driver);
    await until("the command reads the log", () => Promise.resolve(stage.logs.readers() > 0));
    stage.logs.write(driver.metadata.name, REFUSED_EXECUTOR);
    await untilPrinted(task, "exceeded quota");
    const executor = await stage.executor(driver);
    await stage.run(executor);
    await stage.api.call(
      "DELETE",
      `${IN_JOBS}/pods/${executor.metadata.name}?gracePeriodSeconds=0`,
    );
    await stage.complete(driver);
    const { code, stdout } = await task.outcome;
    assertEquals(stdout.match(/exceeded quota/g)?.length, 1, stdout);
    assertEquals(code, 0);
  },
);

clusterTest("bronze --engine spark: names a quota that leaves no room for executors", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze", ...PATIENCE);
  const driver = await stage.driver(JOB);
  await stage.run(driver);
  stage.logs.write(driver.metadata.name, REFUSED_EXECUTOR);
  const outcome = await task.outcome;
  const says = /does not create a pod of an executor: .*limited: limits\.cpu=6\. Job/;
  await assertFault(stage, outcome, { says, page: "quota-fit" });
});

clusterTest(
  "bronze --engine spark: names the deadline of a Job, and what it waited for",
  async () => {
    const jobs = (text: string) =>
      text.replace("robson.io/pool: analytics", "robson.io/pool: none");
    await using stage = await setStage({ jobs });
    const task = stage.start("bronze");
    await untilPrinted(task, "no node can run the driver: ");
    const passed = { spec: { activeDeadlineSeconds: 1 } };
    await stage.api.call("PATCH", `${JOBS}/${JOB}`, passed, MERGE);
    const { code, stderr } = await task.outcome;
    assertMatch(
      stderr,
      /^Cannot finish bronze of 2025-12-28: Job analytics-jobs\/bronze-2025-12-28-1 did not end within its activeDeadlineSeconds \(1 s\): no node can run the driver: /,
    );
    assertEquals(code, 3);
  },
);

clusterTest("bronze --engine spark: names a node that is lost", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze", ...PATIENCE);
  const driver = await stage.driver(JOB);
  await stage.run(driver);
  await stage.event(driver, "NodeNotReady", "Node is not ready");
  await stage.set(driver, { conditions: [{ type: "Ready", status: "False" }] });
  const outcome = await task.outcome;
  const says = /the driver lost its node, .*: NodeNotReady: Node is not ready/;
  await assertFault(stage, outcome, { says, page: "run", code: 3 });
  assertMatch(outcome.stderr, /kubectl describe node analytics-1$/m);
});

clusterTest(
  "bronze --engine spark: names an evicted driver, and follows the next one",
  async () => {
    await using stage = await setStage();
    const task = stage.start("bronze");
    const driver = await stage.driver(JOB);
    await stage.run(driver);
    const message = "The node was low on resource: ephemeral-storage.";
    stage.logs.end(driver.metadata.name);
    await stage.set(driver, { phase: "Failed", reason: "Evicted", message });
    await stage.complete(await stage.driver(JOB, 2));
    const { code, stdout } = await task.outcome;
    assertEquals(code, 0);
    assertStringIncludes(stdout, "Evicted: The node was low on resource: ephemeral-storage. Read");
  },
);

const MESSAGE = "Cannot reach the database db: the password hunter2-x was refused. Correct it.";

for (
  const [exitCode, backoff] of [[1, "2"], [2, "2"], [3, "0"]] as const
) {
  clusterTest(
    `bronze --engine spark: a driver that ends with ${exitCode} ends the command with ${exitCode}, in its own words`,
    async () => {
      const jobs = (text: string) => text.replace("backoffLimit: 2", `backoffLimit: ${backoff}`);
      await using stage = await setStage({ jobs });
      const env = { DJANGO_DB_PASSWORD: "hunter2-x" };
      const task = stage.startWith(env, "bronze");
      const driver = await stage.driver(JOB);
      await stage.run(driver);
      stage.logs.write(driver.metadata.name, MESSAGE);
      await stage.end(driver, exitCode);
      const { code, stdout, stderr } = await task.outcome;
      assertEquals(stderr, `${MESSAGE.replace("hunter2-x", "…")}\n`);
      assertEquals(code, exitCode);
      assert(!stdout.includes("hunter2"), stdout);
    },
  );
}

clusterTest("bronze --engine spark: follows the retry of a driver that ended with 3", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze");
  const driver = await stage.driver(JOB);
  await stage.run(driver);
  stage.logs.write(driver.metadata.name, MESSAGE);
  await stage.end(driver, 3);
  await stage.complete(await stage.driver(JOB, 2));
  const { code, stdout, stderr } = await task.outcome;
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /ended {7}warning: pod .* ended with exit code 3$/m);
  assertEquals(stdout.match(/^bronze {2}scheduled/gm)?.length, 2);
});

clusterTest(
  "bronze --engine spark: without a message of the driver, the result is unknown",
  async () => {
    await using stage = await setStage();
    const task = stage.start("bronze");
    const driver = await stage.driver(JOB);
    await stage.run(driver);
    for (const line of ["Traceback (most recent call last):", "ImportError: no module"]) {
      stage.logs.write(driver.metadata.name, line);
    }
    await stage.end(driver, 1);
    const { code, stderr } = await task.outcome;
    const { name } = driver.metadata;
    assertEquals(
      stderr,
      `Cannot finish bronze of ${DAY}: the driver in pod ${name} ended with exit code 1. Its last ` +
        "lines: Traceback (most recent call last): | ImportError: no module. Read deno task explain " +
        `run, and the whole log: kubectl -n analytics-jobs logs ${name}\n`,
    );
    assertEquals(code, 3);
  },
);

clusterTest("bronze --engine spark: names a Job that was deleted", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze");
  await stage.run(await stage.driver(JOB));
  await stage.api.call("DELETE", `${JOBS}/${JOB}?propagationPolicy=Background`);
  const { code, stderr } = await task.outcome;
  assertMatch(stderr, /Job analytics-jobs\/bronze-2025-12-28-1 was deleted before it ended/);
  assertEquals(code, 3);
});
