import { treeOf } from "../../../checks/facts/tree.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import { assertEquals } from "../../support/assert.ts";
import { change, FILES, JOB } from "../healthy/manifests.ts";
import { foundWith } from "./whole_preflight.ts";

/** A CronJob that runs one container. */
const cronJob = (namespace: string, container: string) => `
apiVersion: batch/v1
kind: CronJob
metadata: { name: other, namespace: ${namespace} }
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        metadata: { labels: { app: other } }
        spec:
          restartPolicy: OnFailure
          containers:
            - name: c
              resources: { requests: { cpu: 100m, memory: 64Mi }, limits: { cpu: 100m, memory: 64Mi } }
              ${container}
`;

const ANY_EGRESS = `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: other, namespace: analytics-jobs }
spec:
  podSelector: { matchLabels: { app: other } }
  policyTypes: [Egress]
  egress:
    - to: [{ namespaceSelector: { matchLabels: { name: robson } } }]
      ports: [{ port: 5432 }]
    - to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } } }]
      ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
`;

/** Containers that run no Spark. */
const OTHER = {
  "pg_dump in a shell":
    'image: "postgres:16"\n              args: [sh, -c, "pg_dump -h paradedb.robson.svc rbsdb > /tmp/$(date +%F).sql"]',
  "psql with a command":
    'image: "acme/tools:1"\n              command: [psql, -c, "select 1 from spark_runs"]',
  "curl without a command":
    'image: "curlimages/curl:8.1.0"\n              args: ["https://example.com/spark"]',
  "Python of a base image": 'image: "python:3.12"\n              command: [python, -c, "print(1)"]',
  "a Django command":
    'image: "ghcr.io/a/backend:1.0.0"\n              command: [python, manage.py, clearsessions]',
  "psql in the image of Spark":
    'image: "acme/spark:1.0.0"\n              command: [/usr/bin/psql, -c, "vacuum"]',
  "a script of pg_dump and aws in the image of Spark":
    'image: "acme/spark:1.0.0"\n              command: [bash, -ec]\n              ' +
    'args: ["set -o pipefail; A=1; pg_dump db | gzip > /tmp/a && aws s3 cp /tmp/a s3://b/a"]',
  "an object store's client":
    'image: "amazon/aws-cli:2.15.0"\n              args: [s3, sync, /data, "s3://rbs/spark.backup.x"]',
  "a flag that spark-submit has too":
    'image: "bitnami/kubectl:1.30.0"\n              command: [kubectl, get, pods, --name=a, --master=b]',
};

for (const [name, container] of Object.entries(OTHER)) {
  Deno.test(`preflight judges ${name} as a Job, not as a Spark job`, async () => {
    const yaml = cronJob("analytics-jobs", container);
    assertEquals(await foundWith(yaml + ANY_EGRESS), {});
  });
}

Deno.test("preflight does not judge a CronJob of another namespace as a job", async () => {
  const image = "image: ghcr.io/a/backend:1.0.0";
  assertEquals(await foundWith(cronJob("robson", image)), {});
  assertEquals(
    await foundWith(cronJob("default", `${image}\n              command: [java, -jar, a.jar]`)),
    {},
  );
});

Deno.test("preflight judges a Spark job of another namespace only by what the manifests have of it", async () => {
  const job = cronJob(
    "etl",
    'image: "acme/spark:1.0.0"\n              command: [/opt/spark/bin/spark-submit, "--master=local[2]", /a.py]',
  );
  // The nodes and the accounts of the namespace belong to another project.
  assertEquals(await foundWith(job), {});
  const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: a, namespace: etl }\n";
  assertEquals(Object.keys(await foundWith(`${job}\n---\n${account}`)), ["service-account"]);
});

Deno.test("quota-fit still counts a Job that runs no Spark, and secrets are still judged", async () => {
  const container = `image: "postgres:16"
              command: [pg_dump]
              env: [{ name: A, valueFrom: { secretKeyRef: { name: django-db-credentials, key: ABSENT } } }]`;
  const yaml = cronJob("analytics-jobs", container).replace(
    "cpu: 100m, memory: 64Mi }, limits: { cpu: 100m",
    "cpu: 7, memory: 64Mi }, limits: { cpu: 7",
  );
  const found = await foundWith(yaml + ANY_EGRESS);
  assertEquals(Object.keys(found), ["secret-escaping", "quota-fit"]);
});

/** The job of a file, and the value of a variable. */
function variable(yaml: string, name: string): string | undefined {
  const { objects, scripts } = readFile("a.yaml", yaml);
  const { jobs } = treeOf({ directory: ".", objects, scripts });
  return jobs[0]!.environment.value(name);
}

const pod = (more: string, annotation = "") => `
apiVersion: batch/v1
kind: Job
metadata: { name: a, namespace: analytics-jobs }
spec:
  template:
    metadata: { annotations: { ${annotation} } }
    spec:
      restartPolicy: Never
${more}`;

const MAIN = `        - name: main
          image: acme/etl:1
          args: [job.py]
          env: [{ name: S3_ENDPOINT, value: "https://right" }]
`;

