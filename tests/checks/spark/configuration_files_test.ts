import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { jobOf, map, type Shape } from "./job_yaml.ts";
import { foundWith } from "./whole_preflight.ts";

const ENDPOINT = "spark.hadoop.fs.s3a.endpoint";

/** The file of Hadoop with an endpoint. */
const coreSite = (endpoint: string) =>
  "|\n    <configuration>\n      <!-- <property><name>fs.s3a.endpoint</name><value>http://old" +
  "</value></property> -->\n      <property>\n        <name>fs.s3a.endpoint</name>\n" +
  `        <value>${endpoint}</value>\n      </property>\n    </configuration>\n`;

const withFile = (endpoint: string, shape: Partial<Shape> = {}): Shape => ({
  pod: "volumes: [{ name: hadoop, configMap: { name: hadoop } }]",
  container: "volumeMounts: [{ name: hadoop, mountPath: /etc/hadoop/conf }]",
  more: map("hadoop", `\n  core-site.xml: ${coreSite(endpoint)}`),
  ...shape,
});

const endpointOf = (shape: Shape) => jobOf(shape).settings.get(ENDPOINT);

Deno.test("settingsOfFiles reads core-site.xml of a mounted ConfigMap", () => {
  const setting = endpointOf(withFile("https://s3.example.com"))!;
  assertEquals([setting.value, setting.place.object, setting.place.field], [
    "https://s3.example.com",
    "ConfigMap analytics-jobs/hadoop",
    "data.core-site.xml",
  ]);
});

Deno.test("settingsOfFiles: a setting of Spark counts more than core-site.xml", () => {
  const args = [`--conf=${ENDPOINT}=https://other.example.com`];
  assertEquals(endpointOf(withFile("https://s3.example.com", { args }))?.value, args[0]!.slice(36));
});

Deno.test("settingsOfFiles reads core-site.xml only in the folder that Hadoop reads", () => {
  for (
    const [folder, value] of [["/etc/hadoop/conf", "https://s3.example.com"], ["/opt", undefined]]
  ) {
    const env = `[{ name: HADOOP_CONF_DIR, value: ${folder} }]`;
    assertEquals(endpointOf(withFile("https://s3.example.com", { env }))?.value, value, folder);
  }
});

Deno.test("settingsOfFiles replaces variables of the container, and does not guess others", () => {
  const env = "[{ name: STORE, value: minio }]";
  const known = endpointOf(withFile("http://${env.STORE}:9000", { env }));
  assertEquals([known?.value, known?.unknown], ["http://minio:9000", undefined]);
  assertEquals(endpointOf(withFile("${env.S3:-http://minio}"))?.value, "http://minio");
  assertEquals(
    endpointOf(withFile("${env.ABSENT}"))?.unknown,
    "the value of ${env.ABSENT} is not known",
  );
});

Deno.test("settingsOfFiles reads the ConfigMap of spark.kubernetes.hadoop.configMapName", () => {
  const args = ["--conf=spark.kubernetes.hadoop.configMapName=hadoop"];
  const shape = { args, more: map("hadoop", `\n  core-site.xml: ${coreSite("http://minio")}`) };
  assertEquals(endpointOf(shape)?.value, "http://minio");
});

const application = (fields: string) =>
  `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: a, namespace: analytics-jobs }
spec:
  type: Python
  mode: cluster
  sparkVersion: 3.5.8
  image: registry.example.com/a:1
  mainApplicationFile: local:///a.py
  ${fields}
  driver: { serviceAccount: spark-jobs }
  executor: { instances: 1 }
`;

Deno.test("egress-policy judges the store in the ConfigMaps that a SparkApplication names", async () => {
  const store = "http://10.9.0.7:9000";
  for (
    const [fields, data] of [
      ["hadoopConfigMap: conf", `\n  core-site.xml: ${coreSite(store)}`],
      ["sparkConfigMap: conf", `\n  spark-defaults.conf: ${ENDPOINT} ${store}\n`],
      [`hadoopConf: { "fs.s3a.endpoint": "${store}" }`, "{}"],
      [`sparkConf: { "spark.hadoop.fs.s3a.bucket.lake.endpoint": "${store}" }`, "{}"],
    ] as const
  ) {
    const findings = await foundWith(`${application(fields)}---\n${map("conf", data)}`);
    assertStringIncludes(findings["egress-policy"]?.[0] ?? "", "9000", fields);
  }
});
