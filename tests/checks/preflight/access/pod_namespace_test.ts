import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { change, FILES, JOB, judgeAll } from "../../healthy/manifests.ts";
import { changesIn } from "../../healthy/pasted.ts";

const OWN = "spark.kubernetes.namespace=analytics-jobs";
const elsewhere = (namespace: string) => change(JOB, OWN, OWN.replace("analytics-jobs", namespace));

const binding = (role: string) =>
  `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: jobs, namespace: etl }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ${role.split(" ")[0]}, name: ${
    role.split(" ")[1]
  } }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }]
`;
const ROLE = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: jobs, namespace: etl }
rules: [{ apiGroups: [""], resources: [pods], verbs: [create, get, list, watch] }]
`;

/** The results of all checks of manifests, by id. */
async function judge(files: Readonly<Record<string, string>>) {
  const results = await judgeAll(files);
  return new Map(results.map((result) => [result.id, result]));
}

const problems = (results: Awaited<ReturnType<typeof judge>>) =>
  [...results.values()].flatMap(({ id, findings }) => findings.map(() => id));

for (const namespace of ["default", "robson", "monitoring"]) {
  const files = {
    ...elsewhere(namespace),
    "roles.yaml": ROLE.replace("namespace: etl", `namespace: ${namespace}`),
  };

  Deno.test(`rbac alone reports executors in ${namespace}, where the account may not create pods`, async () => {
    assertEquals(problems(await judge(FILES)), []);
    const results = await judge(files);
    assertEquals(problems(results), ["rbac"]);
    const [finding] = results.get("rbac")!.findings;
    assertEquals(finding!.problem, `Spark makes the job's pods in the namespace ${namespace}`);
    assertStringIncludes(finding!.fix, `--conf=${OWN}`);
  });

  Deno.test(`rbac does not judge executors in ${namespace} without the roles of that namespace`, async () => {
    const { verdict, reason, findings } = (await judge(elsewhere(namespace))).get("rbac")!;
    assertEquals([verdict, findings], ["error", []]);
    assertStringIncludes(reason!, `the roles of namespace ${namespace}, in which Job`);
  });
}

const CONNECTIONS = ["egress-policy", "database-egress", "dns-egress", "driver-executor-traffic"];

/** A policy that isolates all pods of a namespace. */
const deny = (namespace: string) =>
  `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: deny, namespace: ${namespace} }
spec: { podSelector: {}, policyTypes: [Ingress, Egress] }
`;

/** The permissions of the jobs, in every namespace. */
const EVERYWHERE = `${ROLE}---\n${binding("ClusterRole jobs")}`
  .replace("kind: Role\n", "kind: ClusterRole\n").replace(
    "kind: RoleBinding",
    "kind: ClusterRoleBinding",
  )
  .replaceAll(", namespace: etl", "");

for (const namespace of ["default", "monitoring", "etl"]) {
  for (
    const [name, more] of [["", {}], [" with a ClusterRoleBinding", {
      "a.yaml": EVERYWHERE,
    }]] as const
  ) {
    Deno.test(`the checks of connections do not judge, and no fix opens, an undeclared namespace ${namespace}${name}`, async () => {
      const results = await judge({ ...elsewhere(namespace), ...more });
      const start = "the manifests declare nothing of the namespace in which Spark makes pods";
      for (const id of CONNECTIONS) {
        const { verdict, reason, findings } = results.get(id)!;
        assertEquals([id, verdict, findings], [id, "error", []]);
        assertStringIncludes(
          reason!,
          `${start}, so their connections are not known: ${namespace} (`,
        );
      }
      assertEquals(results.get("kubernetes-api-egress")!.verdict, "pass");
      assertEquals(
        [...results.values()].flatMap(({ findings }) => findings.map(({ fix }) => fix))
          .filter((fix) => fix.includes("networkpolicy") || fix.includes("NetworkPolicy")),
        [],
      );
    });
  }
}

Deno.test("the checks of connections judge a namespace by what the manifests declare of it", async () => {
  const declared = "apiVersion: v1\nkind: Namespace\nmetadata: { name: etl }\n";
  for (const text of [declared, deny("etl"), `${declared}---\n${deny("etl")}`]) {
    const results = await judge({ ...elsewhere("etl"), "etl.yaml": text });
    const { verdict, findings } = results.get("driver-executor-traffic")!;
    assertEquals(verdict, "fail");
    for (const { fix } of findings.filter(({ fix }) => fix.includes('"etl"'))) {
      assertStringIncludes(fix, "Or, if Spark must make pods in etl: ");
    }
    const fixes = findings.map(({ fix }) => changesIn(fix)).join();
    // Only the driver is in the namespace of the job, and only executors are in the other one.
    assertEquals(fixes.includes('"values":["driver","executor"]'), false);
    assertStringIncludes(fixes, '"kubernetes.io/metadata.name":"etl"');
  }
});

