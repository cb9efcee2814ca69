import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { ACCESS, change, FILES, JOB, judgeFiles } from "../../healthy/manifests.ts";

const ID = "rbac";
const access = (from: string, to: string) => change(ACCESS, from, to);
const POD_VERBS = "[create, get, list, watch, delete, deletecollection]";
const named = (kind: string) =>
  `kind: ${kind}\nmetadata:\n  name: spark-jobs\n  namespace: analytics-jobs\n`;
const BINDING = named("RoleBinding");

/** A binding of the jobs' account to a role that the manifests do not declare. */
const METRICS = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: metrics, namespace: analytics-jobs }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: metrics-reader }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }]
`;

const ROLE_REF = "kind: Role\n  name: spark-jobs\nsubjects";

/** The result for the healthy manifests with another roleRef, and with more objects. */
async function judgeRole(kind: string, name: string, more = "") {
  const changed = access(ROLE_REF, `kind: ${kind}\n  name: ${name}\nsubjects`);
  return (await judgeFiles({ ...changed, "90.yaml": more })).find(({ id }) => id === ID)!;
}

for (
  const [what, kind, name, more] of [
    ["a ClusterRole of another project", "ClusterRole", "spark-operator-driver", ""],
    ["a Role that the manifests do not declare", "Role", "other", ""],
    [
      "a ClusterRole of Kubernetes whose rules the check does not have",
      "ClusterRole",
      "system:aggregate-to-edit",
      "",
    ],
    [
      "a ClusterRole that a controller completes",
      "ClusterRole",
      "all-of-spark",
      `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: all-of-spark }
aggregationRule: { clusterRoleSelectors: [{ matchLabels: { spark: "true" } }] }
rules: []
`,
    ],
  ] as const
) {
  Deno.test(`rbac is unknown without a cluster if the permissions can be in ${what}`, async () => {
    const { verdict, reason } = await judgeRole(kind, name, more);
    assertEquals(verdict, "error");
    const told =
      `the rules of ${kind} ${name} (RoleBinding analytics-jobs/spark-jobs) are not in ` +
      "the manifests, and no other role lets the service account analytics-jobs/spark-jobs create, ";
    assertStringIncludes(reason!, told);
  });
}

Deno.test("rbac is unknown if known roles lack what an unknown role can contain", async () => {
  const files = access(POD_VERBS, "[get]");
  const result = (await judgeFiles({ ...files, "90.yaml": METRICS })).find(({ id }) => id === ID)!;
  assertEquals(result.verdict, "error");
  assertStringIncludes(result.reason!, "ClusterRole metrics-reader (RoleBinding");
  assertStringIncludes(result.reason!, "create, list, watch, delete, deletecollection pods");
});

Deno.test("rbac names a ClusterRole that adds unknown permissions to known ones", async () => {
  const result = (await judgeFiles({ ...FILES, "90.yaml": METRICS })).find(({ id }) => id === ID)!;
  assertEquals(result.verdict, "pass");
  assertStringIncludes(result.unchecked!.join(), "the rules of ClusterRole metrics-reader");
});

const DELETE = "A roleRef is immutable, so first delete the binding: " +
  "kubectl -n analytics-jobs delete rolebinding spark-jobs --ignore-not-found";
const OWN_ROLE =
  "Make a Role in analytics-jobs with only the permissions that deno task explain rbac lists, and bind it";

/** A ClusterRole with more permissions than a job needs. */
const WIDE = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: platform-wide }
rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }]
`;

for (
  const [what, kind, name, more, advice] of [
    ["of another kind", "ClusterRole", "spark-jobs", "", "Write in roleRef: kind: Role"],
    ["with a misspelt name", "Role", "spark-job", "", "Write in roleRef: name: spark-jobs"],
    ["of another kind with excess permissions", "Role", "platform-wide", WIDE, OWN_ROLE],
    ["near one with excess permissions", "ClusterRole", "platform-wid", WIDE, OWN_ROLE],
  ] as const
) {
  Deno.test(`rbac fails for a role ${what}, and advises no excess`, async () => {
    const { findings: [finding] } = await judgeRole(kind, name, more);
    assertEquals(finding!.fix, `${advice}. ${DELETE}`);
    assertStringIncludes(finding!.fixInFiles!, `${advice}. A roleRef is immutable: if a cluster`);
  });
}

