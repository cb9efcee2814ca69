import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { withoutPathStyle } from "../../../../checks/preflight/secrets/path_style.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { foundWith } from "../../spark/whole_preflight.ts";

/** A job, and files beside it. */
interface Case {
  readonly conf?: readonly string[];
  readonly env?: string;
  readonly code?: string;
  readonly application?: string;
  readonly more?: string;
}

/** The findings about a job, as `severity problem`. */
function found({ conf = [], env = "", code = "", application = "/opt/etl.py", more = "" }: Case) {
  const words = conf.map((each) => `"--conf=${each}", `).join("");
  const files = {
    "job.yaml": `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: data }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: spark
          image: team/etl:1
          command: [/opt/spark/bin/spark-submit, "--master=local[1]", ${words}${application}]
          env: [${env}]
---
${more}`,
    "etl.py": `import pyspark\n${code}\n`,
  };
  const readings = Object.entries(files).map(([name, text]) => readFile(name, text));
  const tree = treeOf({
    directory: ".",
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
  });
  return tree.jobs.flatMap((job) => withoutPathStyle(job, tree))
    .map(({ severity, problem }) => `${severity} ${problem}`);
}

const S3A = "spark.hadoop.fs.s3a";
const to = (host: string) => ({ conf: [`${S3A}.endpoint=${host}`] });
const lookup = (host: string) => `the job looks up its bucket as a name before ${host}`;
const NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: { name: storage }\n";

Deno.test("withoutPathStyle fails for a Service, and warns about a private host", () => {
  for (
    const [given, host] of [
      [to("http://minio:9000"), "minio"],
      [to("minio:9000"), "minio"],
      [to("http://minio.storage.svc:9000"), "minio.storage.svc"],
      [to("http://minio.storage.svc.cluster.local:9000/"), "minio.storage.svc.cluster.local"],
      [{ ...to("http://rgw.storage:8080"), more: NAMESPACE }, "rgw.storage"],
      [to("http://minio.data:9000"), "minio.data"],
      [{ conf: [`${S3A}.bucket.lake.endpoint=http://minio:9000`] }, "minio"],
      [{ conf: [`${S3A}.endpoint=http://minio:9000`, `${S3A}.path.style.access=false`] }, "minio"],
      [{
        ...to("$(S3_ENDPOINT)"),
        env: "{ name: S3_ENDPOINT, value: 'http://minio:9000' }",
      }, "minio"],
      [{ code: 'hadoop.set("fs.s3a.endpoint", "http://minio:9000")' }, "minio"],
      [{ code: 'builder.config("spark.hadoop.fs.s3a.endpoint", "http://minio:9000")' }, "minio"],
      [{ code: 'OPTIONS = {"fs.s3a.endpoint": "http://minio:9000"}' }, "minio"],
      [{ ...to("minio:9000"), code: "# path.style.access is not needed" }, "minio"],
      [{ ...to("minio:9000"), code: 'set("fs.s3a.path.style.access", "false")' }, "minio"],
      [{ ...to("minio:9000"), code: 'set(\n  "fs.s3a.path.style.access",\n  False)' }, "minio"],
    ] as const
  ) {
    assertEquals(found(given), [`fail ${lookup(host)}`], JSON.stringify(given));
  }
  for (const host of ["minio.corp", "s3.lab.internal", "rgw.home.arpa"]) {
    assertEquals(found(to(`https://${host}`)), [`warn ${lookup(host)}`]);
  }
  const jar = '"--jars=https://a.example/a.jar", /opt/etl.py';
  assertEquals(found({ ...to("http://minio:9000"), application: jar }), [
    `fail ${lookup("minio")}`,
  ]);
  assertEquals(found({ ...to("http://minio:9000"), application: "local:///opt/etl.jar" }), [
    `warn ${lookup("minio")}, unless its code sets path.style.access ` +
    "(local:///opt/etl.jar is not read)",
  ]);
});

Deno.test("withoutPathStyle takes a name with the end of a domain for a host outside the cluster", () => {
  for (const end of ["storage", "cloud", "network", "services", "prod", "internal"]) {
    const more = NAMESPACE.replace("storage", end);
    const service = `${more}---\n${
      more.replace("Namespace", "Service").replace(`name: ${end}`, `name: acme, namespace: ${end}`)
    }`;
    const host = `acme.${end}`;
    const warning = [`warn ${lookup(host)}`];
    for (const url of [`https://${host}`, host, `https://${host}:443/`]) {
      assertEquals(found({ ...to(url), more }), end === "internal" ? warning : [], url);
      assertEquals(found({ ...to(url), more: service }), [`fail ${lookup(host)}`], url);
    }
    assertEquals(found({ ...to(`https://${host}:9000`), more }), warning, host);
    const plain = { conf: [...to(host).conf, `${S3A}.connection.ssl.enabled=false`] };
    assertEquals(found({ ...plain, more }), [`fail ${lookup(host)}`], host);
  }
});