Deno.test("kubernetes-api-egress does not judge a driver in an undeclared namespace", async () => {
  const files = elsewhere("etl");
  const job = files[JOB]!.replace("--deploy-mode=client", "--deploy-mode=cluster");
  const results = await judge({ ...files, [JOB]: job });
  for (const id of [...CONNECTIONS, "kubernetes-api-egress"]) {
    const { verdict, findings } = results.get(id)!;
    const isJudged = findings.some(({ severity }) => severity === "fail");
    assertEquals([id, verdict], [id, isJudged ? "fail" : "error"]);
    assertEquals(findings.filter(({ fix }) => fix.includes('"etl"')), [], id);
  }
});

Deno.test("driver-executor-traffic selects the namespace in which the account may create executors", async () => {
  const files = { ...elsewhere("etl"), "etl.yaml": `${ROLE}---\n${binding("Role jobs")}` };
  const { findings } = (await judge(files)).get("driver-executor-traffic")!;
  assertEquals(findings.length, 2);
  for (const { fix } of findings) {
    assertStringIncludes(changesIn(fix), '[{"op":"add","path":"/spec/');
    assertStringIncludes(
      fix,
      '/-","value":{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"etl"}},' +
        '"podSelector":{"matchLabels":{"spark-role":"executor"}}',
    );
  }
});

Deno.test("rbac names a role with unknown rules that may allow executors in another namespace", async () => {
  const files = { ...elsewhere("etl"), "etl.yaml": binding("ClusterRole makers") };
  const { verdict, reason, findings } = (await judge(files)).get("rbac")!;
  assertEquals([verdict, findings], ["error", []]);
  assertStringIncludes(
    reason!,
    "the rules of ClusterRole makers (RoleBinding etl/jobs) are not in",
  );
});

for (const apiVersion of ["sparkoperator.k8s.io/v1beta2", "spark.apache.org/v1"]) {
  Deno.test(`the checks of connections do not judge the driver that ${apiVersion} makes in an undeclared namespace`, async () => {
    const driver = apiVersion.startsWith("spark.apache.org")
      ? `pyFiles: local:///a.py
  driverSpec: { podTemplateSpec: { spec: { containers: [{ name: main, env: [{ name: DJANGO_DB_HOST, value: paradedb.robson.svc }] }] } } }`
      : `mainApplicationFile: local:///a.py
  driver: { env: [{ name: DJANGO_DB_HOST, value: paradedb.robson.svc }] }`;
    const application = (namespace: string) =>
      `apiVersion: ${apiVersion}
kind: SparkApplication
metadata: { name: app, namespace: analytics-jobs }
spec:
  sparkConf: { spark.kubernetes.namespace: ${namespace}, spark.kubernetes.container.image: "a:1" }
  ${driver}
`;
    const verdictsOf = async (namespace: string) => {
      const results = await judge({ ...FILES, "app.yaml": application(namespace) });
      return [...CONNECTIONS, "kubernetes-api-egress"].map((id) => {
        const { verdict, reason = "" } = results.get(id)!;
        return [id, verdict === "error" && reason.includes("SparkApplication analytics-jobs/app")];
      });
    };
    const all = [...CONNECTIONS, "kubernetes-api-egress"];
    assertEquals(await verdictsOf("etl"), all.map((id) => [id, true]));
    assertEquals(await verdictsOf("analytics-jobs"), all.map((id) => [id, false]));
  });
}

Deno.test("rbac says to correct a misspelled namespace of a job, and not to create pods in it", async () => {
  const correct = "metadata.namespace: analytics-jobs";
  for (const own of ["analytics-job", "anayltics-jobs", "etl"]) {
    const files = change(JOB, "namespace: analytics-jobs", `namespace: ${own}`);
    const findings = (await judge(files)).get("rbac")!.findings
      .filter(({ problem }) => problem.startsWith("Spark makes the job's pods"));
    assertEquals(findings.map(({ field, fix }) => [field, fix]), [
      ["metadata.namespace", `Correct the namespace of the job, ${own}: ${correct}`],
    ]);
  }
  const misspelled = change(JOB, "namespace: analytics-jobs", "namespace: analytics-job");
  const files = change(JOB, OWN, "spark.app.name=a", misspelled);
  const fixes = (await judge(files)).get("rbac")!.findings.map(({ fix }) => fix).join("\n");
  assertStringIncludes(fixes, `${correct}, and set --conf=${OWN}`);
});