Deno.test("rbac never advises a Role for a ClusterRoleBinding", async () => {
  const text = FILES[ACCESS]!
    .replace(BINDING, "kind: ClusterRoleBinding\nmetadata:\n  name: spark-jobs\n")
    .replace("kind: Role\n  name: spark-jobs", "kind: ClusterRole\n  name: spark-jobs")
    .replaceAll("namespace: analytics-jobs", "namespace: default");
  const results = await judgeFiles({
    [ACCESS]: text,
    [JOB]: FILES[JOB]!
      .replaceAll("namespace: analytics-jobs", "namespace: default"),
  });
  const { findings } = results.find(({ id }) => id === ID)!;
  assert(findings.every(({ fix }) => !fix.includes("kind: Role")), JSON.stringify(findings));
});

Deno.test("rbac advises to replace a role of Kubernetes, which the API server resets", async () => {
  const { findings } = await judgeRole("ClusterRole", "view");
  const [pods] = findings;
  assertEquals(pods!.object, "RoleBinding analytics-jobs/spark-jobs");
  assertStringIncludes(pods!.problem, "cannot create, delete, deletecollection pods");
  assertStringIncludes(pods!.fix, "Bind a Role of your own instead of ClusterRole view");
  assert(findings.every(({ object }) => object !== "ClusterRole view"));
});

const SUBJECTS = "subjects:\n  - kind: ServiceAccount\n    name: ";

for (
  const [what, from, to, advice, inFiles] of [
    [
      "adds the account to the binding that exists",
      `${SUBJECTS}spark-jobs`,
      `${SUBJECTS}spark-job`,
      "Correct the subject spark-job of its binding, or add the account to the subjects: " +
      "kubectl -n analytics-jobs patch rolebinding spark-jobs --type=json -p " +
      `'[{"op":"add","path":"/subjects/-","value":{"kind":"ServiceAccount","name":"spark-jobs",` +
      `"namespace":"analytics-jobs"}}]'`,
      "append to subjects:\n- kind: ServiceAccount\n  name: spark-jobs\n  namespace: analytics-jobs",
    ],
    [
      "binds a Role that exists",
      BINDING,
      BINDING.replace("analytics-jobs", "robson"),
      "create rolebinding spark-jobs --role=spark-jobs --serviceaccount=analytics-jobs:spark-jobs",
      "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: spark-jobs\nsubjects:\n" +
      "  - kind: ServiceAccount\n    name: spark-jobs\n    namespace: analytics-jobs",
    ],
    [
      "binds no Role that lacks a permission",
      `resources: [pods]\n    verbs: ${POD_VERBS}`,
      "resources: [pods]\n    verbs: [get]",
      "Make a Role in analytics-jobs with only the permissions",
      undefined,
    ],
  ] as const
) {
  Deno.test(`the fix of rbac for an account without a role ${what}`, async () => {
    const changed = access(from, to)[ACCESS]!.replace(`${SUBJECTS}spark-jobs`, `${SUBJECTS}x`);
    const results = await judgeFiles({ ...FILES, [ACCESS]: changed });
    const { findings } = results.find(({ id }) => id === ID)!;
    const finding = findings.find(({ problem }) =>
      problem === "no role is bound to the service account spark-jobs in analytics-jobs"
    );
    assertStringIncludes(finding!.fix, advice);
    if (inFiles === undefined) assertEquals(finding!.fixInFiles, undefined);
    else assertStringIncludes(finding!.fixInFiles!, inFiles);
  });
}
