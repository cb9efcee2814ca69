import { treeOf } from "../../../../checks/facts/tree.ts";
import { judgeSecrets } from "../../../../checks/preflight/secrets/secret_escaping.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { CLUSTER } from "../../healthy/cluster.ts";
import { change, factOf, FILES, JOB } from "../../healthy/manifests.ts";
import { foundWith } from "../../spark/whole_preflight.ts";

const MODE = "            - --deploy-mode=client\n";
const withConf = (...conf: readonly string[]) =>
  change(JOB, MODE, MODE + conf.map((each) => `            - --conf=${each}\n`).join(""));
const withEnv = (yaml: string, files = FILES) =>
  change(JOB, "          env:\n", `          env:\n            - ${yaml}\n`, files);

/** The problems that secret-escaping finds. */
async function problems(files: Readonly<Record<string, string>>, yaml = ""): Promise<string> {
  return ((await foundWith(yaml, files))["secret-escaping"] ?? []).join("\n");
}

const KUBERNETES = "spark.kubernetes";

Deno.test("secret-escaping judges the Secrets in the settings of executors", async () => {
  const key = (value: string) => withConf(`${KUBERNETES}.executor.secretKeyRef.A=${value}`);
  assertEquals(await problems(key("django-db-credentials:DJANGO_DB_HOST")), "");
  assertStringIncludes(
    await problems(key("django-db-credentials:NOT")),
    "Secret analytics-jobs/django-db-credentials has no key NOT",
  );
  // Spark does not make the driver's pod in client mode.
  const ofDriver = withConf(`${KUBERNETES}.driver.secretKeyRef.A=django-db-credentials:NOT`);
  assertEquals(await problems(ofDriver), "");
  const other = `apiVersion: v1
kind: Secret
metadata: { name: elsewhere, namespace: robson }
stringData: { A: value }
`;
  assertStringIncludes(
    await problems(withConf(`${KUBERNETES}.executor.secrets.elsewhere=/etc/a`), other),
    "is in a different namespace than the pods that read it",
  );
});

Deno.test("secret-escaping finds Secrets and claims in settings that the cluster does not have", () => {
  const absent = (...conf: readonly string[]) => {
    const { findings } = judgeSecrets(treeOf(factOf(withConf(...conf))), CLUSTER)!;
    return findings.filter(({ problem }) => problem.includes("does not exist"))
      .map(({ object }) => object);
  };
  const claim = `${KUBERNETES}.executor.volumes.persistentVolumeClaim.data.options.claimName`;
  assertEquals(absent(`${claim}=none`), ["PersistentVolumeClaim analytics-jobs/none"]);
  assertEquals(absent(`${claim}=OnDemand`), []);
  assertEquals(absent(`${claim}=data-SPARK_EXECUTOR_ID`), []);
  assertEquals(absent(`${KUBERNETES}.executor.secrets.none=/a`), ["Secret analytics-jobs/none"]);
  assertEquals(absent(`${KUBERNETES}.executor.secretKeyRef.A=none:a`), [
    "Secret analytics-jobs/none",
  ]);
  assertEquals(absent(`${KUBERNETES}.driver.secrets.none=/a`), []);
});

Deno.test("secret-escaping finds loopback hosts in settings, endpoints and URLs", async () => {
  const local = [
    withConf("spark.hadoop.fs.s3a.endpoint=http://localhost:9000"),
    withConf("spark.hadoop.fs.s3a.endpoint=127.0.0.1:9000"),
    withConf("spark.hadoop.fs.s3a.bucket.rbs.endpoint=http://[::1]:9000"),
    withConf("spark.robson.url=jdbc:postgresql://127.0.0.1:5432/rbs"),
    withEnv('{ name: MINIO_ENDPOINT, value: "http://localhost:9000" }'),
    withEnv('{ name: AWS_S3_ENDPOINT, value: "127.0.0.1:9000" }'),
    withEnv('{ name: S3_ENDPOINT_URL, value: "http://0.0.0.0:9000" }'),
    withEnv('{ name: DATABASE_URL, value: "postgres://u:p@localhost/rbs" }'),
    withEnv('{ name: DATABASE_URL, value: "postgresql+psycopg://u:p@127.0.0.1:5432/rbs" }'),
    withEnv('{ name: JDBC, value: "jdbc:postgresql://localhost/rbs" }'),
    withEnv('{ name: PG_DSN, value: "host=localhost user=u dbname=rbs" }'),
    withEnv("{ name: POSTGRES_HOST, value: localhost }"),
  ];
  for (const files of local) {
    const found = await foundWith("", files);
    assertEquals(found["secret-escaping"]?.length, 1, files[JOB]!);
    assertStringIncludes(found["secret-escaping"]![0]!, "names a loopback host");
  }
  for (
    const files of [
      withConf("spark.hadoop.fs.s3a.endpoint=https://s3.example.com"),
      withEnv('{ name: DATABASE_URL, value: "postgres://localhost:p@db.example.com/rbs" }'),
      withEnv('{ name: DATABASE_URL, value: "postgres://u:p@db.example.com/localhost" }'),
      withEnv('{ name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://localhost:4317" }'),
      withEnv('{ name: NOTE, value: "host=localhost" }'),
    ]
  ) {
    assertEquals(await problems(files), "");
  }
});