Deno.test("withoutPathStyle warns about a name that can be a Service of an undeclared namespace", () => {
  for (
    const url of ["http://minio.storage", "https://minio.storage:9000", "http://rgw.lake:8080"]
  ) {
    const host = URL.parse(url)!.hostname;
    assertEquals(found(to(url)), [`warn ${lookup(host)}`], url);
  }
  for (const url of ["https://minio.storage", "http://acme.com:9000", "http://s3.acme.io"]) {
    assertEquals(found(to(url)), [], url);
  }
});

Deno.test("withoutPathStyle accepts paths, addresses and public hosts", () => {
  const { conf } = to("http://minio:9000");
  for (
    const given of [
      { conf: [...conf, `${S3A}.path.style.access=true`] },
      { conf: [...conf, `${S3A}.path.style.access=$(STYLE)`] },
      { conf, code: 'hadoop.set("fs.s3a.path.style.access", "true")' },
      { conf, code: 'hadoop.set("fs.s3a.path.style.access", STYLE)' },
      { conf, code: 'a.set("path.style.access", "false")\nb.set("path.style.access", "true")' },
      { conf, code: 'builder.config("spark.hadoop.fs.s3a.path.style.access", True)' },
      {
        conf: [
          `${S3A}.bucket.lake.endpoint=http://minio:9000`,
          `${S3A}.bucket.lake.path.style.access=true`,
        ],
      },
      to("http://10.9.0.7:9000"),
      to("https://s3.eu-central-1.amazonaws.com"),
      to("https://eu2.contabostorage.com"),
      to("http://localhost:9000"),
      to("$(UNKNOWN)"),
      to(""),
      {},
      {
        ...to("http://minio:9000"),
        conf: [...conf, "x=y"],
        application: '"--properties-file=/a.conf", /opt/etl.py',
      },
      { env: "{ name: S3_ENDPOINT, value: 'http://minio:9000' }" },
    ]
  ) {
    assertEquals(found(given), [], JSON.stringify(given));
  }
});

Deno.test("withoutPathStyle does not print an endpoint of a Secret", () => {
  const more = `apiVersion: v1
kind: Secret
metadata: { name: store, namespace: data }
stringData: { endpoint: "http://hidden-minio:9000" }
`;
  const env = "{ name: ENDPOINT, valueFrom: { secretKeyRef: { name: store, key: endpoint } } }";
  const [finding, ...others] = found({ ...to("$(ENDPOINT)"), env, more });
  assertEquals([finding, others], [`fail ${lookup("the store")}`, []]);
});

Deno.test("secret-escaping judges the names of buckets in files of Hadoop and of operators", async () => {
  const application = (fields: string) =>
    `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: etl, namespace: analytics-jobs }
spec:
  type: Scala
  mode: cluster
  sparkVersion: 3.5.8
  image: registry.example.com/a:1
  mainClass: org.example.Etl
  mainApplicationFile: local:///opt/etl.jar
  ${fields}
  driver: { serviceAccount: spark-jobs }
  executor: { instances: 1 }
`;
  const site = `---
apiVersion: v1
kind: ConfigMap
metadata: { name: hadoop, namespace: analytics-jobs }
data:
  core-site.xml: |
    <configuration>
      <property><name>fs.s3a.endpoint</name><value>http://minio.minio.svc:9000</value></property>
      STYLE
    </configuration>
`;
  const style = "<property><name>fs.s3a.path.style.access</name><value>true</value></property>";
  const url = "http://minio.minio.svc:9000";
  for (
    const [bad, good] of [
      [
        application(`hadoopConf: { "fs.s3a.endpoint": "${url}" }`),
        application(
          `hadoopConf: { "fs.s3a.endpoint": "${url}", "fs.s3a.path.style.access": "true" }`,
        ),
      ],
      [
        application(`sparkConf: { "${S3A}.endpoint": "${url}" }`),
        application(
          `sparkConf: { "${S3A}.endpoint": "${url}", "${S3A}.path.style.access": "true" }`,
        ),
      ],
      [
        application("hadoopConfigMap: hadoop") + site.replace("STYLE", ""),
        application("hadoopConfigMap: hadoop") + site.replace("STYLE", style),
      ],
    ] as const
  ) {
    const problems = async (yaml: string) => (await foundWith(yaml))["secret-escaping"] ?? [];
    assertStringIncludes((await problems(bad)).join("\n"), lookup("minio.minio.svc"), bad);
    assert(!(await problems(good)).join("\n").includes("looks up its bucket"), good);
  }
});
