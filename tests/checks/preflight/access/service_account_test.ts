import { assertEquals } from "../../../support/assert.ts";
import { ACCESS, change, FILES, JOB, JOB_ID, judgeFiles } from "../../healthy/manifests.ts";

const ID = "service-account";

/** The findings of the check; rbac may have some as well, since an account that is missing has no permissions. */
async function only(files: Record<string, string>): Promise<(string | undefined)[][]> {
  const results = await judgeFiles(files);
  const others = results.filter(({ findings }) => findings.length > 0).map(({ id }) => id)
    .filter((id) => id !== ID && id !== "rbac");
  assertEquals(others, []);
  return results.find(({ id }) => id === ID)!.findings.map((
    { object, field, problem },
  ) => [object, field, problem]);
}

const FIELD = "spec.template.spec.serviceAccountName";

Deno.test("service-account fails for an account that does not exist or is in another namespace", async () => {
  assertEquals(await only(change(JOB, "Name: spark-jobs", "Name: spark")), [
    [JOB_ID, FIELD, "there is no service account spark in the namespace analytics-jobs"],
  ]);
  const inNamespace = (namespace: string) =>
    `kind: ServiceAccount\nmetadata:\n  name: spark-jobs\n  namespace: ${namespace}`;
  assertEquals(
    await only(change(ACCESS, inNamespace("analytics-jobs"), inNamespace("robson"))),
    [
      [
        JOB_ID,
        FIELD,
        "the service account spark-jobs is in the namespace robson, not in analytics-jobs",
      ],
    ],
  );
});

Deno.test("service-account suggests the account that a misspelt name can mean, or makes the account", async () => {
  const findingFor = async (name: string) => {
    const results = await judgeFiles(change(JOB, "Name: spark-jobs", `Name: ${name}`));
    return results.find(({ id }) => id === ID)!.findings[0]!;
  };
  const near = await findingFor("spark-job");
  assertEquals(
    near.problem,
    "there is no service account spark-job in the namespace analytics-jobs; did you mean spark-jobs?",
  );
  const create = "kubectl -n analytics-jobs create serviceaccount";
  const before = "Add the output of this command to the manifests: ";
  assertEquals(
    near.fix,
    `Write spark-jobs. If spark-job is right: ${before}${create} spark-job --dry-run=client -o yaml`,
  );
  const yaml = (name: string) =>
    "Add to the manifests, in a new file or below a line ---:\napiVersion: v1\n" +
    `kind: ServiceAccount\nmetadata:\n  name: ${name}\n  namespace: analytics-jobs`;
  assertEquals(near.fixInFiles, `Write spark-jobs. If spark-job is right: ${yaml("spark-job")}`);
  const far = await findingFor("etl");
  assertEquals(far.fix, `${before}${create} etl --dry-run=client -o yaml`);
  assertEquals(far.fixInFiles, yaml("etl"));
});

Deno.test("service-account fails for the default account", async () => {
  const problem = "the job runs as the namespace's default service account";
  assertEquals(await only(change(JOB, "      serviceAccountName: spark-jobs\n", "")), [
    [JOB_ID, FIELD, problem],
  ]);
});

Deno.test("service-account fails if the driver gets no token", async () => {
  const automount = "automountServiceAccountToken: true\n";
  const silent = change(JOB, `      ${automount}`, "");
  assertEquals(await only(silent), [[
    JOB_ID,
    "spec.template.spec.automountServiceAccountToken",
    "the driver gets no token of its service account",
  ]]);
  const mounting = FILES[ACCESS]!.replace("automountServiceAccountToken: false\n", automount);
  assertEquals(await only({ ...silent, [ACCESS]: mounting }), []);
  assertEquals(await only(FILES), []);
});

Deno.test("service-account only warns about the default account of a job that creates no pods, in another namespace", async () => {
  const job = (namespace: string, master: string) => ({
    "job.yaml": `apiVersion: batch/v1
kind: Job
metadata: { name: pi, namespace: ${namespace} }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - { name: a, image: "example.com/spark:1", command: [spark-submit, ${master}, pi.py] }
`,
  });
  const found = async (namespace: string, master: string) => {
    const results = await judgeFiles(job(namespace, `--master=${master}`));
    return results.find(({ id }) => id === ID)!.findings.map(({ severity }) => severity);
  };
  for (const master of ["spark://spark-master:7077", "local"]) {
    assertEquals(await found("games", master), ["warn"]);
    assertEquals(await found("analytics-jobs", master), ["fail"]);
  }
  assertEquals(await found("games", "k8s://https://kubernetes.default.svc"), ["fail"]);
});

Deno.test("service-account fails if a driver that Spark creates gets no token", async () => {
  const settings = (...more: string[]) =>
    change(
      JOB,
      "--deploy-mode=client",
      [
        "--deploy-mode=cluster",
        "--conf=spark.kubernetes.authenticate.driver.serviceAccountName=spark-jobs",
        ...more.map((each) => `--conf=spark.kubernetes.${each}`),
      ].join("\n            - "),
    );
  const found = async (files: Record<string, string>) => {
    const results = await judgeFiles(files);
    return results.find(({ id }) => id === ID)!.findings.map(({ problem }) => problem);
  };
  const problem = "the driver that Spark creates gets no token of its service account spark-jobs";
  assertEquals(await found(settings()), [problem]);
  const mounting = FILES[ACCESS]!.replace(
    "automountServiceAccountToken: false\n",
    "automountServiceAccountToken: true\n",
  );
  assertEquals(await found({ ...settings(), [ACCESS]: mounting }), []);
  // The template of the executors mounts no token either, whatever the account says.
  const template = "driver.podTemplateFile=/opt/deep-storage/executor/pod.yaml";
  assertEquals(await found({ ...settings(template), [ACCESS]: mounting }), [problem]);
  const login = "authenticate.driver.mounted.oauthTokenFile=/tokens/token";
  assertEquals(await found(settings(login)), []);
});
