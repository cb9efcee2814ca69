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

// The analytics pool of the fixture: analytics-1 with 4 CPUs and 8Gi, and a pod with 50m on it.

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

Deno.test("node-pool: reports a pool without labelled nodes, and the node with the pool's taint", async () => {
  const unlabelled = changed(NODE, (value) => ({ ...value, metadata: { name: "analytics-1" } }));
  await assertOnlyIn("node-pool", unlabelled, [{
    severity: "fail",
    object: NODE,
    field: "metadata.labels",
    problem: "it has the pool's taint, but no node has the label robson.io/pool=analytics",
    fix: "kubectl label node analytics-1 robson.io/pool=analytics",
  }]);
  await assertOnlyIn("node-pool", without(NODE), [{
    object: CLUSTER.name,
    problem: "no node has the label robson.io/pool=analytics; there are k3s-1",
  }]);
});

Deno.test("node-pool: reports a node that is not ready or is cordoned", async () => {
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

Deno.test("node-pool: warns about a missing taint, with the command", async () => {
  for (const taints of [undefined, [{ ...POOL_TAINT, effect: "PreferNoSchedule" }]]) {
    await assertOnlyIn("node-pool", spec({ taints }), [{
      severity: "warn",
      object: NODE,
      field: "spec.taints",
      fix: "kubectl taint node analytics-1 robson.io/dedicated=analytics:NoSchedule",
    }]);
  }
});

Deno.test("node-pool: reports an untolerated taint once for drivers and executors", async () => {
  const other = { key: "gpu", value: "yes", effect: "NoExecute" };
  await assertOnlyIn("node-pool", spec({ taints: [POOL_TAINT, other] }), [{
    severity: "fail",
    object: NODE,
    field: "spec.taints",
    problem: "it has the taint gpu=yes:NoExecute, which the jobs' pods do not tolerate",
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

Deno.test("node-pool: reports a node that lacks another label of the jobs' nodeSelector", async () => {
  const choosy = (cluster?: ClusterOpened) =>
    changed("Job analytics-jobs/bronze-ingest-manual", (value) => {
      const job = value.spec as { readonly template: { readonly spec: Fields } };
      const nodeSelector = { ...job.template.spec.nodeSelector as Fields, disk: "ssd" };
      const template = { ...job.template, spec: { ...job.template.spec, nodeSelector } };
      return { ...value, spec: { ...job, template } };
    }, cluster);
  const labelled = (disk: string) =>
    changed(NODE, (value) => {
      const metadata = value.metadata as { readonly labels: Fields };
      return { ...value, metadata: { ...metadata, labels: { ...metadata.labels, disk } } };
    });
  for (const cluster of [choosy(), choosy(labelled("hdd"))]) {
    const { findings } = await result(cluster);
    assertEquals(findings.map(({ object, field, problem, fix }) => [object, field, problem, fix]), [
      [
        NODE,
        "metadata.labels",
        "it has no label disk=ssd, which the jobs' pods select",
        "kubectl label node analytics-1 disk=ssd --overwrite",
      ],
    ]);
  }
  assertEquals((await result(choosy(labelled("ssd")))).verdict, "pass");
});

Deno.test("node-pool: passes if another node of the pool accepts pods", async () => {
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
  // Neither node has room for both pods, but each has room for one.
  const tight = plus(
    second.replace('cpu: "4"', "cpu: 1500m"),
    status({
      allocatable: { cpu: "2100m", memory: "8Gi", pods: "110" },
    }),
  );
  assertEquals((await result(tight)).verdict, "pass");
  // A node counts only for pods that may run on it.
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

Deno.test("node-pool: reports too little free capacity beside the pods of any owner", async () => {
  const { findings: [finding] } = await assertOnlyIn(
    "node-pool",
    plus(pod("batch", { cpu: "1", memory: "1Gi" })),
    [{ severity: "fail", object: NODE, field: "status.allocatable" }, { object: NODE }],
  );
  assertEquals(
    finding!.problem,
    "it has 2950m cpu and 7Gi memory free of 4 cpu and 8Gi memory; " +
      "Job analytics-jobs/bronze-ingest-manual needs driver 1 cpu and 2Gi memory + " +
      "executor 2 cpu and 2560Mi memory",
  );
  assertEquals((await result(plus(pod("small", { cpu: "950m", memory: "3Gi" })))).verdict, "pass");
  assertEquals((await result(plus(pod("fat", { cpu: "10m", memory: "4Gi" })))).verdict, "fail");
  const full = status({ allocatable: { cpu: "4", memory: "8Gi", pods: "2" } });
  assertEquals((await result(full)).verdict, "fail");
});

Deno.test("node-pool: counts overhead, sidecars and pod-level resources", async () => {
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

Deno.test("node-pool: does not count finished pods, nor pods of the job itself", async () => {
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
  // The other job has to wait for this job.
  assertEquals(findings.map(({ problem }) => /; Job (\S+) /.exec(problem)![1]), [
    "analytics-jobs/silver-transform-manual",
  ]);
});

Deno.test("node-pool: cannot confirm free capacity without permission to list all pods", async () => {
  const { scheduledPods: _, ...blind } = CLUSTER;
  const { verdict, reason } = await result(blind);
  assertEquals(verdict, "error");
  assertStringIncludes(reason!, "cannot list the pods of all namespaces");
  assertEquals(
    (await result({ ...spec({ unschedulable: true }), scheduledPods: undefined! })).verdict,
    "fail",
  );
});

Deno.test("node-pool: takes the pool's platform from its ready nodes", () => {
  assertEquals(poolPlatform(CLUSTER.objects), "linux/amd64");
  const arm = { nodeInfo: { operatingSystem: "linux", architecture: "arm64" } };
  assertEquals(poolPlatform(status({ ...arm, conditions: [] }).objects), "linux/arm64");
  assertEquals(poolPlatform(without(NODE).objects), undefined);
});
