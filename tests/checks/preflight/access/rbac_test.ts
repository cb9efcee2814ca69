import { assertStringIncludes } from "../../../support/assert.ts";
import { assertFound, change, FILES } from "../../healthy/manifests.ts";

const ID = "rbac";
const ROLE = "Role analytics-jobs/spark-jobs";
const access = (from: string, to: string) => change("access.yaml", from, to);
const POD_VERBS = "[create, get, list, watch, delete, deletecollection]";
const BINDING = "kind: RoleBinding\nmetadata: {name: spark-jobs, namespace: analytics-jobs}";

Deno.test("rbac fails for a right that Spark needs and has not", async () => {
  const [finding] = await assertFound(ID, access(POD_VERBS, "[create, get, list, delete]"), {
    ...{ severity: "fail", object: ROLE, field: "rules", file: "manifests/access.yaml" },
    problem: "the service account analytics-jobs/spark-jobs may not watch, deletecollection pods",
  });
  assertStringIncludes(finding!.fix, "resources: [pods], verbs: [watch, deletecollection]");
  await assertFound(ID, access("[configmaps, services,", "[services,"), {
    problem:
      "the service account analytics-jobs/spark-jobs may not create, deletecollection configmaps",
  });
  await assertFound(ID, access("resources: [pods]", "resources: [pods]\n    resourceNames: [a]"), {
    problem: "the service account analytics-jobs/spark-jobs may not create, get, list, watch, " +
      "delete, deletecollection pods",
  });
});

Deno.test("rbac fails where nothing binds the account, or binds it in vain", async () => {
  const none = "nothing gives the service account spark-jobs any rights in analytics-jobs";
  await assertFound(
    ID,
    access("- {kind: ServiceAccount, name: spark-jobs,", "- {kind: ServiceAccount, name: other,"),
    {
      ...{ object: "Job analytics-jobs/bronze", problem: none },
    },
  );
  await assertFound(ID, access(BINDING, BINDING.replace("analytics-jobs", "robson")), {
    problem: none,
  });
  await assertFound(ID, access("kind: Role, name: spark-jobs", "kind: Role, name: other"), {
    ...{ object: "RoleBinding analytics-jobs/spark-jobs", field: "roleRef" },
    problem: "there is no Role other, which it binds",
  });
});

for (
  const [name, from, to, field, problem] of [
    ["all verbs", POD_VERBS, '["*"]', "rules[0].verbs", "it allows every verb on pods"],
    [
      "all resources",
      "resources: [pods]",
      'resources: ["*"]',
      "rules[0].resources",
      "it allows everything, by resources: [*]",
    ],
    [
      "Secrets",
      "resources: [pods]",
      "resources: [pods, secrets]",
      "rules[0].resources",
      "it allows reading or changing Secrets",
    ],
    [
      "all groups",
      'apiGroups: [""]',
      'apiGroups: ["", "*"]',
      "rules[0].apiGroups",
      "it allows pods of *",
    ],
    [
      "what Spark never does",
      "resources: [pods]",
      "resources: [pods, pods/exec]",
      "rules[0].verbs",
      "it allows create pods/exec, get pods/exec, list pods/exec, watch pods/exec, delete pods/exec, deletecollection pods/exec",
    ],
  ] as const
) {
  Deno.test(`rbac fails for more than Spark needs: ${name}`, async () => {
    await assertFound(ID, access(from, to), { object: ROLE, field, problem });
  });
}

Deno.test("rbac fails for rights in the whole cluster", async () => {
  const wide = BINDING.replace("RoleBinding", "ClusterRoleBinding").replace(
    ", namespace: analytics-jobs",
    "",
  );
  const files = access(BINDING, wide);
  const text = files["access.yaml"]!.replace(
    "kind: Role\nmetadata: {name: spark-jobs, namespace: analytics-jobs}",
    "kind: ClusterRole\nmetadata: {name: spark-jobs}",
  )
    .replace("kind: Role, name", "kind: ClusterRole, name");
  await assertFound(ID, { ...files, "access.yaml": text }, {
    object: "ClusterRoleBinding spark-jobs",
    problem: "it gives its rights in every namespace of the cluster",
  });
  const bound = {
    ...FILES,
    "access.yaml": text.replace("kind: ClusterRoleBinding\nmetadata: {name: spark-jobs}", BINDING),
  };
  await assertFound(ID, bound);
});

Deno.test("rbac asks for more in cluster mode, and for nothing without executors", async () => {
  const cluster = change("job.yaml", "--driver-memory=1g", "--deploy-mode=cluster");
  const roomy = FILES["quota.yaml"]!.replace('limits.cpu: "4"', 'limits.cpu: "9"').replaceAll(
    "6Gi",
    "9Gi",
  )
    .replace('{requests.cpu: "4"', '{requests.cpu: "9"');
  const lean = FILES["access.yaml"]!.replace(
    "verbs: [create, get, list, delete, ",
    "verbs: [list, create, ",
  );
  await assertFound(ID, { ...cluster, "quota.yaml": roomy, "access.yaml": lean }, {
    problem: "the service account analytics-jobs/spark-jobs may not get configmaps",
  }, { problem: "the service account analytics-jobs/spark-jobs may not get services" });
  const local = change(
    "job.yaml",
    "--master=k8s://https://kubernetes.default.svc",
    "--master=local",
  );
  await assertFound(ID, {
    ...local,
    "access.yaml": FILES["access.yaml"]!.replace(POD_VERBS, "[get]"),
  });
});
