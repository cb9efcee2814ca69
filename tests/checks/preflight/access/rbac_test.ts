import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { foundWith } from "../../spark/whole_preflight.ts";
import {
  ACCESS,
  assertFound,
  change,
  FILES,
  IMAGE,
  JOB,
  JOB_ID,
  judgeFiles,
} from "../../healthy/manifests.ts";

const ID = "rbac";
const ROLE = "Role analytics-jobs/spark-jobs";
const access = (from: string, to: string) => change(ACCESS, from, to);
const POD_VERBS = "[create, get, list, watch, delete, deletecollection]";
const named = (kind: string) =>
  `kind: ${kind}\nmetadata:\n  name: spark-jobs\n  namespace: analytics-jobs\n`;
const BINDING = named("RoleBinding");
const CONFIG_MAPS =
  '  - apiGroups: [""]\n    resources: [configmaps]\n    verbs: [create, deletecollection]\n';

Deno.test("rbac fails if the role lacks a permission that Spark needs", async () => {
  const [finding] = await assertFound(ID, access(POD_VERBS, "[create, get, list, delete]"), {
    severity: "fail",
    object: ROLE,
    field: "rules",
    file: `manifests/${ACCESS}`,
    problem: "the service account analytics-jobs/spark-jobs cannot watch, deletecollection pods",
  });
  assertStringIncludes(finding!.fix, "resources: [pods], verbs: [watch, deletecollection]");
  await assertFound(ID, access(CONFIG_MAPS, ""), {
    problem:
      "the service account analytics-jobs/spark-jobs cannot create, deletecollection configmaps",
  });
});

Deno.test("rbac adds the namespace of a RoleBinding to a subject without a namespace", async () => {
  const subject = "kind: ServiceAccount\n    name: spark-jobs\n";
  await assertFound(ID, access(`${subject}    namespace: analytics-jobs\n`, subject));
});

Deno.test("rbac does not judge an account without a namespace that has a binding in another one", async () => {
  const files = {
    "job.yaml": `apiVersion: v1
kind: ServiceAccount
metadata: { name: spark }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: spark }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit }
subjects: [{ kind: ServiceAccount, name: spark, namespace: serverless }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: pi }
spec:
  template:
    spec:
      serviceAccountName: spark
      restartPolicy: Never
      containers:
        - name: spark
          image: example.com/spark:1
          command: [spark-submit, --master=k8s://https://kubernetes.default.svc, pi.py]
`,
  };
  const rbac = (await judgeFiles(files)).find(({ id }) => id === ID)!;
  assertEquals(rbac.findings, []);
  assertStringIncludes(JSON.stringify(rbac), "not checked: default/spark");
  const named = { "job.yaml": files["job.yaml"].replace("name: pi }", "name: pi, namespace: a }") };
  const inNamespace = {
    "job.yaml": named["job.yaml"].replace("name: spark }", "name: spark, namespace: a }"),
  };
  const judged = (await judgeFiles(inNamespace)).find(({ id }) => id === ID)!;
  assertStringIncludes(JSON.stringify(judged.findings), "no role is bound to the service account");
});

