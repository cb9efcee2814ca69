import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { jobOf, map, type Shape } from "./job_yaml.ts";
import { FILES } from "../healthy/manifests.ts";
import { foundWith, preflightOf } from "./whole_preflight.ts";

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

Deno.test("settingsOfFiles reads each file of Hadoop and Hive", () => {
  for (const file of ["hdfs-site.xml", "hive-site.xml", "mapred-site.xml", "yarn-site.xml"]) {
    const more = map("hadoop", `\n  ${file}: ${coreSite("https://s3.example.com")}`);
    assertEquals(endpointOf(withFile("", { more }))?.value, "https://s3.example.com", file);
  }
  const more = map("hadoop", `\n  other-site.xml: ${coreSite("https://s3.example.com")}`);
  assertEquals(endpointOf(withFile("", { more })), undefined);
});

Deno.test("settingsOfFiles names a file of Hadoop that a Dockerfile adds", () => {
  const unknownOf = (instruction: string) =>
    jobOf({}, { Dockerfile: `FROM apache/spark:3.5.8\n${instruction}\n` })
      .settings.get("spark.hadoop.*")?.unknown;
  const reason = (file: string) =>
    `${file} of the image of manifests/Dockerfile can have more settings, and is not read`;
  for (
    const instruction of [
      "COPY core-site.xml /opt/spark/conf/",
      "COPY --chown=185 etc/core-site.xml $HADOOP_CONF_DIR/",
      "COPY conf/ /opt/hadoop/conf",
      "RUN cp /tmp/core-site.xml /etc/hadoop/",
      "COPY <<END /opt/spark/conf/core-site.xml\n<configuration/>\nEND",
    ]
  ) assertEquals(unknownOf(instruction), reason("core-site.xml"), instruction);
  assertEquals(unknownOf("COPY hive-site.xml /opt/spark/conf/"), reason("hive-site.xml"));
  for (
    const instruction of [
      "COPY core-site.xml.template /opt/",
      "COPY log4j2.properties /opt/spark/conf/",
      "COPY conf /opt/app/conf",
    ]
  ) assertEquals(unknownOf(instruction), undefined, instruction);
});

