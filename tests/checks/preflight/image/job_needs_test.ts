import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { judgeImages } from "../../../../checks/preflight/image/image_deps.ts";
import { needsOfJobs } from "../../../../checks/preflight/image/job_needs.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";

/** A job of another project, and files beside it. */
interface Case {
  readonly file?: string;
  readonly container?: string;
  readonly pod?: string;
  readonly words?: string;
  readonly object?: string;
  readonly code?: string;
}

const DOCKERFILE = "FROM apache/spark:3.5.8\nCOPY etl.py /opt/app/\n";

/** @param dockerfile the Dockerfile; empty without one */
function treeWith(
  { file = "/opt/app/etl.py", ...given }: Case,
  image = "team/etl:1",
  dockerfile = DOCKERFILE,
) {
  const { container = "", pod = "", words = "", object = "", code = "print(1)\n" } = given;
  const files = {
    "job.yaml": `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: data }
spec:
  template:
    spec:
      restartPolicy: Never
      ${pod}
      containers:
        - name: spark
          image: ${image}
          command: [/opt/spark/bin/spark-submit, "--master=local[1]", ${words} "${file}"]
          ${container}
---
${object}`,
    "etl.py": code,
    ...(dockerfile === "" ? {} : { Dockerfile: dockerfile }),
  };
  const readings = Object.entries(files).map(([name, text]) => readFile(name, text));
  return treeOf({
    directory: ".",
    buildFiles: { listing: Object.keys(files), texts: [], above: [] },
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
  });
}

/** What a job of another project needs, and what is not read of it. */
function needs(given: Case): string {
  const tree = treeWith(given);
  const { lake, database, unread } = needsOfJobs(tree.jobs, tree);
  return unread === undefined
    ? [...lake ? ["lake"] : [], ...database ? ["database"] : []].join(" ")
    : `unread: ${unread}`;
}

const map = (kind: string, data: string) =>
  `apiVersion: v1\nkind: ${kind}\nmetadata: { name: settings, namespace: data }\n${data}\n`;
const FROM_MAP = "envFrom: [{ configMapRef: { name: settings } }]";
const FROM_SECRET = "envFrom: [{ secretRef: { name: settings } }]";
const BY_KEY = "env: [{ name: A, valueFrom: { secretKeyRef: { name: settings, key: a } } }]";

Deno.test("needsOf finds what a job of another project names in its values and its code", () => {
  const cases: readonly [Case, string][] = [
    [{}, ""],
    [{ file: "local:///opt/spark/examples/jars/spark-examples_2.12-3.5.8.jar" }, ""],
    [{ container: FROM_MAP, object: map("ConfigMap", "data: { A: b }") }, ""],
    [{ container: FROM_MAP, object: map("ConfigMap", "data: { A: 's3a://a/b' }") }, "lake"],
    [{ container: FROM_MAP, object: map("ConfigMap", "data: { PGHOST: db }") }, "database"],
    [{ container: FROM_SECRET, object: map("Secret", "data: { A: czNhOi8vYS9i }") }, "lake"],
    [{ container: BY_KEY, object: map("Secret", "stringData: { a: 'jdbc:x' }") }, "database"],
    [{ container: "env: [{ name: A, value: 's3a://a/b' }]" }, "lake"],
    [
      { container: "env: [{ name: A, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }]" },
      "",
    ],
    [{
      pod: "volumes: [{ name: a, configMap: { name: settings } }]",
      container: "volumeMounts: [{ name: a, mountPath: /opt/etl }]",
      words: "--properties-file, /opt/etl/a.conf,",
      object: map("ConfigMap", "data: { a.conf: 'spark.hadoop.fs.s3a.endpoint https://a' }"),
    }, "lake"],
    [{ code: "import psycopg\n" }, "database"],
  ];
  for (const [given, expected] of cases) {
    assertEquals(needs(given), expected, JSON.stringify(given));
  }
});

