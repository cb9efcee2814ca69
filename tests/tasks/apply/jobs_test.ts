import { type Api, openApi } from "../../cluster/api.ts";
import { theNodes } from "../../cluster/setup.ts";
import { bringTo } from "../../cluster/state.ts";
import { until } from "../../cluster/until.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { runTask, startTask } from "../../support/task.ts";
import { apply, directoryOf, isGone, JOBS, MERGE, NAMESPACE, objectsIn, QUOTA } from "./setup.ts";

// Runs `deno task apply` on Jobs, which cannot be changed once they exist.

const job = (image: string, more = "") => `
apiVersion: batch/v1
kind: Job
metadata: { name: bronze, namespace: analytics-jobs${more} }
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: driver, image: "${image}" }]
`;

const imageOf = ({ spec }: { spec: { template: { spec: { containers: { image: string }[] } } } }) =>
  spec.template.spec.containers[0]!.image;

clusterTest(
  "apply: replaces a Job that was not started and has a different pod template, and reports that",
  async () => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1")));
    using api = openApi(controlPlane().admin);
    const before = await api.get(`${JOBS}/bronze`);
    await using directory = await directoryOf(NAMESPACE, job("spark:2"));
    const { code, stdout, stderr } = await apply("--yes", "--manifests", directory.path);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(
      stdout,
      /^± Job analytics-jobs\/bronze {2}is deleted and created again, because the pods of a Job cannot be changed; /m,
    );
    assertStringIncludes(
      stdout,
      '    spec.template.spec.containers[0].image  "spark:1" -> "spark:2"\n',
    );
    const after = await api.get(`${JOBS}/bronze`);
    assertEquals([imageOf(after), after.spec.suspend], ["spark:2", true]);
    assert(after.metadata.uid !== before.metadata.uid);
  },
);

clusterTest("apply: replaces a Job that was not started and has additional fields", async () => {
  const more = job("spark:1").replace("Never", "Never\n      nodeSelector: { pool: old }");
  await bringTo(controlPlane(), objectsIn(NAMESPACE, more));
  await using directory = await directoryOf(NAMESPACE, job("spark:1"));
  const how = ["--yes", "--manifests", directory.path];
  const { code, stdout } = await apply(...how);
  assertEquals(code, 0);
  assertStringIncludes(stdout, '    spec.template.spec.nodeSelector  {"pool":"old"} -> nothing\n');
  assertMatch((await apply(...how)).stdout, /^nothing to do: /m);
});

clusterTest("apply: ignores fields of other managers on a Job that was not started", async () => {
  await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1", ", labels: { by: somebody }")));
  await using directory = await directoryOf(NAMESPACE, job("spark:1"));
  const { code, stdout } = await apply("--yes", "--manifests", directory.path);
  assertEquals([code, /^nothing to do: /m.test(stdout)], [0, true], stdout);
});

/** Returns the output of apply for a Job that was started from another template and reached a state. */
async function applyToStarted(
  live: string,
  state: string,
  hasReached: (status: object) => boolean,
) {
  await using directory = await directoryOf(NAMESPACE, job("spark:2"));
  await bringTo(controlPlane(), [...await theNodes(), ...objectsIn(NAMESPACE, live)]);
  using api = openApi(controlPlane().admin);
  await api.call("PATCH", `${JOBS}/bronze`, { spec: { suspend: false } }, MERGE);
  await until(`the Job ${state}`, async () => hasReached((await api.get(`${JOBS}/bronze`)).status));
  const before = await api.get(`${JOBS}/bronze`);
  const { code, stdout, stderr } = await apply("--yes", "--manifests", directory.path);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^nothing to do: /m);
  assertEquals((await api.get(`${JOBS}/bronze`)).metadata.uid, before.metadata.uid);
  return stdout;
}

clusterTest("apply: does not change a Job that was started", async () => {
  const live = job("spark:1").replace("Never", "Never\n      nodeSelector: { there-is: none }");
  const stdout = await applyToStarted(live, "is running", (status) => "active" in status);
  assertMatch(
    stdout,
    /^= Job analytics-jobs\/bronze {2}is not changed: it has started$/m,
  );
});

clusterTest(
  "apply: does not change a finished Job, and prints how to run the Job again",
  async () => {
    const isFinished = (status: object) => "completionTime" in status;
    const stdout = await applyToStarted(job("spark:1"), "has finished", isFinished);
    assertStringIncludes(
      stdout,
      "it has finished. To run the Job again: " +
        "kubectl -n analytics-jobs delete job bronze && deno task apply --manifests ",
    );
  },
);

const HOLD = ", finalizers: [deep-storage/hold]";

/** Removes the finalizer that keeps a Job from being deleted. */
async function removeFinalizer(api: Api): Promise<void> {
  await api.call("PATCH", `${JOBS}/bronze`, { metadata: { finalizers: null } }, MERGE);
  await until("the Job is gone", () => isGone(api, `${JOBS}/bronze`));
}

clusterTest(
  "apply: exits with 3 at the timeout, and lists what was applied; the next run continues",
  async () => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1", HOLD)));
    await using directory = await directoryOf(NAMESPACE, QUOTA, job("spark:2"));
    const how = ["--yes", "--manifests", directory.path];
    const { code, stdout, stderr } = await apply(...how, "--timeout", "20");
    using api = openApi(controlPlane().admin);
    assertEquals(code, 3);
    assertStringIncludes(stderr, "it took longer than 20 s");
    assertMatch(stdout, /1 of 2 changes applied, and perhaps Job analytics-jobs\/bronze\.\n$/);
    const going = await apply(...how);
    assertEquals(going.code, 3);
    assertStringIncludes(going.stderr, "Job analytics-jobs/bronze is being deleted");
    await removeFinalizer(api);
    assertEquals((await apply(...how)).code, 0);
    assertEquals(imageOf(await api.get(`${JOBS}/bronze`)), "spark:2");
  },
);

clusterTest(
  "apply: exits with 130 at Ctrl-C, and lists what was applied; the next run continues",
  async () => {
    await bringTo(controlPlane(), objectsIn(NAMESPACE, job("spark:1", HOLD)));
    await using directory = await directoryOf(NAMESPACE, QUOTA, job("spark:2"));
    const how = ["--kubeconfig", controlPlane().kubeconfig, "--yes", "--manifests", directory.path];
    using api = openApi(controlPlane().admin);
    const task = startTask("apply", how);
    await until(
      "the Job is being removed",
      async () => (await api.get(`${JOBS}/bronze`)).metadata.deletionTimestamp !== undefined,
    );
    task.kill("SIGINT");
    const { code, stdout, stderr } = await task.outcome;
    assertEquals([code, stderr], [
      130,
      "Interrupted. apply can be stopped at any point: run it again.\n",
    ]);
    assertMatch(stdout, /1 of 2 changes applied, and perhaps Job analytics-jobs\/bronze\.\n$/);
    await removeFinalizer(api);
    const again = await runTask("apply", how);
    assertEquals(again.code, 0);
    assertMatch(again.stdout, /: 1 to create, 2 unchanged$/m);
  },
);