Deno.test("settingsOfFiles names only files in the final stage of an image that can have Spark", () => {
  const fileOf = (dockerfile: string) =>
    jobOf({}, { Dockerfile: `${dockerfile}\n` }).unreadProperties;
  const spark = "FROM apache/spark:3.5.8";
  const file = "/opt/spark/conf/spark-defaults.conf";
  const copy = `COPY history/spark-defaults.conf ${file}`;
  for (
    const dockerfile of [
      `${spark}\n${copy}`,
      `${spark}\n${copy}\nRUN rm -f /tmp/x`,
      `${spark}\nRUN rm -f ${file} && cp /tmp/spark-defaults.conf /opt/spark/conf/`,
      `${spark}\nRUN <<END\nrm -f ${file}\necho spark.a 1 > ${file}\nEND`,
      `${spark}\nRUN chmod 644 ${file}`,
      `${spark} AS base\n${copy}\nFROM base\nUSER 185`,
      `FROM debian AS files\n${copy}\n${spark}\nCOPY --from=files /opt/spark /opt/spark`,
      `FROM debian\n${copy}\n${spark}\nCOPY --from=0 ${file} ${file}`,
      `FROM ghcr.io/acme/base:1\n${copy}`,
      `FROM \${BASE}\n${copy}`,
      `FROM python:3.12 AS python\nRUN pip install pyspark==3.5.8\n${copy}`,
      `FROM node:22\nCOPY --from=apache/spark:3.5.8 /opt/spark /opt/spark\n${copy}`,
    ]
  ) {
    const name = "spark-defaults.conf of the image of manifests/Dockerfile";
    assertEquals(fileOf(dockerfile), name, dockerfile);
  }
  for (
    const dockerfile of [
      `FROM nginx:1.27\n${copy}`,
      `FROM docker.io/library/nginx AS nginx\n${copy}`,
      `FROM mirror.example.com:5000/nginxinc/nginx-unprivileged@sha256:1\n${copy}`,
      `${spark}\nRUN rm -f ${file}`,
      `${spark}\nRUN echo a; rm -rf ${file} && mkdir /x`,
      `${spark} AS other\n${copy}\n${spark}\nUSER 185`,
      `FROM debian AS files\n${copy}\n${spark}\nCOPY --from=files /x/a.jar /opt/spark/jars/`,
    ]
  ) assertEquals(fileOf(dockerfile), undefined, dockerfile);
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

const property = (text: string) => ({
  ...withFile(""),
  more: map("hadoop", `\n  core-site.xml: |\n    ${text}\n`),
});

for (
  const [text, value] of [
    ['<property name="fs.s3a.endpoint" value="http://a:9000"/>', "http://a:9000"],
    ["<property name='fs.s3a.endpoint'><value>http://a:9000</value></property>", "http://a:9000"],
    [
      "<property ><name >fs.s3a.endpoint</name><value><![CDATA[http://a:9000]]></value></property>",
      "http://a:9000",
    ],
    [
      "<property><name>fs.s3a.endpoint</name><value>http&#58;&#x2f;/a&amp;</value></property>",
      "http://a&",
    ],
    ["<property><name>fs.s3a.endpoint</name><value/><final>true</final></property>", ""],
  ] as const
) {
  Deno.test(`settingsOfFiles reads ${text}`, () => {
    const shape = property(`<?xml version="1.0"?><configuration>${text}</configuration>`);
    assertEquals(endpointOf(shape)?.value, value);
    assertEquals(jobOf(shape).settings.get("spark.hadoop.*"), undefined);
  });
}

for (
  const [text, told] of [
    ['<configuration><xi:include href="a.xml"/></configuration>', "<xi:include"],
    [
      "<configuration><property><name>a</name><value>&b;</value></property></configuration>",
      "a text",
    ],
    ["<configuration><property><name>a</name></configuration>", "<property"],
    ["<!DOCTYPE a [<!ENTITY b 'c'>]><configuration></configuration>", "<!DOCTYPE"],
    ["<configuration><property b:c='d'></property></configuration>", "<property"],
  ] as const
) {
  Deno.test(`settingsOfFiles names ${told} in ${text} as not read`, () => {
    const unread = jobOf(property(text)).settings.get("spark.hadoop.*");
    assertStringIncludes(
      unread?.unknown ?? "",
      `core-site.xml of ConfigMap analytics-jobs/hadoop has ${told}`,
    );
  });
}

Deno.test("egress-policy and manifests-readable name a file of Hadoop with xi:include as not judged", async () => {
  const include = '<configuration><xi:include href="a.xml"/></configuration>';
  const reason =
    "core-site.xml of ConfigMap analytics-jobs/conf has <xi:include, which is not read";
  const yaml = (fields: string) =>
    `${application(`hadoopConfigMap: conf\n  ${fields}`)}---\n${
      map("conf", `\n  core-site.xml: '${include}'\n`)
    }`;
  for (
    const [fields, verdict] of [
      ["", "error"],
      [`sparkConf: { "${ENDPOINT}": "https://s3.example.com" }`, "pass"],
    ] as const
  ) {
    const results = await preflightOf({ ...FILES, "more.yaml": yaml(fields) });
    const of = (id: string) => results.find((each) => each.id === id)!;
    assertEquals(of("egress-policy").verdict, verdict, fields);
    if (verdict === "error") assertEquals(of("egress-policy").reason, reason);
    const { notJudged = [] } = of("manifests-readable");
    assertEquals(notJudged.filter((each) => each.reason === reason).map(({ object }) => object), [
      "ConfigMap analytics-jobs/conf",
    ]);
  }
});

Deno.test("settingsOfFiles does not guess the files of volumes that are not in the manifests", () => {
  const unknownOf = (shape: Shape) => jobOf(shape).settings.get("spark.hadoop.*")?.unknown;
  const at = (path: string, more = "") => `volumeMounts: [{ name: h, mountPath: ${path}${more} }]`;
  const volume = (source: string) => `volumes: [{ name: h, ${source} }]`;
  const map = volume("configMap: { name: absent }");
  const reason = "ConfigMap absent can have the file core-site.xml, and is not in the manifests";
  const secret = "Secret absent can have the file core-site.xml, and is not in the manifests";
  assertEquals(unknownOf({ pod: map, container: at("/opt/spark/conf") }), reason);
  assertEquals(
    unknownOf({ pod: map, container: at("/x/core-site.xml", ", subPath: core-site.xml") }),
    reason,
  );
  assertEquals(unknownOf({ pod: map, container: at("/data") }), undefined);
  const env = "[{ name: HADOOP_CONF_DIR, value: /h/ }]";
  assertEquals(unknownOf({ env, pod: map, container: at("/h") }), reason);
  assertEquals(unknownOf({ env, pod: map, container: at("/opt/spark/conf") }), reason);
  const spark = "[{ name: SPARK_CONF_DIR, value: /h/ }]";
  assertEquals(unknownOf({ env: spark, pod: map, container: at("/opt/spark/conf") }), undefined);
  assertEquals(
    unknownOf({ env, pod: volume("secret: { secretName: absent }"), container: at("/h") }),
    secret,
  );
  const projected = volume("projected: { sources: [{ secret: { name: absent } }] }");
  assertEquals(unknownOf({ env, pod: projected, container: at("/h") }), secret);
  const args = ["--conf=spark.kubernetes.hadoop.configMapName=absent"];
  assertEquals(unknownOf({ args }), reason);
  assertEquals(unknownOf(withFile("https://s3.example.com")), undefined);
  const claim = volume("persistentVolumeClaim: { claimName: absent }");
  assertEquals(
    unknownOf({ env, pod: claim, container: at("/h") }),
    "the volume absent can have the file core-site.xml, and is not in the manifests",
  );
});