Deno.test("needsOf names the code or the value of a job of another project that is not read", () => {
  const cases: readonly [Case, string][] = [
    [{ file: "local:///opt/app/etl.jar" }, "local:///opt/app/etl.jar is not read"],
    [{ file: "/opt/app/other.py" }, "/opt/app/other.py is not read"],
    [{ file: "https://t0ken@a.example/etl.jar" }, "https://a.example/etl.jar is not read"],
    [{ words: "--py-files, /opt/lib.zip," }, "/opt/lib.zip is not read"],
    [{ file: "org.example.Etl" }, "its code is not read"],
    [{ words: "--properties-file, /opt/a.conf," }, "/opt/a.conf is not read"],
    [{ container: BY_KEY }, "the value of A is not known"],
    [{ container: FROM_MAP }, "ConfigMap data/settings is not in the manifests"],
    [{ container: FROM_SECRET }, "Secret data/settings is not in the manifests"],
    [
      { pod: "volumes: [{ name: a, secret: { secretName: settings } }]" },
      "Secret data/settings is not in the manifests",
    ],
  ];
  for (const [given, expected] of cases) {
    assertEquals(needs(given), `unread: Job data/etl: ${expected}`, JSON.stringify(given));
  }
});

Deno.test("image-deps does not know whether a job needs a jar if the job's code is not read", () => {
  const judged = (given: Case) => judgeImages(treeWith(given))!;
  assertEquals(judged({}).unknown, undefined);
  const { unknown = "", findings } = judged({ container: BY_KEY });
  assertEquals(findings, []);
  assertStringIncludes(
    unknown,
    "Dockerfile: whether a job needs hadoop-aws, aws-java-sdk-bundle, postgresql, which the " +
      "image lacks, is not known (Job data/etl: the value of A is not known)",
  );
  const known = judged({ container: FROM_MAP, object: map("ConfigMap", "data: { A: 's3a://a' }") });
  assertEquals(known.findings.map(({ problem }) => problem), [
    "the Dockerfile does not add the hadoop-aws jar",
    "the Dockerfile does not add the aws-java-sdk-bundle jar",
  ]);
});

Deno.test("image-deps does not know whether plain Spark is enough if the job's code is not read", () => {
  const plain = (given: Case) => judgeImages(treeWith(given, "apache/spark:3.5.8", ""))!;
  const unclear = "apache/spark:3.5.8: whether a job needs hadoop-aws, the AWS SDK, postgresql, " +
    "which the image lacks, is not known (Job data/etl: local:///opt/etl.jar is not read)";
  const { unknown, findings } = plain({ file: "local:///opt/etl.jar" });
  assertEquals([unknown, findings], [unclear, []]);
  assertEquals(plain({}).unknown, undefined);
  const example = "local:///opt/spark/examples/jars/spark-examples_2.12-3.5.8.jar";
  assertEquals(plain({ file: example }).unknown, undefined);
  const lake = plain({
    file: "local:///opt/etl.jar",
    container: "env: [{ name: A, value: 's3a://a' }]",
  });
  assertEquals([lake.unknown, lake.findings.map(({ problem }) => problem)], [
    undefined,
    ["apache/spark:3.5.8 is plain Spark"],
  ]);
});

Deno.test("image-deps only warns of the defaults of an image whose jobs no policy closes", () => {
  const dockerfile = `${DOCKERFILE}RUN echo "spark.jars.packages a:b:1" >> ` +
    "/opt/spark/conf/spark-defaults.conf\n";
  const severities = (object: string) =>
    judgeImages(treeWith({ object }, "team/etl:1", dockerfile))!.findings
      .filter(({ problem }) => problem.includes("spark.jars.packages"))
      .map(({ severity }) => severity);
  assertEquals(severities(""), ["warn"]);
  const policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
    "metadata: { name: none, namespace: data }\nspec: { podSelector: {}, policyTypes: [Egress] }\n";
  assertEquals(severities(policy), ["fail"]);
});
