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

// The rights of the service account by the API server's answers and by the roles.

const BY_ROBSON = 'RBAC: allowed by RoleBinding "spark/robson" of Role "pods" to ServiceAccount ' +
  '"spark-jobs/analytics-jobs"';

function answering(change: (right: Right) => Partial<Right>): ClusterOpened {
  return { ...CLUSTER, rights: CLUSTER.rights!.map((right) => ({ ...right, ...change(right) })) };
}

const result = async (cluster: ClusterOpened, manifests = NONE) =>
  (await judgeCluster(cluster, manifests)).find(({ id }) => id === "rbac")!;

Deno.test("rbac: reports rights in other namespaces, with the binding that grants them", async () => {
  const cluster = answering(({ namespace, verb }) =>
    namespace === "robson" && verb !== "*" ? { allowed: true, reason: BY_ROBSON } : {}
  );
  await assertOnlyIn("rbac", cluster, [{
    severity: "fail",
    object: "RoleBinding robson/spark",
    problem: "it lets the service account analytics-jobs/spark-jobs create pods in robson, " +
      "get secrets in robson",
    fix: "Remove the account from its subjects, or delete it: " +
      "kubectl -n robson delete rolebinding spark",
  }]);
});

Deno.test("rbac: quotes the server's reason for rights that no role grants", async () => {
  const cluster = answering(({ resource }) =>
    resource === "secrets" ? { allowed: true, reason: "webhook says so" } : {}
  );
  const { findings: [finding] } = await assertOnlyIn("rbac", cluster, [
    { severity: "fail", object: "ServiceAccount analytics-jobs/spark-jobs" },
  ]);
  assertStringIncludes(finding!.problem, "get secrets in analytics-jobs");
  assertStringIncludes(finding!.problem, ": webhook says so");
});

Deno.test("rbac: reports a right that the server denies although a role grants it", async () => {
  const cluster = answering(({ resource, verb }) =>
    resource === "pods" && verb === "watch" ? { allowed: false, reason: "" } : {}
  );
  await assertOnlyIn("rbac", cluster, [{
    severity: "fail",
    object: "Job analytics-jobs/bronze-ingest-manual",
    problem:
      "the API server does not allow the service account analytics-jobs/spark-jobs to watch " +
      "pods, although its roles allow it",
  }]);
});

Deno.test("rbac: accepts a right that only the server reports", async () => {
  const unbound = without("RoleBinding analytics-jobs/spark-jobs");
  assertEquals((await result(unbound)).verdict, "pass");
  const silent = {
    ...unbound,
    rights: CLUSTER.rights!.map((each) => ({ ...each, allowed: false })),
  };
  assertStringIncludes(
    (await result(silent)).findings[0]!.problem,
    "no role is bound to the service",
  );
});

Deno.test("rbac: judges changes in the manifests by the roles, which the server does not have yet", async () => {
  const ROLE = "Role analytics-jobs/spark-jobs";
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
  const narrow = (objects: ClusterOpened["objects"]) =>
    objects.map((each) =>
      each.kind === "Role" ? { ...each, value: { ...each.value, rules } } : each
    );
  // The roles are too narrow in the cluster, and correct once applied.
  const denied = answering(({ verb, allowed }) => ({ allowed: allowed && verb === "get" }));
  const before = { ...denied, objects: narrow(CLUSTER.objects) };
  const fixed = (await judgeCluster(before)).find(({ id }) => id === "rbac")!;
  assertEquals(fixed.verdict, "pass");
  // The reverse: applying the manifests would remove rights that the server still grants.
  const after = {
    ...CLUSTER,
    trials: changed(ROLE, (value: Fields) => ({ ...value, rules })).trials,
  };
  const broken = (await judgeCluster(after)).find(({ id }) => id === "rbac")!;
  assertEquals([broken.verdict, broken.findings.length], ["fail", 4]);
});

Deno.test("rbac: judges by the roles without permission to ask the server, and reports that", async () => {
  const { rights: _, ...silent } = CLUSTER;
  const { verdict, examined } = await result(silent);
  assertEquals(verdict, "pass");
  assertStringIncludes(examined!, "by the stored roles only");
  const unbound = without("RoleBinding analytics-jobs/spark-jobs", silent);
  assertStringIncludes(
    (await result(unbound)).findings[0]!.problem,
    "no role is bound to the service",
  );
});

const binding = (kind: string, role: string, more = "") => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: { name: extra${kind === "RoleBinding" ? ", namespace: analytics-jobs" : ""} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${role} }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }${more}]
`;

Deno.test("rbac: reports a bound ClusterRole once, at the binding", async () => {
  const { findings: [finding] } = await assertOnlyIn("rbac", plus(binding("RoleBinding", "view")), [
    { severity: "fail", object: "RoleBinding analytics-jobs/extra", field: "roleRef" },
  ], NONE);
  assertStringIncludes(finding!.problem, "deployments of apps");
  assertStringIncludes(
    finding!.fix,
    "Bind to the account a Role with only the permissions that deno task explain rbac lists, and " +
      "delete this binding: kubectl -n analytics-jobs delete rolebinding extra",
  );
});

Deno.test("rbac: no fix takes a shared role or binding from the other subjects", async () => {
  const shared = plus(binding("RoleBinding", "view", ", { kind: Group, name: developers }"));
  const found = await result(shared);
  assertStringIncludes(
    found.findings[0]!.fix,
    "remove the account from the subjects of the shared binding: kubectl -n analytics-jobs edit " +
      "rolebinding extra",
  );
  assertEquals(found.findings.filter(({ fix }) => /\bdelete\b/.test(fix)), []);
});

Deno.test("rbac: reports cluster-wide rights once, whatever the server's reason", async () => {
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

Deno.test("rbac: requires the jobs' service account", async () => {
  await assertOnlyIn("service-account", without("ServiceAccount analytics-jobs/spark-jobs"), [
    { problem: "there is no service account spark-jobs in the namespace analytics-jobs" },
    { object: "Job analytics-jobs/silver-transform-manual" },
  ], NONE);
});