const beside = (name: string, image: string, at: "before" | "after") => {
  const other =
    `        - { name: ${name}, image: "${image}", env: [{ name: S3_ENDPOINT, value: "https://wrong" }] }\n`;
  return `      containers:\n${at === "before" ? other + MAIN : MAIN + other}`;
};

Deno.test("sparkJobsOf reads the variables of the job's container, not of a sidecar", () => {
  for (const at of ["before", "after"] as const) {
    const sidecars = [
      ["istio-proxy", "docker.io/istio/proxyv2:1.20.0"],
      ["linkerd-proxy", "cr.l5d.io/linkerd/proxy:2"],
      ["sql", "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.8.0"],
      ["logs", "fluent/fluent-bit:2.1"],
    ] as const;
    for (const [name, image] of sidecars) {
      assertEquals(variable(pod(beside(name, image, at)), "S3_ENDPOINT"), "https://right", name);
    }
    const submits = MAIN.replace("args: [job.py]", "command: [spark-submit, job.py]");
    const yaml = pod(beside("uploader", "acme/uploader:1", at)).replace(MAIN, submits);
    assertEquals(variable(yaml, "S3_ENDPOINT"), "https://right");
    const annotated = pod(
      beside("uploader", "acme/uploader:1", at),
      "kubectl.kubernetes.io/default-container: main",
    );
    assertEquals(variable(annotated, "S3_ENDPOINT"), "https://right");
  }
});

Deno.test("sparkJobsOf does not read variables of init containers and native sidecars", () => {
  for (const more of ["", ", restartPolicy: Always"]) {
    const init = `      initContainers:
        - { name: i, image: "acme/i:1", env: [{ name: S3_ENDPOINT, value: "https://wrong" }]${more} }
      containers:\n${MAIN}`;
    assertEquals(variable(pod(init), "S3_ENDPOINT"), "https://right");
  }
  const only = pod(
    `      containers:\n${MAIN.replace(/ +env:.*\n/, "")}` +
      `        - { name: istio-proxy, image: p, env: [{ name: S3_ENDPOINT, value: "https://wrong" }] }\n`,
  );
  assertEquals(variable(only, "S3_ENDPOINT"), undefined);
});

Deno.test("quota-fit compares the driver's memory with the limit of its own container", async () => {
  const sidecar = `        - name: istio-proxy
          image: istio/proxyv2:1.20.0
          resources: { requests: { cpu: 100m, memory: 2Gi }, limits: { cpu: 100m, memory: 2Gi } }
`;
  const files = change(JOB, "      volumes:\n", `${sidecar}      volumes:\n`);
  const less = change(
    JOB,
    'memory: 2Gi\n            limits:\n              cpu: "1"\n              memory: 2Gi',
    'memory: 1Gi\n            limits:\n              cpu: "1"\n              memory: 1Gi',
    files,
  );
  const { "quota-fit": found } = await foundWith("", less);
  assertEquals(found, [
    "the driver needs 1408Mi, including Spark's overhead, but its limit is 1Gi",
  ]);
});

Deno.test("quota-fit counts a native sidecar together with init containers and the job", async () => {
  const limits = (cpu: string) =>
    `resources: { requests: { cpu: ${cpu}, memory: 1Gi }, limits: { cpu: ${cpu}, memory: 1Gi } }`;
  const init = `      initContainers:
        - { name: proxy, image: istio/proxyv2:1.20.0, restartPolicy: Always, ${limits("2")} }
        - { name: wait, image: busybox:1.36.0, ${limits("2500m")} }
      containers:\n`;
  const { "quota-fit": found } = await foundWith("", change(JOB, "      containers:\n", init));
  assertEquals(found, [
    "requests.cpu: driver 4500m + executor 2 = 6500m, and ResourceQuota analytics-jobs/analytics-jobs allows 6",
    "limits.cpu: driver 4500m + executor 2 = 6500m, and ResourceQuota analytics-jobs/analytics-jobs allows 6",
  ]);
});

Deno.test("rbac fails for a client that sets no namespace, also if its account may use default", async () => {
  const files = change(JOB, "            - --conf=spark.kubernetes.namespace=analytics-jobs\n", "");
  const binding = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: spark, namespace: default }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: spark }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: spark, namespace: default }
rules: [{ apiGroups: [""], resources: [pods], verbs: [create] }]
`;
  for (const yaml of ["", binding]) {
    const { rbac } = await foundWith(yaml, files);
    assertEquals(
      rbac![0],
      "the job does not set spark.kubernetes.namespace, so Spark makes its pods in the namespace default",
    );
  }
});

Deno.test("service-account and rbac judge the driver's account in cluster mode", async () => {
  const files = change(
    JOB,
    "            - --deploy-mode=client\n",
    "            - --deploy-mode=cluster\n            - --conf=spark.kubernetes.authenticate.driver.serviceAccountName=spark\n",
  );
  const { "service-account": account, rbac } = await foundWith("", files);
  assertEquals(account, ["there is no service account spark in the namespace analytics-jobs"]);
  assertEquals(
    rbac!.includes("no role is bound to the service account spark in analytics-jobs"),
    true,
  );
});

Deno.test("FILES are healthy with every check", async () => {
  assertEquals(await foundWith("", FILES), {});
});
