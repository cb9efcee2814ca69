import { absentFiles } from "../../../../checks/preflight/image/absent_files.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";

const JOB = `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      volumes: [{ name: code, emptyDir: {} }]
      containers:
        - name: etl
          image: registry.example.com/etl:1
          command: [/opt/spark/bin/spark-submit]
          args: ["--master=local[2]", "--py-files", "/opt/app/lib.zip", FILE, "/opt/app/input.py"]
          volumeMounts: [{ name: code, mountPath: /mounted/ }]
`;

const APPLICATION = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: etl, namespace: analytics-jobs }
spec:
  type: Python
  sparkVersion: 3.5.8
  image: registry.example.com/etl:1
  mainApplicationFile: FILE
  deps: { jars: ["local:///opt/jars/a.jar"] }
  driver: { serviceAccount: spark }
  executor: { instances: 1 }
`;

interface Case {
  readonly manifest?: string;
  readonly file?: string;
  readonly from?: string;
  readonly others?: Readonly<Record<string, string>>;
}

/** The findings for a Dockerfile, as `severity field problem`. */
function found(
  dockerfile: string,
  { manifest = JOB, file = "local:///opt/app/etl.py", from = "apache/spark:3.5.8", others = {} }:
    Case = {},
): string[] {
  const files = {
    "job.yaml": manifest.replace("FILE", file),
    "image/Dockerfile": `FROM ${from}\n${dockerfile}\n`,
    "image/jobs/etl.py": "",
    ...others,
  };
  const readings = Object.entries(files).map(([name, text]) => readFile(name, text));
  const tree = treeOf({
    directory: ".",
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
  });
  return absentFiles(tree, tree.code.filter(({ language }) => language === "dockerfile"))
    .map(({ severity, field, problem }) => `${severity} ${field} ${problem}`);
}

const problem = (path: string) =>
  `the job names ${path}, and no instruction of image/Dockerfile adds the file`;
const ARGUMENT = "spec.template.spec.containers[0].args[3]";
const ABSENT = [`fail ${ARGUMENT} ${problem("/opt/app/etl.py")}`];

Deno.test("absentFiles finds an application that no instruction adds", () => {
  for (
    const dockerfile of [
      "",
      "COPY jobs/ /opt/jobs/",
      "COPY jobs/other.py /opt/app/",
      "COPY jobs/other.py jobs/third.py /opt/app",
      'COPY ["jobs/other.py", "/opt/app/"]',
      "COPY --chmod=755 jobs/etl.py /opt/app/main.py",
      "WORKDIR /opt/job\nCOPY jobs/etl.py .",
      "RUN mkdir -p /opt/app && chown -R 185 /opt/app",
      "RUN pip install boto3",
      "RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
      "RUN groupadd app; useradd -g app app",
      "COPY build.sh /tmp/",
      'COPY --chown=185 ["jobs/other.py", "/opt/app/"]',
      "WORKDIR $SPARK_HOME/jobs\nWORKDIR /opt/job\nCOPY jobs/etl.py .",
      "ADD https://example.com/other.py /opt/app/",
      "FROM maven:3.9 AS build\nCOPY jobs /opt/app\nFROM apache/spark:3.5.8",
    ]
  ) {
    assertEquals(found(dockerfile), ABSENT, dockerfile);
  }
  assertEquals(found("", { file: "/opt/app/etl.py" }), ABSENT);
  assertEquals(found("", { from: "python:3.12-slim" }), ABSENT);
  const program = (command: string, args: string) =>
    JOB.replace(/command: .*/, `command: ${command}`).replace(/args: .*/, `args: ${args}`);
  const python = {
    manifest: program("[python3]", "[/opt/app/etl.py, /opt/app/x.py]"),
    others: { "image/jobs/etl.py": "import pyspark" },
  };
  assertEquals(found("", python), [
    `fail spec.template.spec.containers[0].args[0] ${problem("/opt/app/etl.py")}`,
  ]);
  const script = program("[sh, -c]", '["spark-submit --master a local:///opt/app/etl.py $DAY"]');
  assertEquals(found("", { manifest: script }), [
    `fail spec.template.spec.containers[0].args[0] ${problem("/opt/app/etl.py")}`,
  ]);
  const others = { "image/jobs/etl.py": "", "image/jobs/more/other.py": "" };
  assertEquals(found("COPY jobs/more/ /opt/app/", { others }), ABSENT);
  assertEquals(found("COPY jobs/ /opt/app/", { manifest: APPLICATION }), [
    `fail spec.deps.jars ${problem("/opt/jars/a.jar")}`,
  ]);
});

Deno.test("absentFiles finds files of lists that no instruction adds", () => {
  const list = (...args: string[]) =>
    JOB.replace('"--py-files", "/opt/app/lib.zip"', args.map((each) => `"${each}"`).join(", "));
  for (
    const args of [
      ["--py-files", "local:///opt/libs/a.zip"],
      ["--jars=s3a://lake/x.jar,local:///opt/libs/a.zip"],
      ["--files", "local:///opt/libs/a.zip"],
      ["--archives", "local:///opt/libs/a.zip#env"],
      ["--conf", "spark.archives=local:///opt/libs/a.zip#env,local:///opt/app/etl.py"],
    ]
  ) {
    const [finding, ...others] = found("COPY jobs /opt/app", { manifest: list(...args) });
    assertEquals(others, [], args.join(" "));
    assertStringIncludes(finding ?? "", problem("/opt/libs/a.zip"), args.join(" "));
    assertEquals(found("COPY jobs /opt/app\nADD libs /opt/libs", { manifest: list(...args) }), []);
  }
  const deps = (field: string) => APPLICATION.replace("jars:", `${field}:`);
  for (const field of ["jars", "pyFiles", "files", "archives"]) {
    assertEquals(found("COPY jobs/ /opt/app/", { manifest: deps(field) }), [
      `fail spec.deps.${field} ${problem("/opt/jars/a.jar")}`,
    ]);
  }
  const conf = "sparkConf: { spark.files: local:///opt/libs/a.properties }";
  assertEquals(
    found("COPY jobs/ /opt/app/\nCOPY jars /opt/jars", {
      manifest: `${APPLICATION}  ${conf}\n`,
    }),
    [`fail spec.sparkConf.spark.files ${problem("/opt/libs/a.properties")}`],
  );
});

Deno.test("absentFiles accepts a file that an instruction adds, or can add", () => {
  for (
    const dockerfile of [
      "COPY jobs/ /opt/app/",
      "COPY jobs /opt/app",
      "COPY jobs/*.py /opt/app/",
      "COPY . /opt/app",
      "COPY unknown/ /opt/app/",
      "COPY jobs/etl.py /opt/app/",
      "COPY jobs/main.py /opt/app/etl.py",
      'COPY ["jobs/etl.py", "/opt/app/"]',
      "WORKDIR /opt\nWORKDIR app\nCOPY jobs/etl.py ./",
      "COPY --from=build /out /opt/app",
      "COPY --from=build /out/etl.py /opt/app/",
      "ARG TARGET\nCOPY jobs/ $TARGET",
      "ADD https://example.com/etl.py /opt/app/",
      "ADD app.tar.gz /opt/",
      "COPY <<END /opt/app/etl.py\nprint()\nEND",
      "RUN git clone https://example.com/jobs.git /opt/app",
      "WORKDIR /opt/app\nRUN curl -fO https://example.com/etl.py",
      "RUN tar xf /jobs.tar -C /opt",
      "COPY jobs /opt/app\nFROM build",
      "COPY build.sh /tmp/\nRUN /tmp/build.sh",
      "RUN ./build.sh",
      "RUN make install",
      "RUN sh -c 'deploy'",
      "RUN pip install -r /tmp/a.txt && python3 -m app.deploy",
      "RUN --mount=type=cache,target=/root/.cache poetry run deploy",
      "RUN dpkg -i /tmp/jobs.deb",
      "RUN apt-get install -y /tmp/jobs.deb",
      "RUN find /tmp -name x -exec deploy {} +",
      "RUN <<END\ndeploy\nEND",
      "RUN tar xf /jobs.tar -C /",
      "RUN curl -sSf https://example.com/setup | sh",
      "ARG BASE\nWORKDIR ${BASE}/app\nCOPY jobs/etl.py .",
      "WORKDIR $SPARK_HOME/jobs\nCOPY jobs/etl.py ./",
      "WORKDIR $SPARK_HOME\nWORKDIR jobs\nCOPY jobs/etl.py ./",
      "WORKDIR /opt/app\nCOPY [a-z]*.py ./",
      "WORKDIR /opt/app\nCOPY [ej]tl.py ./",
      'COPY --chown=185 ["jobs/etl.py", "/opt/app/"]',
      "COPY --parents app/etl.py /opt/",
    ]
  ) {
    assertEquals(found(dockerfile), [], dockerfile);
  }
  assertEquals(found("", { from: "registry.example.com/base:1" }), []);
  const elsewhere = { "image/jobs/etl.py": "", "image/lib/src/helper.py": "" };
  assertEquals(found("COPY src /opt/app", { others: elsewhere }), []);
  const above = { "image/jobs/etl.py": "", "src/etl.py": "", "image/src/a.py": "" };
  assertEquals(found("COPY src /opt/app", { others: above }), []);
  for (
    const file of [
      "local:///opt/spark/examples/src/main/python/pi.py",
      "local:///mounted/etl.py",
      "s3a://bucket/etl.py",
      "/opt/app/$NAME.py",
      "etl.py",
    ]
  ) assertEquals(found("", { file }), [], file);
});

Deno.test("absentFiles accepts a file in a folder that an operator fills", () => {
  const driver = "driver: { serviceAccount: spark }";
  for (
    const fields of [
      "configMaps: [{ name: code, path: /opt/app }]",
      "secrets: [{ name: code, path: /opt/app/, secretType: Generic }]",
      "volumeMounts: [{ name: code, mountPath: /opt/app }]",
      "template: { spec: { containers: [{ volumeMounts: [{ name: a, mountPath: /opt }] }] } }",
    ]
  ) {
    const manifest = APPLICATION.replace(driver, () => `driver: { ${fields} }`);
    assertEquals(found("COPY jars/a.jar /opt/jars/", { manifest }), [], fields);
  }
  const conf = "sparkConf: { spark.kubernetes.driver.volumes.hostPath.a.mount.path: /opt }";
  assertEquals(found("", { manifest: APPLICATION.replace(driver, `${driver}\n  ${conf}`) }), []);
});

Deno.test("absentFiles accepts a file in a folder that the driver's pod mounts", () => {
  const cluster = (...settings: string[]) =>
    JOB.replace("--master=local[2]", "--master=k8s://https://a").replace(
      '"--py-files", "/opt/app/lib.zip"',
      ["--deploy-mode=cluster", ...settings.map((each) => `--conf=${each}`)]
        .map((each) => `"${each}"`).join(", "),
    );
  const volume = "spark.kubernetes.driver.volumes.persistentVolumeClaim.code";
  for (
    const setting of [
      `${volume}.mount.path=/opt/app`,
      `${volume}.mount.path=/opt/app/etl.py`,
      "spark.kubernetes.driver.secrets.code=/opt/app/",
      "spark.kubernetes.driver.podTemplateFile=/opt/template.yaml",
    ]
  ) assertEquals(found("", { manifest: cluster(setting) }), [], setting);
  assertEquals(found("", { manifest: cluster("spark.kubernetes.executor.secrets.a=/opt/app") }), [
    `fail ${ARGUMENT} ${problem("/opt/app/etl.py")}`,
  ]);
});

Deno.test("absentFiles only warns if the jobs have several images", () => {
  const manifest = `${JOB}---\n${
    JOB.replace("name: etl,", "name: other,").replace("/etl:1", "/other:1")
      .replace("FILE", "local:///mounted/x.py")
  }`;
  assertEquals(found("", { manifest }), [`warn ${ARGUMENT} ${problem("/opt/app/etl.py")}`]);
  assertEquals(found("COPY jobs /opt/app", { manifest }), []);
});
