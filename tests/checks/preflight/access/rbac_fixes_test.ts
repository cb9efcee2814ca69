import { assertEquals, assertMatch, assertStringIncludes } from "../../../support/assert.ts";
import { ACCESS, assertFound, change, FILES, judgeFiles } from "../../healthy/manifests.ts";

// The fixes of rbac. None gives or takes a right that the jobs do not need, or that others have.

const ID = "rbac";
const ROLE = "Role analytics-jobs/spark-jobs";
const POD_VERBS = "[create, get, list, watch, delete, deletecollection]";
const BINDING = "kind: RoleBinding\nmetadata:\n  name: spark-jobs\n  namespace: analytics-jobs\n";
const access = (from: string, to: string) => change(ACCESS, from, to);

Deno.test("rbac: the fix for resourceNames names the rule", async () => {
  const [finding] = await assertFound(
    ID,
    access("resources: [pods]", "resources: [pods]\n    resourceNames: [driver]"),
    {
      object: ROLE,
      field: "rules[0].resourceNames",
      problem: "the service account analytics-jobs/spark-jobs cannot create, get, list, watch, " +
        "delete, deletecollection pods: rules[0] allows it only for driver",
    },
  );
  assertStringIncludes(
    finding!.fix,
    "Remove resourceNames from rules[0] of Role analytics-jobs/spark-jobs, or add to the role: " +
      '- {apiGroups: [""], resources: [pods], verbs: [create, get, list, watch, delete, deletecollection]}',
  );
});

Deno.test("rbac: the fix for resourceNames opens no resource that the jobs do not need", async () => {
  const secrets = access("resources: [pods]", "resources: [pods, secrets]\n    resourceNames: [a]");
  const rbac = (await judgeFiles(secrets)).find(({ id }) => id === ID)!;
  assertMatch(rbac.findings[0]!.fix, /^Add to Role analytics-jobs\/spark-jobs: - \{apiGroups/);
});

Deno.test("rbac: the fix for excess permissions of a shared role gives the account its own", async () => {
  const files = access("resources: [pods]", "resources: [pods, nodes]");
  const [alone] = (await judgeFiles(files)).find(({ id }) => id === ID)!.findings;
  assertEquals(
    alone!.fix,
    "Keep in Role analytics-jobs/spark-jobs only the permissions that deno task explain rbac lists.",
  );
  const subjects = files[ACCESS]!.replace(
    "subjects:\n",
    "subjects:\n  - {kind: User, name: ann}\n",
  );
  const rbac = (await judgeFiles({ ...files, [ACCESS]: subjects })).find(({ id }) => id === ID)!;
  assertMatch(
    rbac.findings[0]!.fix,
    /^Bind to the account a Role with only .* lists, and remove .* the shared binding: kubectl -n analytics-jobs edit rolebinding spark-jobs$/,
  );
});

Deno.test("rbac: the fix for a binding in a wrong namespace moves it", async () => {
  const moved = access(BINDING, BINDING.replace("analytics-jobs", "robson"));
  const [finding] = await assertFound(ID, moved, {});
  assertMatch(
    finding!.fix,
    /^Set metadata\.namespace: analytics-jobs in RoleBinding robson\/spark-jobs \(manifests\/30-service-account\.yaml:\d+\), then: kubectl apply -f manifests\/30-service-account\.yaml && kubectl -n robson delete rolebinding spark-jobs --ignore-not-found$/,
  );
  const subject = "kind: ServiceAccount\n    name: spark-jobs\n    namespace: ";
  const wrong = access(`${subject}analytics-jobs`, `${subject}robson`);
  const [other] = await assertFound(ID, wrong, {});
  assertMatch(
    other!.fix,
    /^Set subjects\[0\]\.namespace: analytics-jobs in RoleBinding analytics-jobs\/spark-jobs \(manifests\/30-service-account\.yaml:\d+\), then: kubectl apply -f manifests\/30-service-account\.yaml$/,
  );
});

Deno.test("rbac: no fix gives or takes rights of another account, or binds a role with more rights", async () => {
  const fixOf = async (...changes: readonly [string, string][]) => {
    const files = changes.reduce(
      (files, [from, to]) => ({ ...files, [ACCESS]: files[ACCESS]!.replace(from, to) }),
      FILES as Readonly<Record<string, string>>,
    );
    const rbac = (await judgeFiles(files)).find(({ id }) => id === ID)!;
    return rbac.findings.map(({ fix }) => fix).join();
  };
  const subject = "kind: ServiceAccount\n    name: spark-jobs\n    namespace: ";
  const elsewhere: [string, string] = [`${subject}analytics-jobs`, `${subject}robson`];
  const account = "kind: ServiceAccount\nmetadata:\n  name: spark-jobs\n  namespace: robson\n";
  const used: [string, string] = ["---\n", `---\napiVersion: v1\n${account}---\n`];
  assertMatch(await fixOf(elsewhere, used), /^Add the account to the subjects of its binding: /);
  const wide: [string, string] = [POD_VERBS, '["*"]'];
  assertMatch(await fixOf(elsewhere, wide), /^Make a Role .* with only the permissions/);
  const moved: [string, string] = [BINDING, BINDING.replace("analytics-jobs", "robson")];
  assertMatch(await fixOf(moved), /^Set metadata\.namespace/);
  assertMatch(await fixOf(moved, wide), /^Make a Role .* with only the permissions/);
  assertMatch(await fixOf(moved, elsewhere), /^Bind its role: /);
  const two: [string, string] = ["subjects:\n", "subjects:\n  - {kind: User, name: ann}\n"];
  assertMatch(await fixOf(moved, two), /^Bind its role: /);
});

Deno.test("rbac: the fix for a role that another binding gives to others changes no right of theirs", async () => {
  const others = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: people, namespace: analytics-jobs}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: spark-jobs}
subjects: [{kind: User, name: ann}]
`;
  const fixOf = async (from: string, to: string, more = others) => {
    const text = `${FILES[ACCESS]!.replace(from, to)}${more}`;
    const rbac = (await judgeFiles({ ...FILES, [ACCESS]: text })).find(({ id }) => id === ID)!;
    return rbac.findings.map(({ fix }) => fix).join();
  };
  const deletion =
    /^Bind to the account a Role with only .*, and delete this binding: kubectl -n analytics-jobs delete rolebinding spark-jobs$/;
  assertMatch(await fixOf("resources: [pods]", "resources: [pods, nodes]"), deletion);
  const own = /^Bind to the account a Role of its own with this rule: - \{apiGroups: \[""\], /;
  assertMatch(await fixOf(POD_VERBS, "[create, get, list, delete]"), own);
  assertMatch(await fixOf("resources: [pods]", "resources: [pods]\n    resourceNames: [a]"), own);
  // A second binding of the same account is no reason.
  const again = others.replace("kind: User, name: ann", "kind: ServiceAccount, name: spark-jobs");
  assertMatch(await fixOf(POD_VERBS, "[create, get, list, delete]", again), /^Add to the role: /);
});
