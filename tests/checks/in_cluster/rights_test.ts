import type { ClusterOpened, Right } from "../../../checks/facts/cluster.ts";
import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import {
  assertOnlyIn,
  changed,
  CLUSTER,
  judgeCluster,
  NONE,
  plus,
  without,
} from "../healthy/cluster.ts";

// What the API server answers for the service account, and how that goes together with the roles.

const BY_ROBSON = 'RBAC: allowed by RoleBinding "spark/robson" of Role "pods" to ServiceAccount ' +
  '"spark-jobs/analytics-jobs"';

function answering(change: (right: Right) => Partial<Right>): ClusterOpened {
  return { ...CLUSTER, rights: CLUSTER.rights!.map((right) => ({ ...right, ...change(right) })) };
}

const result = async (cluster: ClusterOpened, manifests = NONE) =>
  (await judgeCluster(cluster, manifests)).find(({ id }) => id === "rbac")!;

Deno.test("rbac: what the account may do elsewhere is found, with the binding that allows it", async () => {
  const cluster = answering(({ namespace, verb }) =>
    namespace === "robson" && verb !== "*" ? { allowed: true, reason: BY_ROBSON } : {}
  );
  await assertOnlyIn("rbac", cluster, [{
    severity: "fail",
    object: "RoleBinding robson/spark",
    problem: "it lets the service account analytics-jobs/spark-jobs create pods in robson, " +
      "get secrets in robson",
    fix: "Take the account out of its subjects, or remove it: " +
      "kubectl -n robson delete rolebinding spark",
  }]);
});

Deno.test("rbac: what something else than roles allows is reported in the server's words", async () => {
  const cluster = answering(({ resource }) =>
    resource === "secrets" ? { allowed: true, reason: "webhook says so" } : {}
  );
  const { findings: [finding] } = await assertOnlyIn("rbac", cluster, [
    { severity: "fail", object: "ServiceAccount analytics-jobs/spark-jobs" },
  ]);
  assertStringIncludes(finding!.problem, "get secrets in analytics-jobs");
  assertStringIncludes(finding!.problem, ": webhook says so");
});

Deno.test("rbac: a right that the server denies in spite of the roles is missing", async () => {
  const cluster = answering(({ resource, verb }) =>
    resource === "pods" && verb === "watch" ? { allowed: false, reason: "" } : {}
  );
  await assertOnlyIn("rbac", cluster, [{
    severity: "fail",
    object: "Job analytics-jobs/bronze-ingest-manual",
    problem: "the API server does not let the service account analytics-jobs/spark-jobs watch " +
      "pods, though its roles allow it",
  }]);
});

Deno.test("rbac: a right that no role gives is there if the server says so", async () => {
  const unbound = without("RoleBinding analytics-jobs/spark-jobs");
  assertEquals((await result(unbound)).verdict, "pass");
  const silent = {
    ...unbound,
    rights: CLUSTER.rights!.map((each) => ({ ...each, allowed: false })),
  };
  assertStringIncludes((await result(silent)).findings[0]!.problem, "nothing gives the service");
});

Deno.test("rbac: what the manifests change is judged by the roles, which the server does not have yet", async () => {
  const ROLE = "Role analytics-jobs/spark-jobs";
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
  const narrow = (objects: ClusterOpened["objects"]) =>
    objects.map((each) =>
      each.kind === "Role" ? { ...each, value: { ...each.value, rules } } : each
    );
  // Narrow in the cluster, and as it should be once applied.
  const denied = answering(({ verb, allowed }) => ({ allowed: allowed && verb === "get" }));
  const before = { ...denied, objects: narrow(CLUSTER.objects) };
  const fixed = (await judgeCluster(before)).find(({ id }) => id === "rbac")!;
  assertEquals(fixed.verdict, "pass");
  // The other way round: applying would take rights away that the server still grants.
  const after = {
    ...CLUSTER,
    trials: changed(ROLE, (value: Fields) => ({ ...value, rules })).trials,
  };
  const broken = (await judgeCluster(after)).find(({ id }) => id === "rbac")!;
  assertEquals([broken.verdict, broken.findings.length], ["fail", 4]);
});

Deno.test("rbac: who may not ask the server judges by the roles, and says so", async () => {
  const { rights: _, ...silent } = CLUSTER;
  const { verdict, examined } = await result(silent);
  assertEquals(verdict, "pass");
  assertStringIncludes(examined!, "by the roles as they are stored");
  const unbound = without("RoleBinding analytics-jobs/spark-jobs", silent);
  assertStringIncludes((await result(unbound)).findings[0]!.problem, "nothing gives the service");
});

const binding = (kind: string, role: string, more = "") => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: { name: extra${kind === "RoleBinding" ? ", namespace: analytics-jobs" : ""} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${role} }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }${more}]
`;

Deno.test("rbac: a role of the cluster that was bound is one finding, at the binding", async () => {
  const { findings: [finding] } = await assertOnlyIn("rbac", plus(binding("RoleBinding", "view")), [
    { severity: "fail", object: "RoleBinding analytics-jobs/extra", field: "roleRef" },
  ], NONE);
  assertStringIncludes(finding!.problem, "deployments of apps");
  assertStringIncludes(finding!.fix, "kubectl -n analytics-jobs delete rolebinding extra");
});

Deno.test("rights in the whole cluster are one finding, whatever the server says of them", async () => {
  const reason = 'RBAC: allowed by ClusterRoleBinding "extra" of ClusterRole "cluster-admin" to ' +
    'ServiceAccount "spark-jobs/analytics-jobs"';
  const all = answering(() => ({ allowed: true, reason }));
  const admin = plus(binding("ClusterRoleBinding", "cluster-admin"), all);
  const { findings: [finding] } = await assertOnlyIn("rbac", admin, [
    {
      object: "ClusterRoleBinding extra",
      problem: "it gives its rights in every namespace of the cluster",
    },
  ]);
  assertStringIncludes(finding!.fix, "kubectl delete clusterrolebinding extra");
  const shared = plus(
    binding("ClusterRoleBinding", "cluster-admin", ", { kind: User, name: ci }"),
    all,
  );
  const { findings: [other] } = await assertOnlyIn("rbac", shared, [{}]);
  assertStringIncludes(other!.fix, "kubectl edit clusterrolebinding extra");
});

Deno.test("rbac: the account that jobs run as has to be there", async () => {
  await assertOnlyIn("service-account", without("ServiceAccount analytics-jobs/spark-jobs"), [
    { problem: "there is no service account spark-jobs in the namespace analytics-jobs" },
    { object: "Job analytics-jobs/silver-transform-manual" },
  ], NONE);
});
