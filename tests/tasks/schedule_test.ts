import { openApi } from "../cluster/api.ts";
import { kubeconfig } from "../cluster/kubeconfig.ts";
import { bringTo } from "../cluster/state.ts";
import { READS_ALL, readsAllBut, user } from "../cluster/users.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { runTask, type TaskOutcome } from "../support/task.ts";
import { until } from "../cluster/until.ts";
import { MERGE, objectsIn } from "./apply/setup.ts";

// Runs `deno task schedule` like an operator, on a real control plane without nodes for the pods.

const MANIFESTS = new URL("../../manifests/", import.meta.url);
const OURS = objectsIn(
  ...await Promise.all(
    ["00-namespace.yaml", "70-schedule.yaml"].map((name) =>
      Deno.readTextFile(new URL(name, MANIFESTS))
    ),
  ),
);
const SECRETS = ["django-db-credentials", "contabo-s3-credentials"].map((name) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "analytics-jobs" },
}));
const CRON_JOBS = "/apis/batch/v1/namespaces/analytics-jobs/cronjobs";
const JOBS = "/apis/batch/v1/namespaces/analytics-jobs/jobs";

function schedule(...args: string[]): Promise<TaskOutcome> {
  return runTask("schedule", [...args, "--kubeconfig", controlPlane().kubeconfig]);
}

/** The names of the CronJobs that are on. */
async function on(): Promise<string[]> {
  using api = openApi(controlPlane().admin);
  const { items } = await api.get(CRON_JOBS);
  return items.filter(({ spec }: { spec: { suspend: boolean } }) => !spec.suspend)
    .map(({ metadata }: { metadata: { name: string } }) => metadata.name);
}

/** The name of a Job that nightly-run has started, or an empty text. Other CronJobs may start Jobs. */
function nightlyRun(jobs: readonly { readonly metadata: { readonly name: string } }[]): string {
  return jobs.map(({ metadata }) => metadata.name)
    .find((name) => /^nightly-run-\d+$/.test(name)) ?? "";
}

/** The objects with CronJobs that start in twelve hours, so none starts during a test. */
const FAR_HOUR = (new Date().getUTCHours() + 12) % 24;
const FAR = OURS.map((object) =>
  JSON.parse(
    JSON.stringify(object).replace('"30 1 * * *"', `"30 ${FAR_HOUR} * * *"`)
      .replace('"0 2 * * *"', `"45 ${FAR_HOUR} * * *"`),
  ) as typeof OURS[number]
);

clusterTest("schedule: switches one engine on, then the other, and off again", async () => {
  await bringTo(controlPlane(), [...FAR, ...SECRETS]);
  const shown = await schedule();
  assertEquals([shown.code, shown.stderr], [0, ""]);
  assertEquals(shown.stdout.match(/ suspended /g)?.length, 3, shown.stdout);

  const local = await schedule("on");
  assertEquals([local.code, local.stderr], [0, ""]);
  for (const [name, minute] of [["preflight", 30], ["run", 45]]) {
    const time = `${`${FAR_HOUR}`.padStart(2, "0")}:${minute}:00Z`;
    assertMatch(
      local.stdout,
      new RegExp(`^on {9}nightly-${name}, next at \\d{4}-\\d\\d-\\d\\dT${time}$`, "m"),
    );
  }
  assertEquals(await on(), ["nightly-preflight", "nightly-run"]);
  assertStringIncludes(
    (await schedule("on")).stdout,
    "nothing to do: the schedule is on for local",
  );

  const spark = await schedule("on", "--engine", "spark");
  assertEquals(spark.stdout.split("\n")[0], "suspended  nightly-run");
  assertEquals(await on(), ["nightly-preflight", "nightly-run-spark"]);

  assertEquals((await schedule("off")).code, 0);
  assertEquals(await on(), []);
  assertStringIncludes(
    (await schedule("off")).stdout,
    "nothing to do: the schedule is suspended",
  );
});