Deno.test("rbac fails if no binding gives the account a role that exists", async () => {
  const none = "no role is bound to the service account spark-jobs in analytics-jobs";
  const subject = "kind: ServiceAccount\n    name: ";
  await assertFound(ID, access(`${subject}spark-jobs`, `${subject}other`), {
    object: JOB_ID,
    problem: none,
  });
  await assertFound(ID, access(BINDING, BINDING.replace("analytics-jobs", "robson")), {
    problem: none,
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
      "a subresource of Secrets",
      "resources: [pods]",
      "resources: [pods, secrets/status]",
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
      "a subresource that Spark never uses",
      "resources: [pods]",
      "resources: [pods, pods/exec]",
      "rules[0].verbs",
      "it allows create pods/exec, get pods/exec, list pods/exec, watch pods/exec, delete pods/exec, deletecollection pods/exec",
    ],
  ] as const
) {
  Deno.test(`rbac fails for permissions that Spark does not need: ${name}`, async () => {
    await assertFound(ID, access(from, to), { object: ROLE, field, problem });
  });
}

for (
  const [resource, verbs] of [
    ["pods/log", "create"],
    ["pods/log", "get, delete"],
    ["pods/status", "create"],
    ["pods/eviction", "get"],
    ["nodes", "get, list, watch"],
    ["endpoints", "get"],
    ["namespaces", "list"],
  ] as const
) {
  Deno.test(`rbac only warns about a permission without harm: ${verbs} ${resource}`, async () => {
    const rule = `  - apiGroups: [""]\n    resources: [${resource}]\n    verbs: [${verbs}]\n`;
    await assertFound(ID, access(CONFIG_MAPS, CONFIG_MAPS + rule), {
      severity: "warn",
      object: ROLE,
      field: "rules[2].verbs",
    });
  });
}

for (
  const [resource, verbs] of [
    ["pods/exec", "get"],
    ["pods/attach", "create"],
    ["pods/portforward", "create"],
    ["pods/ephemeralcontainers", "update"],
    ["serviceaccounts/token", "create"],
    ["nodes/proxy", "get"],
    ["nodes", "get, delete"],
    ["pods/log", "'*'"],
    ["secrets", "list"],
  ] as const
) {
  Deno.test(`rbac fails for a permission that helps an attacker: ${verbs} ${resource}`, async () => {
    const rule = `  - apiGroups: [""]\n    resources: [${resource}]\n    verbs: [${verbs}]\n`;
    await assertFound(ID, access(CONFIG_MAPS, CONFIG_MAPS + rule), {
      severity: "fail",
      object: ROLE,
    });
  });
}

Deno.test("rbac fails for permissions in the whole cluster", async () => {
  const text = FILES[ACCESS]!
    .replace(BINDING, "kind: ClusterRoleBinding\nmetadata:\n  name: spark-jobs\n")
    .replace(named("Role"), "kind: ClusterRole\nmetadata:\n  name: spark-jobs\n")
    .replace("kind: Role\n  name: spark-jobs", "kind: ClusterRole\n  name: spark-jobs");
  await assertFound(ID, { ...FILES, [ACCESS]: text }, {
    object: "ClusterRoleBinding spark-jobs",
    problem: "it gives its rights in every namespace of the cluster",
  });
  const bound = text.replace("kind: ClusterRoleBinding\nmetadata:\n  name: spark-jobs\n", BINDING);
  await assertFound(ID, { ...FILES, [ACCESS]: bound });
});

Deno.test("rbac requires more permissions in cluster mode, and none without executors", async () => {
  const driver = [
    "spark.kubernetes.authenticate.driver.serviceAccountName=spark-jobs",
    "spark.kubernetes.driver.podTemplateFile=/opt/deep-storage/executor/pod.yaml",
    `spark.kubernetes.driver.container.image=${IMAGE}`,
    // The template of the executors mounts no token.
    "spark.kubernetes.authenticate.driver.mounted.oauthTokenFile=/tokens/token",
  ].map((each) => `\n            - --conf=${each}`).join("");
  const cluster = change(JOB, "--deploy-mode=client", `--deploy-mode=cluster${driver}`);
  const others = (verbs: string) =>
    FILES[ACCESS]!.replace(/ {2}# Its settings reach[^]*?(?=---)/, "") +
    `---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: others, namespace: analytics-jobs }
rules:
  - apiGroups: [""]
    resources: [configmaps, services, persistentvolumeclaims]
    verbs: [${verbs}, list, create, delete, deletecollection, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: others, namespace: analytics-jobs }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: others }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }]
`;
  await assertFound(ID, { ...cluster, [ACCESS]: others("get") });
  await assertFound(
    ID,
    { ...cluster, [ACCESS]: others("list") },
    { problem: "the service account analytics-jobs/spark-jobs cannot get configmaps" },
    { problem: "the service account analytics-jobs/spark-jobs cannot get services" },
  );
  const local = change(JOB, "--master=k8s://https://kubernetes.default.svc", "--master=local");
  await assertFound(ID, { ...local, [ACCESS]: FILES[ACCESS]!.replace(POD_VERBS, "[get]") });
});

Deno.test("rbac judges the account that starts a driver by what spark-submit needs", async () => {
  const yaml = (verbs: string) =>
    `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: etl }
spec:
  template:
    spec:
      restartPolicy: Never
      serviceAccountName: submitter
      containers:
        - name: c
          image: apache/spark:3.5.8
          command: [/opt/spark/bin/spark-submit]
          args:
            - --master=k8s://https://kubernetes.default.svc
            - --deploy-mode=cluster
            - --conf=spark.kubernetes.namespace=etl
            - --conf=spark.kubernetes.container.image=apache/spark:3.5.8
            - local:///app/etl.py
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: submitter, namespace: etl }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: submitter, namespace: etl }
rules: [{ apiGroups: [""], resources: [pods, services, configmaps], verbs: [${verbs}] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: submitter, namespace: etl }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: submitter }
subjects: [{ kind: ServiceAccount, name: submitter, namespace: etl }]
`;
  const found = async (verbs: string) => {
    const results = await judgeFiles({ "etl.yaml": yaml(verbs) });
    return results.find(({ id }) => id === ID)!.findings.map(({ field, problem }) =>
      `${field}: ${problem}`
    );
  };
  // The driver has no account of its own. The arguments can give the driver one.
  const driver = "spec.template.spec.containers[0].args: " +
    "no role is bound to the service account default in etl";
  assertEquals(await found("create, get, watch, patch"), [driver]);
  // Spark 3.5 creates them by server-side apply.
  assertEquals(await found("create, get, watch"), [
    "rules: the service account etl/submitter cannot patch configmaps",
    "rules: the service account etl/submitter cannot patch services",
    driver,
  ]);
  assertEquals(await found("get, list"), [
    "rules: the service account etl/submitter cannot create, watch pods",
    "rules: the service account etl/submitter cannot create, patch configmaps",
    "rules: the service account etl/submitter cannot create, patch services",
    driver,
  ]);
});

/** Permissions without which jobs run, and a part of the effect. */
const OPTIONAL: Readonly<Record<string, readonly [string, string, string, string]>> = {
  "deletecollection of pods": [
    POD_VERBS,
    "[create, get, list, watch, delete]",
    "cannot deletecollection pods",
    "the driver logs an error whenever it removes executors",
  ],
  "both ways to delete pods": [
    POD_VERBS,
    "[create, get, list, watch]",
    "cannot delete, deletecollection pods",
    "their pods stay until the driver's pod is deleted",
  ],
  "list of claims": [
    "verbs: [list, deletecollection]",
    "verbs: [deletecollection]",
    "cannot list persistentvolumeclaims",
    "cannot use the claims of lost executors again",
  ],
  "deletecollection of claims": [
    "verbs: [list, deletecollection]",
    "verbs: [list]",
    "cannot deletecollection persistentvolumeclaims",
    "logs an error when it terminates",
  ],
  "deletecollection of ConfigMaps": [
    "verbs: [create, deletecollection]",
    "verbs: [create]",
    "cannot deletecollection configmaps",
    "logs an error when it terminates",
  ],
  "deletecollection of Services": [
    "    verbs: [deletecollection]",
    "    verbs: [get]",
    "cannot deletecollection services",
    "logs an error when it terminates",
  ],
};

for (const [name, [from, to, problem, effect]] of Object.entries(OPTIONAL)) {
  Deno.test(`rbac warns about a role without ${name}`, async () => {
    const findings = await assertFound(ID, access(from, to), {
      severity: "warn",
      object: ROLE,
      problem: `the service account analytics-jobs/spark-jobs ${problem}`,
    });
    assertStringIncludes(findings[0]!.why ?? "", effect);
    assertStringIncludes(findings[0]!.why ?? "", "the job runs, but");
  });
}

Deno.test("rbac fails if verbs without which Spark cannot run are missing, too", async () => {
  for (
    const [from, to, problem] of [
      [POD_VERBS, "[create, get, watch, delete]", "cannot list, deletecollection pods"],
      [POD_VERBS, "[get, list, watch, delete, deletecollection]", "cannot create pods"],
      [POD_VERBS, "[create, get, list, delete, deletecollection]", "cannot watch pods"],
      [
        "verbs: [create, deletecollection]",
        "verbs: [deletecollection]",
        "cannot create configmaps",
      ],
      [
        "verbs: [create, deletecollection]",
        "verbs: [get]",
        "cannot create, deletecollection config",
      ],
    ] as const
  ) {
    const [finding] = await assertFound(ID, access(from, to), { severity: "fail" });
    assertStringIncludes(finding!.problem, problem);
  }
});

Deno.test("rbac requires no ConfigMaps if the executors get none", async () => {
  const conf = "            - --deploy-mode=client\n";
  const off = change(
    JOB,
    conf,
    `${conf}            - --conf=spark.kubernetes.executor.disableConfigMap=true\n`,
    access(CONFIG_MAPS, ""),
  );
  const { rbac } = await foundWith("", off);
  assertEquals(rbac, undefined);
});

/** The healthy manifests with one more binding of the jobs' account to a ClusterRole. */
const withRole = (kind: string, role: string) =>
  foundWith(`apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: { name: more${kind === "RoleBinding" ? ", namespace: analytics-jobs" : ""} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${role} }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }]
`);

Deno.test("rbac knows the roles that every cluster has, and judges their permissions", async () => {
  const { rbac: admin = [] } = await withRole("ClusterRoleBinding", "cluster-admin");
  assertEquals(admin, ["it gives its rights in every namespace of the cluster"]);
  for (
    const [role, told] of [
      ["cluster-admin", "it allows everything, by resources: [*]"],
      ["admin", "it allows reading or changing Secrets"],
      ["edit", "it allows reading or changing Secrets"],
      ["view", "it allows get serviceaccounts"],
    ] as const
  ) {
    const { rbac = [] } = await withRole("RoleBinding", role);
    assertEquals(rbac.length, 1, role);
    assertStringIncludes(rbac[0]!, told);
  }
});

Deno.test("rbac names the file of the image that can set the namespace of the pods", async () => {
  const judge = async (file: string) => {
    const without = change(JOB, "--conf=spark.kubernetes.namespace=analytics-jobs", file);
    return (await judgeFiles(without)).find(({ id }) => id === ID)!;
  };
  assertEquals((await judge("--verbose")).verdict, "fail");
  const { verdict, unchecked } = await judge("--properties-file=/opt/spark.conf");
  assertEquals(verdict, "pass");
  assertStringIncludes(
    unchecked!.join(),
    `not checked: spark.kubernetes.namespace of ${JOB_ID}, which /opt/spark.conf can set`,
  );
});
