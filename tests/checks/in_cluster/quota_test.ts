import type { ClusterOpened } from "../../../checks/facts/cluster.ts";
import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { assertOnlyIn, changed, judgeCluster, NONE, plus } from "../healthy/cluster.ts";

// A quota counts existing pods. An unrelated pod uses 250m of 6 CPUs, and 512Mi of 12G.

const QUOTA = "ResourceQuota analytics-jobs/analytics-jobs";

const using = (used: Fields, cluster?: ClusterOpened) =>
  changed(QUOTA, (value) => {
    const status = value.status as { readonly used: Fields };
    return { ...value, status: { ...status, used: { ...status.used, ...used } } };
  }, cluster);

const result = async (cluster: ClusterOpened) =>
  (await judgeCluster(cluster, NONE)).find(({ id }) => id === "quota-fit")!;

Deno.test("quota-fit: reports a job that does not fit beside current usage, with the sum", async () => {
  const { findings: [finding] } = await assertOnlyIn(
    "quota-fit",
    using({ "requests.cpu": "3500m" }),
    [
      {
        severity: "fail",
        object: "Job analytics-jobs/bronze-ingest-manual",
        problem: `requests.cpu: used 3500m + driver 1 + executor 2 = 6500m, and ${QUOTA} allows 6`,
      },
      { object: "Job analytics-jobs/silver-transform-manual" },
    ],
  );
  assertStringIncludes(finding!.fix, '{"spec":{"hard":{"requests.cpu":"6500m"}}}');
  assertEquals((await result(using({ "requests.cpu": "3" }))).verdict, "pass");
});

Deno.test("quota-fit: counts pods", async () => {
  const { findings: [finding] } = await result(using({ pods: "9" }));
  assertEquals(
    finding!.problem,
    `pods: used 9 + driver 1 + executor 1 = 11, and ${QUOTA} allows 10`,
  );
});

/** Returns a cluster with the driver and executor of the bronze job running. */
function running(): ClusterOpened {
  const pod = (name: string, requests: Fields, metadata: Fields, phase = "Running") =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "analytics-jobs", ...metadata },
      spec: { containers: [{ name: "a", resources: { requests, limits: requests } }] },
      status: { phase },
    });
  const pods = [
    pod("driver", { cpu: "1", memory: "2Gi" }, { uid: "p-1", ownerReferences: [{ uid: "job-1" }] }),
    pod("executor", { cpu: "2", memory: "2560Mi" }, { ownerReferences: [{ uid: "p-1" }] }),
    pod("failed", { cpu: "1", memory: "2Gi" }, { ownerReferences: [{ uid: "job-1" }] }, "Failed"),
  ];
  return changed("Job analytics-jobs/bronze-ingest-manual", (value) => ({
    ...value,
    metadata: { ...value.metadata as Fields, uid: "job-1" },
    status: { startTime: "2025-12-28T00:00:00Z", active: 1 },
  }), plus(pods.join("\n---\n")));
}

Deno.test("quota-fit: does not count a running job's pods twice", async () => {
  // The total usage: 3 CPUs of unrelated pods, and 3 of the job.
  const cluster = using({ "requests.cpu": "6", "limits.cpu": "6" }, running());
  const { findings } = await result(cluster);
  const of = (name: string) => findings.filter(({ object }) => object.includes(name)).length;
  assertEquals([of("bronze"), of("silver")], [0, 2]);
  assertStringIncludes(findings[0]!.problem, "used 6 + driver 1 + executor 2 = 9");
});

Deno.test("quota-fit: counts existing pods for a quota that is not applied yet", async () => {
  const fresh = changed(QUOTA, ({ status: _, ...value }) => ({
    ...value,
    spec: { hard: { "requests.cpu": "3200m" } },
  }));
  const { findings: [finding] } = await result(fresh);
  assertStringIncludes(finding!.problem, "used 250m + driver 1 + executor 2 = 3250m");
  const over = ["Succeeded", "Failed"].map((phase) =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: phase.toLowerCase(), namespace: "analytics-jobs" },
      spec: { containers: [{ name: "a", resources: { requests: { cpu: "1" } } }] },
      status: { phase },
    })
  );
  const { findings: [same] } = await result(plus(over.join("\n---\n"), fresh));
  assertEquals(same!.problem, finding!.problem, "finished pods do not count");
});

Deno.test("quota-fit: counts a live Deployment's pods as current usage", async () => {
  const resources = { requests: { cpu: "1" }, limits: { cpu: "1" } };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "proxy", namespace: "analytics-jobs" },
    spec: { replicas: 4, template: { spec: { containers: [{ name: "a", resources }] } } },
  };
  assertEquals((await result(plus(JSON.stringify(deployment)))).verdict, "pass");
});