clusterTest(
  "apply: keeps the schedule as it is switched, and changes its other fields",
  async () => {
    await bringTo(controlPlane(), [...OURS, ...SECRETS]);
    assertEquals((await schedule("on")).code, 0);
    using api = openApi(controlPlane().admin);
    await api.call("PATCH", `${CRON_JOBS}/nightly-run`, { spec: { schedule: "0 5 * * *" } }, MERGE);
    const folder = await Deno.makeTempDir();
    try {
      await Deno.copyFile(new URL("70-schedule.yaml", MANIFESTS), `${folder}/70-schedule.yaml`);
      const apply = () =>
        runTask("apply", [
          ...["--manifests", folder, "--yes", "--kubeconfig", controlPlane().kubeconfig],
        ]);
      const first = await apply();
      assertEquals([first.code, first.stderr], [0, ""]);
      assertStringIncludes(first.stdout, 'spec.schedule  "0 5 * * *" -> "0 2 * * *"');
      assert(!first.stdout.includes("suspend"), first.stdout);
      assertEquals(await on(), ["nightly-preflight", "nightly-run"]);
      // The fields that apply manages are still there after a switch.
      assertEquals((await schedule("off")).code, 0);
      assertStringIncludes((await apply()).stdout, "nothing to do");
      assertEquals((await schedule("on")).code, 0);
      assertStringIncludes((await apply()).stdout, "nothing to do");
      assertEquals(await on(), ["nightly-preflight", "nightly-run"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

clusterTest("apply: does not switch a CronJob that the user may not read", async () => {
  await bringTo(controlPlane(), [...OURS, ...SECRETS]);
  assertEquals((await schedule("on")).code, 0);
  const writes = { apiGroups: ["*"], resources: ["*"], verbs: ["create", "patch", "update"] };
  const reads = await readsAllBut(controlPlane().admin, "cronjobs");
  const access = await user(controlPlane().admin, "writes-cronjobs", [...reads, writes]);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfig(access));
    const text = await Deno.readTextFile(new URL("70-schedule.yaml", MANIFESTS));
    await Deno.mkdir(`${folder}/manifests`);
    await Deno.writeTextFile(`${folder}/manifests/a.yaml`, text.replaceAll("0 2 * *", "0 3 * *"));
    const { code, stderr } = await runTask("apply", [
      ...["--manifests", `${folder}/manifests`, "--yes", "--kubeconfig", `${folder}/kubeconfig`],
    ]);
    assertEquals(code, 2);
    assertMatch(stderr, /cannot get resource "cronjobs"/);
    assertEquals(await on(), ["nightly-preflight", "nightly-run"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

clusterTest("schedule on: says that a missed start is made up for at once", async () => {
  const minute = new Date(Date.now() - 120_000);
  const missed = minute.toISOString().slice(0, 17) + "00Z";
  const soon = OURS.map((object, i) => {
    if (object.metadata.name !== "nightly-run") return FAR[i]!;
    const text = JSON.stringify(object).replaceAll('"analytics"', '"none"')
      .replace("0 2 * * *", `${minute.getUTCMinutes()} ${minute.getUTCHours()} * * *`);
    return JSON.parse(text);
  });
  await bringTo(controlPlane(), [...soon, ...SECRETS]);
  using api = openApi(controlPlane().admin);
  // As if the CronJob was there yesterday.
  const lastScheduleTime = new Date(Date.parse(missed) - 86_400_000).toISOString();
  const status = { lastScheduleTime: lastScheduleTime.replace(".000", "") };
  await api.call("PATCH", `${CRON_JOBS}/nightly-run/status`, { status }, MERGE);
  const { code, stdout } = await schedule("on");
  assertEquals(code, 0);
  assertMatch(
    stdout,
    new RegExp(`^on {9}nightly-run, starts now, because it missed ${missed}, next at `, "m"),
  );
  assertMatch(stdout, /^on {9}nightly-preflight, next at /m);
  let job = "";
  await until("Kubernetes makes up for the missed start, and notes its time", async () => {
    const { items } = await api.get(JOBS);
    job = nightlyRun(items);
    const { status } = await api.get(`${CRON_JOBS}/nightly-run`);
    return job !== "" && status.lastScheduleTime === missed;
  }, AbortSignal.timeout(180_000));
  assertEquals((await schedule("off")).code, 0);
  // The start has its Job now.
  const again = await schedule("on");
  assert(!again.stdout.includes("missed"), again.stdout);
  assertEquals((await schedule("off")).code, 0);
  await api.call("DELETE", `${JOBS}/${job}?propagationPolicy=Background`);
});

clusterTest(
  "schedule on: refuses without a Secret or a CronJob, and switches nothing",
  async () => {
    await bringTo(controlPlane(), [...OURS, SECRETS[0]!]);
    const secret = await schedule("on");
    assertEquals(secret.code, 2);
    assertStringIncludes(secret.stderr, "has no Secret contabo-s3-credentials");
    assertStringIncludes(secret.stderr, "deno task secrets");
    assertEquals(await on(), []);
    await bringTo(controlPlane(), OURS.filter(({ kind }) => kind === "Namespace"));
    const none = await schedule("on");
    assertEquals(none.code, 2);
    assertStringIncludes(none.stderr, "deno task apply");
    const status = await schedule();
    assertEquals(status.code, 0);
    assertStringIncludes(status.stdout, "deno task apply");
  },
);

clusterTest("schedule: shows the Job that runs, and how to stop it", async () => {
  // No node has the pod's label, so the Job does not end.
  const soon = OURS.map((object, i) => {
    if (object.metadata.name !== "nightly-run") return FAR[i]!;
    const text = JSON.stringify(object).replaceAll('"analytics"', '"none"')
      .replace("0 2 * * *", "* * * * *");
    return JSON.parse(text);
  });
  await bringTo(controlPlane(), [...soon, ...SECRETS]);
  assertEquals((await schedule("on")).code, 0);
  let job = "";
  using api = openApi(controlPlane().admin);
  await until("the CronJob has started a Job", async () => {
    const { items } = await api.get(JOBS);
    job = nightlyRun(items);
    return job !== "";
  }, AbortSignal.timeout(180_000));
  const { code, stdout } = await schedule("off");
  assertEquals(code, 0);
  assertStringIncludes(stdout, `kubectl -n analytics-jobs delete job ${job}`);
  assertStringIncludes((await schedule()).stdout, `kubectl -n analytics-jobs logs -f job/${job}`);
  const json = await schedule("--output", "json");
  const cronJobs = json.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const { runs, suspended, task } = cronJobs.find(({ name }) => name === "nightly-run");
  assertEquals([suspended, task, runs[0].job, runs[0].result], [true, "run", job, "running"]);
  await api.call("DELETE", `${JOBS}/${job}?propagationPolicy=Background`);
});

clusterTest("schedule on: names the permission that a user lacks", async () => {
  await bringTo(controlPlane(), [...OURS, ...SECRETS]);
  const access = await user(controlPlane().admin, "reader", [READS_ALL]);
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, kubeconfig(access));
    const { code, stderr } = await runTask("schedule", ["on", "--kubeconfig", file]);
    assertEquals(code, 2);
    assertMatch(stderr, /cannot patch resource "cronjobs"/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("schedule: refuses wrong usage", async () => {
  for (const args of [["start"], ["off", "--engine", "spark"], ["on", "--engine", "flink"]]) {
    const { code, stderr } = await runTask("schedule", args);
    assertEquals(code, 2, args.join(" "));
    assertStringIncludes(stderr, "Cannot use");
  }
});

/** The reviews that show what the service account of a scheduled run may do. */
async function may(account: string, verb: string, group: string, resource: string) {
  using api = openApi(controlPlane().admin);
  const [name, subresource] = resource.split("/");
  const { status } = await api.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: `system:serviceaccount:analytics-jobs:${account}`,
      groups: ["system:serviceaccounts", "system:authenticated"],
      resourceAttributes: { namespace: "analytics-jobs", verb, group, resource: name, subresource },
    },
  });
  return status.allowed;
}

clusterTest(
  "manifests: the account of a run with Spark may do what the run does, and nothing else",
  async () => {
    await bringTo(controlPlane(), OURS);
    const needed = [
      ["create", "batch", "jobs"],
      ["list", "batch", "jobs"],
      ["watch", "batch", "jobs"],
      ["list", "", "pods"],
      ["watch", "", "pods"],
      ["get", "", "pods/log"],
      ["list", "", "events"],
      ["watch", "", "events"],
    ] as const;
    for (const [verb, group, resource] of needed) {
      await until(`deep-storage-spark may ${verb} ${resource}`, () => {
        return may("deep-storage-spark", verb, group, resource);
      });
      assertEquals(await may("deep-storage", verb, group, resource), false, `${verb} ${resource}`);
    }
    const refused = [
      ["create", "", "pods"],
      ["get", "", "secrets"],
      ["patch", "batch", "jobs"],
      ["patch", "batch", "cronjobs"],
      ["create", "", "pods/exec"],
    ] as const;
    for (const [verb, group, resource] of refused) {
      assertEquals(await may("deep-storage-spark", verb, group, resource), false, resource);
    }
  },
);
