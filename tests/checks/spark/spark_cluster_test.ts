import type { ClusterOpened } from "../../../checks/facts/cluster.ts";
import { treeOf } from "../../../checks/facts/tree.ts";
import { judgePools } from "../../../checks/preflight/capacity/node_pool.ts";
import { judgeDemands } from "../../../checks/preflight/capacity/quota_fit.ts";
import { CLUSTER as LIVE } from "../healthy/cluster.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { factOf, FILES, IMAGE, JOB } from "../healthy/manifests.ts";
import { foundWith, preflightOf } from "./whole_preflight.ts";

/** The template of the pods of a role. */
const template = (role: string) =>
  `  ${role}Spec:
    ${role}StatefulSetSpec:
      template:
        spec:
          serviceAccountName: spark-jobs
          nodeSelector: { robson.io/pool: analytics }
          tolerations: [{ key: robson.io/dedicated, operator: Equal, value: analytics, effect: NoSchedule }]
          containers:
            - name: ${role}
              resources: { requests: { cpu: "1", memory: 1Gi }, limits: { cpu: "1", memory: 1Gi } }
`;

const YAML = `apiVersion: spark.apache.org/v1
kind: SparkCluster
metadata: { name: shared, namespace: analytics-jobs }
spec:
  runtimeVersions: { sparkVersion: 4.0.0 }
  clusterTolerations: { instanceConfig: { initWorkers: 1, minWorkers: 1, maxWorkers: 2 } }
${template("master")}${template("worker")}  sparkConf:
    spark.kubernetes.container.image: ${IMAGE}
`;

/** The healthy files without the Job. */
const OTHERS = Object.fromEntries(Object.entries(FILES).filter(([file]) => file !== JOB));

Deno.test("preflight judges a SparkCluster by the checks of jobs", async () => {
  const results = await preflightOf({ ...OTHERS, "more.yaml": YAML });
  const judged = results.filter(({ verdict }) => verdict === "pass").map(({ id }) => id);
  for (const id of ["image-deps", "quota-fit", "node-pool", "service-account"]) {
    assert(judged.includes(id), `${id} did not judge the SparkCluster`);
  }
});

Deno.test("service-account passes a SparkCluster that runs as the default account, without a token", async () => {
  const account = "serviceAccountName: spark-jobs";
  assert(YAML.includes(account));
  for (const other of ["serviceAccountName: default", "automountServiceAccountToken: false"]) {
    const found = await foundWith(YAML.replaceAll(account, other), OTHERS);
    assertEquals(found["service-account"], undefined);
  }
});

for (
  const [from, to, id, problems] of [
    [IMAGE, "ghcr.io/ldamasio/rbs-spark:latest", "image-deps", ["is not pinned"]],
    [
      `  sparkConf:\n    spark.kubernetes.container.image: ${IMAGE}\n`,
      "",
      "image-deps",
      ["apache/spark:4.0.0 is plain Spark"],
    ],
    ["maxWorkers: 2", "maxWorkers: 9", "quota-fit", [
      "requests.cpu: shared 1 + 9 × job 1 = 10",
      "limits.cpu: shared 1 + 9 × job 1 = 10",
    ]],
    [
      "nodeSelector: { robson.io/pool: analytics }",
      "nodeSelector: {}",
      "node-pool",
      ["the job can run on any node"],
    ],
    [
      "serviceAccountName: spark-jobs",
      "serviceAccountName: other",
      "service-account",
      ["there is no service account other"],
    ],
    [
      "serviceAccountName: spark-jobs",
      "volumes: [{ name: v, secret: { secretName: django-db-credentials, items: [{ key: NOT, path: a }] } }]\n          serviceAccountName: spark-jobs",
      "secret-escaping",
      ["has no key NOT"],
    ],
  ] as const
) {
  Deno.test(`${id} judges a SparkCluster: ${problems[0]}`, async () => {
    assert(YAML.includes(from));
    const found = await foundWith(YAML.replace(from, () => to), OTHERS);
    for (const problem of problems) {
      assertStringIncludes((found[id] ?? []).join("\n"), problem, JSON.stringify(found));
    }
  });
}

Deno.test("quota-fit counts the pods of a SparkCluster next to a Job", async () => {
  const found = await foundWith(YAML.replace("maxWorkers: 2", "maxWorkers: 3"));
  assertEquals(found["quota-fit"]?.[0]?.includes("shared 1 + 3 × shared 1 + driver 1"), true);
});

Deno.test("judgeDemands and judgePools count the pods of a SparkCluster that runs once", () => {
  const many = YAML.replace("maxWorkers: 2", "maxWorkers: 90");
  const tree = treeOf(factOf({ ...OTHERS, "more.yaml": many }));
  const [object] = tree.objects.filter(({ kind }) => kind === "SparkCluster");
  const judge = (cluster: ClusterOpened) =>
    [judgeDemands(tree, cluster), judgePools(tree, cluster)].map((judged) =>
      judged!.findings.filter(({ problem }) => problem.includes("90 ×")).length > 0
    );
  assertEquals(judge(LIVE), [true, true]);
  assertEquals(judge({ ...LIVE, objects: [...LIVE.objects, object!] }), [false, false]);
});
