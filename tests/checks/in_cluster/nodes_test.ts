import type { ClusterOpened } from "../../../checks/facts/cluster.ts";
import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { poolPlatform } from "../../../checks/preflight/capacity/node_pool.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import {
  assertOnlyIn,
  changed,
  CLUSTER,
  judgeCluster,
  liveObjects,
  NONE,
  plus,
  without,
} from "../healthy/cluster.ts";

// The analytics pool as it is: analytics-1 with 4 cpu and 8Gi, and a pod of 50m on it.

const NODE = "Node analytics-1";

const spec = (changes: Fields) =>
  changed(NODE, (value) => ({ ...value, spec: { ...value.spec as Fields, ...changes } }));
const status = (changes: Fields) =>
  changed(NODE, (value) => ({ ...value, status: { ...value.status as Fields, ...changes } }));
const POOL_TAINT = { key: "robson.io/dedicated", value: "analytics", effect: "NoSchedule" };

const result = async (cluster: ClusterOpened) =>
  (await judgeCluster(cluster, NONE)).find(({ id }) => id === "node-pool")!;

const pod = (name: string, requests: Fields, more: Fields = {}) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "somewhere", ...more },
    spec: { nodeName: "analytics-1", containers: [{ name: "a", resources: { requests } }] },
    status: { phase: "Running" },
  });

Deno.test("without the label there is no pool: the node that was meant has its taint", async () => {
  const unlabelled = changed(NODE, (value) => ({ ...value, metadata: { name: "analytics-1" } }));
  await assertOnlyIn("node-pool", unlabelled, [{
    severity: "fail",
    object: NODE,
    field: "metadata.labels",
    problem: "it has the pool's taint, and no node has the label robson.io/pool=analytics",
    fix: "kubectl label node analytics-1 robson.io/pool=analytics",
  }]);
  await assertOnlyIn("node-pool", without(NODE), [{
    object: CLUSTER.name,
    problem: "no node has the label robson.io/pool=analytics; there are k3s-1",
  }]);
});

Deno.test("node-pool: a node that is not ready, or cordoned, takes no pods", async () => {
  await assertOnlyIn(
    "node-pool",
    status({
      conditions: [{ type: "Ready", status: "Unknown", reason: "NodeStatusUnknown", message: "x" }],
    }),
    [{
      severity: "fail",
      object: NODE,
      field: "status.conditions",
      problem: "it is not ready: Ready is Unknown (NodeStatusUnknown: x)",
    }],
  );
  await assertOnlyIn("node-pool", spec({ unschedulable: true }), [{
    severity: "fail",
    object: NODE,
    field: "spec.unschedulable",
    fix: "kubectl uncordon analytics-1",
  }]);
});

Deno.test("node-pool: a missing taint is a warning, with the command", async () => {
  for (const taints of [undefined, [{ ...POOL_TAINT, effect: "PreferNoSchedule" }]]) {
    await assertOnlyIn("node-pool", spec({ taints }), [{
      severity: "warn",
      object: NODE,
      field: "spec.taints",
      fix: "kubectl taint node analytics-1 robson.io/dedicated=analytics:NoSchedule",
    }]);
  }
});

Deno.test("node-pool: a taint that jobs do not tolerate is one finding, for drivers and executors together", async () => {
  const other = { key: "gpu", value: "yes", effect: "NoExecute" };
  await assertOnlyIn("node-pool", spec({ taints: [POOL_TAINT, other] }), [{
    severity: "fail",
    object: NODE,
    field: "spec.taints",
    problem: "it has the taint gpu=yes:NoExecute, which pods of the jobs do not tolerate",
    fix: "If it may run jobs: kubectl taint node analytics-1 gpu=yes:NoExecute-",
  }]);
  const pressure = { key: "node.kubernetes.io/disk-pressure", effect: "NoSchedule" };
  const { findings: [full] } = await assertOnlyIn(
    "node-pool",
    spec({ taints: [POOL_TAINT, pressure] }),
    [{}],
  );
  assertEquals(full!.fix, "Find out what is wrong with it: kubectl describe node analytics-1");
});

