import { parseAllDocuments } from "yaml";
import type { ManifestObject } from "../../../checks/kubernetes/objects.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import type { Planned } from "../../../checks/kubernetes/apply_plan.ts";
import type { Cluster, KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { openCluster } from "../../../pipeline/cluster/open.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { carryOut, inOrder } from "../../../tasks/apply/carry_out.ts";
import { openApi } from "../../cluster/api.ts";
import { bringTo } from "../../cluster/state.ts";
import { assert, assertEquals, assertRejects } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";

function planned(kind: string, action: Planned["action"] = "create"): Planned {
  const object = readFile("a.yaml", `{ apiVersion: v1, kind: ${kind}, metadata: { name: a } }`);
  return { action, object: object.objects[0]!, differences: [] };
}

Deno.test("inOrder: namespaces come first, and kinds that create pods last", () => {
  const kinds = ["Job", "ConfigMap", "Namespace", "CronJob", "Role", "CustomResourceDefinition"];
  assertEquals(inOrder(kinds.map((kind) => planned(kind))).map(({ object }) => object.kind), [
    "Namespace",
    "CustomResourceDefinition",
    "ConfigMap",
    "Role",
    "Job",
    "CronJob",
  ]);
});

for (
  const kind of ["Pod", "Job", "CronJob", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]
) {
  Deno.test(`inOrder: the account and the Secret of a ${kind} come before the ${kind}`, () => {
    const kinds = [kind, "ServiceAccount", "Secret"];
    assertEquals(inOrder(kinds.map((each) => planned(each))).map(({ object }) => object.kind), [
      "ServiceAccount",
      "Secret",
      kind,
    ]);
  });
}

const SETUP = `
apiVersion: v1
kind: Namespace
metadata: { name: analytics-jobs }
---
apiVersion: batch/v1
kind: Job
metadata: { name: bronze, namespace: analytics-jobs }
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      nodeSelector: { there-is: none }
      containers: [{ name: driver, image: "spark:1" }]
`;

const JOB = "/apis/batch/v1/namespaces/analytics-jobs/jobs/bronze";

const CRON_JOB = `
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly, namespace: analytics-jobs }
spec:
  schedule: "0 2 * * *"
  suspend: true
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{ name: toolkit, image: "toolkit:1" }]
`;
const NIGHTLY = "/apis/batch/v1/namespaces/analytics-jobs/cronjobs/nightly";

for (
  const [when, before, after] of [
    ["after the comparison", true, false],
    ["between the last read and the write", false, true],
  ] as const
) {
  for (const suspend of [false, true]) {
    const what = suspend ? "off" : "on";
    clusterTest(`carryOut: keeps a CronJob that was switched ${what} ${when}`, async () => {
      const [namespace] = parseAllDocuments(SETUP).map((each): KubeObject => each.toJS());
      const first = CRON_JOB.replace("suspend: true", `suspend: ${!suspend}`);
      await bringTo(controlPlane(), [namespace!, parseAllDocuments(first)[0]!.toJS()]);
      const live = readFile("a.yaml", first).objects[0]!;
      // The comparison made the plan with the switch of that time.
      const object = readFile("a.yaml", first.replace("0 2", "0 3")).objects[0]!;
      using api = openApi(controlPlane().admin);
      const switchIt = async () => {
        await api.call("PATCH", NIGHTLY, { spec: { suspend } }, "application/merge-patch+json");
      };
      if (before) await switchIt();
      const cluster = await afterReading(after ? switchIt : async () => {});
      const failure = await assertRejects(
        () =>
          carryOut(cluster, [{ action: "change", object, live, differences: [] }], {
            onStart() {},
            onDone() {},
            signal: AbortSignal.timeout(300_000),
          }),
        Failure,
      );
      cluster.close();
      assert(failure.message.includes("switched on or off in the meantime"), failure.message);
      const { spec } = await api.get(NIGHTLY);
      assertEquals([spec.suspend, spec.schedule], [suspend, "0 2 * * *"]);
    });
  }
}

clusterTest("carryOut: applies a CronJob whose status changes at the same time", async () => {
  const [namespace] = parseAllDocuments(SETUP).map((each): KubeObject => each.toJS());
  const on = CRON_JOB.replace("suspend: true", "suspend: false");
  await bringTo(controlPlane(), [namespace!, parseAllDocuments(on)[0]!.toJS()]);
  const live = readFile("a.yaml", on).objects[0]!;
  const object = readFile("a.yaml", on.replace("0 2", "0 3")).objects[0]!;
  using api = openApi(controlPlane().admin);
  const cluster = await afterReading(async () => {
    const status = { lastScheduleTime: "2025-12-28T02:00:00Z" };
    await api.call("PATCH", `${NIGHTLY}/status`, { status }, "application/merge-patch+json");
  });
  await carryOut(cluster, [{ action: "change", object, live, differences: [] }], {
    onStart() {},
    onDone() {},
    signal: AbortSignal.timeout(300_000),
  });
  cluster.close();
  const { spec } = await api.get(NIGHTLY);
  assertEquals([spec.suspend, spec.schedule], [false, "0 3 * * *"]);
});

async function startIt(): Promise<void> {
  using api = openApi(controlPlane().admin);
  await api.call("PATCH", JOB, { spec: { suspend: false } }, "application/merge-patch+json");
}

/** Wraps the cluster so that something happens just after an object was read. */
async function afterReading(happens: () => Promise<void>): Promise<Cluster> {
  const files = [controlPlane().kubeconfig];
  const cluster = await openCluster({ kind: "kubeconfig", files, by: "--kubeconfig" });
  let isFirst = true;
  return {
    ...cluster,
    async get(...how) {
      const found = await cluster.get(...how);
      if (isFirst) await happens();
      isFirst = false;
      return found;
    },
  };
}

for (
  const [when, before, after] of [
    ["after the comparison", startIt, async () => {}],
    ["between the last read and the deletion", async () => {}, startIt],
  ] as const
) {
  clusterTest(`carryOut: does not delete a Job that was started ${when}`, async () => {
    const objects: KubeObject[] = parseAllDocuments(SETUP).map((each) => each.toJS());
    await bringTo(controlPlane(), objects);
    const job: ManifestObject = readFile("a.yaml", SETUP.replace("spark:1", "spark:2")).objects[1]!;
    using api = openApi(controlPlane().admin);
    const { metadata: { uid } } = await api.get(JOB);
    await before();
    const cluster = await afterReading(after);
    const done: Planned[] = [];
    const failure = await assertRejects(
      () =>
        carryOut(cluster, [{ action: "replace", object: job, differences: [] }], {
          onStart() {},
          onDone: (each) => done.push(each),
          signal: AbortSignal.timeout(300_000),
        }),
      Failure,
    );
    cluster.close();
    assertEquals([failure.kind, done.length], ["unreachable", 0]);
    assert(
      failure.message.includes("the Job was started or changed in the meantime"),
      failure.message,
    );
    const { metadata, spec } = await api.get(JOB);
    assertEquals([metadata.uid, metadata.deletionTimestamp, spec.suspend], [uid, undefined, false]);
  });
}
