import type { ClusterOpened, Right } from "../../../checks/facts/cluster.ts";
import { namespacesOf } from "../../../checks/facts/cluster/access.ts";
import { actionsToReview } from "../../../checks/facts/cluster/permissions.ts";
import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { CLUSTER, judgeCluster, plus } from "../healthy/cluster.ts";
import { change, factOf, JOB } from "../healthy/manifests.ts";

// Permissions of jobs that only the cluster has, in another namespace than the project's.

const OWN = "spark.kubernetes.namespace=analytics-jobs";

/** The manifests with executors in the namespace etl. */
const MANIFESTS = factOf(change(JOB, OWN, OWN.replace("analytics-jobs", "etl")));

const bound = (kind: string, more = "") => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: { name: jobs${kind === "RoleBinding" ? ", namespace: etl" : ""} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ${
  kind === "RoleBinding" ? "Role" : "ClusterRole"
}, name: jobs }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs${more} }]
`;
const role = (kind: string) => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: { name: jobs${kind === "Role" ? ", namespace: etl" : ""} }
rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [create, get, list, watch, delete, deletecollection]
  - apiGroups: [""]
    resources: [configmaps]
    verbs: [create, deletecollection]
  - { apiGroups: [""], resources: [services], verbs: [deletecollection] }
  - { apiGroups: [""], resources: [persistentvolumeclaims], verbs: [list, deletecollection] }
`;

/** The cluster for a user who cannot ask for the rights of others. */
const { rights: _, ...SILENT } = CLUSTER;

async function rbacOf(cluster: ClusterOpened) {
  const found = (await judgeCluster(cluster, MANIFESTS)).find(({ id }) => id === "rbac")!;
  return { verdict: found.verdict, problems: found.findings.map(({ problem }) => problem), found };
}

const READ = { accessRead: ["etl"] };

Deno.test("rbac: a RoleBinding of the cluster in the namespace of the executors counts", async () => {
  const cluster = plus(`${role("Role")}---${bound("RoleBinding")}`, { ...SILENT, ...READ });
  assertEquals((await rbacOf(cluster)).problems, []);
});

Deno.test("rbac: the permissions count in the namespace of the executors", async () => {
  const narrow = role("Role").replace("create, get, list, watch, delete", "create, list, delete");
  const cluster = plus(`${narrow}---${bound("RoleBinding")}`, { ...SILENT, ...READ });
  assertEquals((await rbacOf(cluster)).problems, [
    "the service account analytics-jobs/spark-jobs cannot get, watch pods in etl",
  ]);
});

Deno.test("rbac: a ClusterRoleBinding of the cluster counts, and is too wide", async () => {
  const cluster = plus(`${role("ClusterRole")}---${bound("ClusterRoleBinding")}`, {
    ...SILENT,
    ...READ,
  });
  assertEquals((await rbacOf(cluster)).problems, [
    "it gives its rights in every namespace of the cluster",
  ]);
});

Deno.test("rbac: fails if the namespace of the executors was read and has no binding", async () => {
  assertEquals((await rbacOf({ ...SILENT, ...READ })).problems, [
    "Spark makes the job's pods in the namespace etl",
  ]);
});

Deno.test("rbac: is unknown if the user may not read the namespace of the executors", async () => {
  const { verdict, problems, found } = await rbacOf({ ...SILENT, accessRead: [] });
  assertEquals([verdict, problems], ["error", []]);
  assertStringIncludes(found.reason!, "the roles of namespace etl, in which Job analytics-jobs/");
});

Deno.test("rbac: the API server decides about a namespace that the user may not read", async () => {
  const account = { namespace: "analytics-jobs", name: "spark-jobs" };
  const answers = (allowed: boolean): readonly Right[] => [
    ...CLUSTER.rights!,
    ...actionsToReview(account, DEFAULT_PROJECT, ["etl"]).filter(({ namespace }) =>
      namespace === "etl"
    ).map((action) => ({ ...action, allowed, reason: "" })),
  ];
  const allowed = await rbacOf({ ...CLUSTER, accessRead: [], rights: answers(true) });
  assertEquals(allowed.problems, []);
  const denied = await rbacOf({ ...CLUSTER, accessRead: [], rights: answers(false) });
  assertEquals(denied.problems, ["Spark makes the job's pods in the namespace etl"]);
});

Deno.test("gatherCluster: finds the namespaces of jobs and of the settings of Spark", () => {
  const yaml = `apiVersion: batch/v1
kind: Job
metadata: { name: a, namespace: one }
spec: { template: { spec: { containers: [{ name: a, command: [spark-submit, --conf, spark.kubernetes.namespace=two] }] } } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: b, namespace: one }
data:
  spark-defaults.conf: "spark.kubernetes.namespace   three"
  job.py: 'spark.config("spark.kubernetes.namespace", "four")'
`;
  const { objects } = factOf({ "a.yaml": yaml });
  assertEquals(namespacesOf(objects, DEFAULT_PROJECT).sort(), ["four", "one", "three", "two"]);
  assert(namespacesOf(MANIFESTS.objects, DEFAULT_PROJECT).includes("etl"));
});