Deno.test("node-pool: another node of the pool that takes pods is enough", async () => {
  const second = `
apiVersion: v1
kind: Node
metadata: { name: analytics-2, labels: { robson.io/pool: analytics } }
spec: { taints: [{ key: robson.io/dedicated, value: analytics, effect: NoSchedule }] }
status:
  allocatable: { cpu: "4", memory: 8Gi, pods: "110" }
  conditions: [{ type: Ready, status: "True" }]
`;
  assertEquals((await result(plus(second, spec({ unschedulable: true })))).verdict, "pass");
  // Neither has room for both, and each for one of them.
  const tight = plus(
    second.replace('cpu: "4"', "cpu: 1500m"),
    status({
      allocatable: { cpu: "2100m", memory: "8Gi", pods: "110" },
    }),
  );
  assertEquals((await result(tight)).verdict, "pass");
  // A node counts for those only that may run on it.
  const barred = second.replace("taints: [", "taints: [{ key: gpu, effect: NoSchedule }, ");
  const small = { allocatable: { cpu: "2100m", memory: "8Gi", pods: "110" } };
  assertEquals((await result(plus(barred, status(small)))).verdict, "fail");
  const tighter = plus(
    second.replace('cpu: "4"', "cpu: 900m"),
    status({
      allocatable: { cpu: "2100m", memory: "8Gi", pods: "110" },
    }),
  );
  const { findings } = await result(tighter);
  assertEquals(findings.map(({ object }) => object), [
    "Node analytics-1, analytics-2",
    "Node analytics-1, analytics-2",
  ]);
});

Deno.test("node-pool: the pods that are on the node leave too little room, whosever they are", async () => {
  const { findings: [finding] } = await assertOnlyIn(
    "node-pool",
    plus(pod("batch", { cpu: "1", memory: "1Gi" })),
    [{ severity: "fail", object: NODE, field: "status.allocatable" }, { object: NODE }],
  );
  assertEquals(
    finding!.problem,
    "it has 2950m cpu and 7Gi memory left of 4 cpu and 8Gi memory; " +
      "Job analytics-jobs/bronze-ingest-manual needs driver 1 cpu and 2Gi memory + " +
      "executor 2 cpu and 2560Mi memory",
  );
  assertEquals((await result(plus(pod("small", { cpu: "950m", memory: "3Gi" })))).verdict, "pass");
  assertEquals((await result(plus(pod("fat", { cpu: "10m", memory: "4Gi" })))).verdict, "fail");
  const full = status({ allocatable: { cpu: "4", memory: "8Gi", pods: "2" } });
  assertEquals((await result(full)).verdict, "fail");
});

Deno.test("node-pool: overhead, sidecars and resources of a pod as a whole take room too", async () => {
  const [object] = liveObjects(pod("x", { cpu: "100m" }));
  const value = {
    ...object!.value,
    spec: { ...object!.value.spec as Fields, overhead: { cpu: "1" } },
  };
  assertEquals((await result(plus(JSON.stringify(value)))).verdict, "fail");
  const whole = { ...value.spec, overhead: undefined, resources: { requests: { cpu: "2" } } };
  assertEquals((await result(plus(JSON.stringify({ ...value, spec: whole })))).verdict, "fail");
  const sidecar = {
    ...value.spec,
    overhead: undefined,
    initContainers: [{ name: "s", restartPolicy: "Always", resources: { requests: { cpu: "1" } } }],
  };
  assertEquals((await result(plus(JSON.stringify({ ...value, spec: sidecar })))).verdict, "fail");
});

Deno.test("node-pool: what has come to its end takes no room, and neither does the job that runs already", async () => {
  const over = pod("over", { cpu: "4" }).replace("Running", "Succeeded");
  assertEquals((await result(plus(over))).verdict, "pass");
  const started = changed("Job analytics-jobs/bronze-ingest-manual", (value) => ({
    ...value,
    metadata: { ...value.metadata as Fields, uid: "job-1" },
    status: { startTime: "2025-12-28T00:00:00Z", active: 1 },
  }));
  const owner = (uid: string) => ({ namespace: "analytics-jobs", ownerReferences: [{ uid }] });
  const both = [
    pod("driver", { cpu: "1", memory: "2Gi" }, { ...owner("job-1"), uid: "pod-1" }),
    pod("executor", { cpu: "2", memory: "2560Mi" }, owner("pod-1")),
  ].join("\n---\n");
  const { findings } = await result(plus(both, started));
  // The other job has to wait for it.
  assertEquals(findings.map(({ problem }) => /; Job (\S+) /.exec(problem)![1]), [
    "analytics-jobs/silver-transform-manual",
  ]);
});

Deno.test("node-pool: who may not see all pods cannot tell that there is room, only that there is none", async () => {
  const { scheduledPods: _, ...blind } = CLUSTER;
  const { verdict, reason } = await result(blind);
  assertEquals(verdict, "error");
  assertStringIncludes(reason!, "may not list the pods of all namespaces");
  assertEquals(
    (await result({ ...spec({ unschedulable: true }), scheduledPods: undefined! })).verdict,
    "fail",
  );
});

Deno.test("node-pool: the platform of the pool is that of its ready nodes", () => {
  assertEquals(poolPlatform(CLUSTER.objects), "linux/amd64");
  const arm = { nodeInfo: { operatingSystem: "linux", architecture: "arm64" } };
  assertEquals(poolPlatform(status({ ...arm, conditions: [] }).objects), "linux/arm64");
  assertEquals(poolPlatform(without(NODE).objects), undefined);
});