Deno.test("secret-escaping reports a variable once, if a setting takes its value", async () => {
  const files = withEnv(
    '{ name: MINIO_ENDPOINT, value: "http://localhost:9000" }',
    withConf("spark.hadoop.fs.s3a.endpoint=$(MINIO_ENDPOINT)"),
  );
  assertEquals((await foundWith("", files))["secret-escaping"], [
    "MINIO_ENDPOINT names a loopback host, which for a pod is the pod itself",
  ]);
});

const SECRET = (password: string) =>
  `apiVersion: v1
kind: Secret
metadata: { name: login, namespace: analytics-jobs }
stringData: { password: '${password}' }
`;

const login = (url: string) =>
  withEnv(
    `{ name: PASSWORD, valueFrom: { secretKeyRef: { name: login, key: password } } }\n` +
      `            - { name: DSN, value: "${url}" }`,
  );

Deno.test("secret-escaping finds reserved characters of values that make a URL", async () => {
  const url = "postgres://robson:$(PASSWORD)@paradedb.robson.svc/rbs";
  for (const password of ["a/b7Xw", "a#b7Xw", "a?b7Xw", "a@b7Xw", "a%b7Xw%", "a[b7Xw"]) {
    for (const text of [url, `jdbc:${url}`, "amqp://u:$(PASSWORD)@queue.robson.svc"]) {
      const found = await problems(login(text), SECRET(password));
      assertStringIncludes(found, "DSN puts PASSWORD into a URL, and the value has characters");
      assert(!found.includes(password), "the value is printed");
    }
  }
  for (const password of ["b7Xw-_.~", "b7Xw%40a", "b7Xw!$&+,;="]) {
    assertEquals(await problems(login(url), SECRET(password)), "");
  }
  // The host and the path of a URL take other characters.
  const path = "postgres://robson@paradedb.robson.svc/$(PASSWORD)";
  assertEquals(await problems(login(path), SECRET("a/b7Xw")), "");
  const parameters = "host=paradedb.robson.svc user=robson password=$(PASSWORD)";
  assertStringIncludes(
    await problems(login(parameters), SECRET("a b7Xw")),
    "DSN puts PASSWORD into a list of parameters",
  );
  assertEquals(await problems(login(parameters), SECRET("a/b7@Xw")), "");
  // Kubernetes does not replace an escaped reference.
  const escaped = "postgres://robson:$$(PASSWORD)@paradedb.robson.svc/rbs";
  assertEquals(await problems(login(escaped), SECRET("a/b7Xw")), "");
});

Deno.test("secret-escaping judges the objects that a SparkApplication names for its pods", () => {
  const yaml = (driver: string, executor: string) =>
    `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: a, namespace: analytics-jobs }
spec:
  type: Python
  mode: cluster
  sparkVersion: 3.5.8
  image: apache/spark:3.5.8
  mainApplicationFile: local:///a.py
  driver: { serviceAccount: spark-jobs, ${driver} }
  executor: { cores: 1, ${executor} }
`;
  const judge = (driver: string, executor: string) => {
    const files = { ...FILES, "a.yaml": yaml(driver, executor) };
    const { unchecked = [], findings } = judgeSecrets(treeOf(factOf(files)))!;
    return [unchecked.join(), ...findings.map(({ field, problem }) => `${field}: ${problem}`)];
  };
  const map = "configMaps: [{ name: lost, path: /c }]";
  assertStringIncludes(judge(map, "memory: 1g")[0]!, "ConfigMap analytics-jobs/lost");
  assertStringIncludes(judge("cores: 1", map)[0]!, "ConfigMap analytics-jobs/lost");
  const whole = "envFrom: [{ secretRef: { name: lost } }]";
  assertStringIncludes(judge("cores: 1", whole)[0]!, "analytics-jobs/lost");
  const optional = "envFrom: [{ secretRef: { name: lost, optional: true } }]";
  assertEquals(judge("cores: 1", optional)[0]!.includes("lost"), false);
  const key = (kind: string, name: string) =>
    `env: [{ name: A, valueFrom: { ${kind}KeyRef: { name: ${name}, key: NOT } } }]`;
  assertEquals(
    judge("cores: 1", key("configMap", "spark-executor-pod")).slice(1),
    [
      "spec.executor.env[0].valueFrom.configMapKeyRef: ConfigMap " +
      "analytics-jobs/spark-executor-pod has no key NOT; it has pod.yaml",
    ],
  );
  assertStringIncludes(
    judge("cores: 1", key("secret", "django-db-credentials"))[1]!,
    "Secret analytics-jobs/django-db-credentials has no key NOT",
  );
  assertStringIncludes(
    judge("cores: 1", 'env: [{ name: S3_ENDPOINT, value: "http://localhost:9000" }]')[1]!,
    "S3_ENDPOINT names a loopback host",
  );
});
