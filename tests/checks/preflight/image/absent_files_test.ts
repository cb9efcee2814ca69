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
          args: ["--master=local[2]", "--py-files", "/mounted/lib.zip", FILE, "/opt/app/input.py"]
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
  readonly texts?: Readonly<Record<string, string>>;
  readonly above?: readonly string[];
}

/** The findings for a Dockerfile, as `severity field problem`. */
function found(
  dockerfile: string,
  {
    manifest = JOB,
    file = "local:///opt/app/etl.py",
    from = "apache/spark:3.5.8",
    others = {},
    texts = {},
    above = [],
  }: Case = {},
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
    buildFiles: {
      listing: Object.keys(files),
      texts: Object.entries(texts).map(([file, text]) => ({ file, text })),
      above,
    },
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
  });
  const { findings, unknown, notJudged } = absentFiles(
    tree,
    tree.code.filter(({ language }) => language === "dockerfile"),
  );
  return [
    ...findings.map(({ severity, field, problem }) => `${severity} ${field} ${problem}`),
    ...unknown.map((each) => `unknown: ${each}`),
    ...notJudged.map(({ object, reason }) => `not judged: ${object}: ${reason}`),
  ];
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
      "RUN cd /opt/spark/jars && curl -fO https://example.com/a.jar",
      "RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
      "RUN groupadd app; useradd -g app app",
      "COPY build.sh /tmp/",
      "WORKDIR $SPARK_HOME/jobs\nCOPY jobs/etl.py ./",
      "ADD https://example.com/a.jar ${SPARK_HOME}/jars",
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
  assertEquals(found("COPY jobs/more/*.py /opt/app/", { others }), ABSENT);
  assertEquals(found("COPY jobs/ /opt/app/", { manifest: APPLICATION }), [
    `fail spec.deps.jars ${problem("/opt/jars/a.jar")}`,
  ]);
});

Deno.test("absentFiles finds files of lists that no instruction adds", () => {
  const list = (...args: string[]) =>
    JOB.replace('"--py-files", "/mounted/lib.zip"', args.map((each) => `"${each}"`).join(", "));
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
    const withZip = { "image/libs/a.zip": "" };
    const dockerfile = "COPY jobs /opt/app\nADD libs /opt/libs";
    assertEquals(found(dockerfile, { manifest: list(...args), others: withZip }), []);
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
      others: { "image/jars/a.jar": "" },
    }),
    [`fail spec.sparkConf.spark.files ${problem("/opt/libs/a.properties")}`],
  );
});

/** The text about a file that an instruction may add. */
const unclear = (by: string, path = "/opt/app/etl.py") =>
  `unknown: image/Dockerfile: whether ${by} adds ${path} is not known until the image is read ` +
  "(see --image-archive)";

Deno.test("absentFiles accepts a file that an instruction adds", () => {
  for (
    const dockerfile of [
      "COPY jobs/ /opt/app/",
      "COPY jobs /opt/app",
      "COPY jobs/*.py /opt/app/",
      "COPY job? /opt/app/",
      "COPY image/jobs/ /opt/app/",
      "COPY jobs/etl.py /opt/app/",
      "COPY jobs/main.py /opt/app/etl.py",
      'COPY ["jobs/etl.py", "/opt/app/"]',
      `COPY "jobs/etl.py" '/opt/app/'`,
      'COPY --chown=185 ["jobs/etl.py", "/opt/app/"]',
      "WORKDIR /opt\nWORKDIR app\nCOPY jobs/etl.py ./",
      "WORKDIR /opt/app\nCOPY jobs/[a-z]*.py ./",
      "WORKDIR /opt/app\nCOPY jobs/[ej]tl.py ./",
      "COPY --from=build /out/etl.py /opt/app/",
      "FROM python:3.12 AS build\nCOPY jobs /out\nFROM apache/spark:3.5.8\nCOPY --from=build /out /opt/app",
      "FROM python:3.12\nCOPY jobs /out/app\nFROM apache/spark:3.5.8\nCOPY --from=1 /out/ /opt/",
      "ADD https://example.com/etl.py /opt/app/",
      "COPY <<END /opt/app/etl.py\nprint()\nEND",
      "COPY <<etl.py <<b.py /opt/app/\nprint()\netl.py\nprint()\nb.py",
      "WORKDIR /opt/app\nRUN curl -fO https://example.com/etl.py",
      "RUN cp /tmp/etl.py /opt/app/",
      "RUN ./build.sh\nCOPY jobs/ /opt/app/",
    ]
  ) {
    assertEquals(found(dockerfile), [], dockerfile);
  }
  const own = { "image/etl.py": "", "image/lib.zip": "" };
  assertEquals(found("COPY . /opt/app", { others: own }), []);
  assertEquals(found("WORKDIR /opt/app\nADD ./ .", { others: own }), []);
  const above = { "image/jobs/etl.py": "", "src/etl.py": "", "image/src/a.py": "" };
  assertEquals(found("COPY src /opt/app", { others: above }), []);
  const file = "local:///opt/app/jobs/etl.py";
  assertEquals(found("COPY . /opt/app", { file }), []);
  assertEquals(found("COPY . /opt/app", { file: "local:///opt/app/image/jobs/etl.py" }), []);
});

Deno.test("absentFiles names a file that an instruction or a command may add", () => {
  for (
    const dockerfile of [
      "COPY . /opt/app",
      "COPY unknown/ /opt/app/",
      "COPY --from=build /out /opt/app",
      "COPY --from=build /out/*.py /opt/app/",
      "ARG TARGET\nCOPY jobs/ $TARGET",
      "ADD app.tar.gz /opt/",
      "ADD --unpack=true https://example.com/app.tar.gz /opt/app/",
      "ADD https://example.com/app.git#v1 /opt/app/",
      "ADD git@example.com:etl/app.git /opt/app",
      "ARG BASE\nWORKDIR ${BASE}/app\nCOPY jobs/etl.py .",
      "WORKDIR $BASE/jobs\nCOPY jobs/etl.py ./",
      "WORKDIR $BASE\nWORKDIR jobs\nCOPY jobs/etl.py ./",
      "WORKDIR /opt/app\nCOPY [a-z]*.py ./",
      "COPY --parents app/etl.py /opt/",
      "FROM maven:3.9 AS build\nRUN mvn package\nFROM apache/spark:3.5.8\n" +
      "COPY --from=build /out /opt/app",
    ]
  ) {
    const by = dockerfile.split("\n").at(-1)!;
    assertEquals(found(dockerfile), [unclear(by)], dockerfile);
    assertEquals(found(`${dockerfile}\nRUN ./build.sh`), [unclear(by)], dockerfile);
  }
  for (
    const dockerfile of [
      "RUN git clone https://example.com/jobs.git /opt/app",
      "RUN tar xf /jobs.tar -C /opt",
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
    ]
  ) {
    assertEquals(found(dockerfile), [
      "not judged: Job analytics-jobs/etl: no instruction of image/Dockerfile names " +
      "/opt/app/etl.py, but its commands can add it",
    ], dockerfile);
  }
  const from = "registry.example.com/base:1";
  assertEquals(found("", { from }), [unclear(`FROM ${from}`)]);
  const elsewhere = { "image/jobs/etl.py": "", "image/lib/src/helper.py": "" };
  assertEquals(found("COPY src /opt/app", { others: elsewhere }), [unclear("COPY src /opt/app")]);
});

Deno.test("absentFiles looks into folders that are copied as a whole", () => {
  const zip = (path: string) => ({
    manifest: JOB.replace("/mounted/lib.zip", path),
    file: "local:///mounted/etl.py",
  });
  const copied = "COPY . /opt/app\nCOPY jars /opt/jars";
  const others = { "image/lib.zip": "", "image/jars/a.jar": "", "image/main.py": "" };
  for (const path of ["local:///opt/app/lib.zip", "/opt/app/lib.zip", "local:///opt/jars/a.jar"]) {
    assertEquals(found(copied, { ...zip(path), others }), [], path);
  }
  // A build can make an archive, also beside an older one.
  for (
    const [path, by] of [
      ["/opt/app/other.zip", "COPY . /opt/app"],
      ["/opt/app/dist/lib.zip", "COPY . /opt/app"],
      ["/opt/app/target/a.jar", "COPY . /opt/app"],
      ["/opt/jars/b.jar", "COPY jars /opt/jars"],
      ["/opt/jars/b.zip", "COPY jars /opt/jars"],
    ] as const
  ) {
    const expected = [unclear(by, path)];
    assertEquals(found(copied, { ...zip(`local://${path}`), others }), expected, path);
    assertEquals(found(copied, { ...zip(path), others }), expected, path);
  }
  const home = { file: "local:///opt/spark/etl/etl.py" };
  assertEquals(found("COPY jobs $SPARK_HOME/etl", home), []);
  const two = zip("local:///opt/app/b.zip,local:///opt/app/a.zip");
  assertEquals(found("COPY . /opt/app", two), [
    unclear("COPY . /opt/app", "/opt/app/b.zip, /opt/app/a.zip"),
  ]);
  const pattern = { ...zip("/opt/jars/b.jar"), others };
  for (const by of ["COPY jars/*.jar /opt/jars/", "COPY lib?.jar /opt/jars/"]) {
    assertEquals(found(by, pattern), [unclear(by, "/opt/jars/b.jar")], by);
  }
});

Deno.test("absentFiles does not take the folder of a Dockerfile for the whole context", () => {
  const others = { "image/main.py": "", "image/values.yaml": "" };
  for (const by of ["COPY . /opt/app/", "ADD ./ /opt/app", "COPY *.py /opt/app/"]) {
    assertEquals(found(by, { others }), [unclear(by)], by);
  }
  const manifest = JOB.replace("--py-files", "--files")
    .replace("/mounted/lib.zip", "/opt/app/settings.yaml");
  const file = "local:///mounted/etl.py";
  for (const by of ["COPY . /opt/app/", "COPY conf /opt/app", "COPY conf/*.yaml /opt/app/"]) {
    const files = { ...others, "image/conf/log.yaml": "" };
    assertEquals(found(by, { manifest, file, others: files }), [
      unclear(by, "/opt/app/settings.yaml"),
    ], by);
  }
});

Deno.test("absentFiles accepts a single file of any kind that COPY names", () => {
  for (
    const name of ["env.tar.gz", "env.tgz", "a.avsc", "a.jks", "ca.pem", "a.csv", "a.cfg", "a.b"]
  ) {
    const manifest = JOB.replace("--py-files", "--archives")
      .replace("/mounted/lib.zip", `/opt/app/${name}#env`);
    for (
      const dockerfile of [
        `COPY ${name} jobs/etl.py /opt/app/`,
        `COPY ["build/${name}", "jobs/etl.py", "/opt/app/"]`,
        `COPY jobs/etl.py /opt/app/\nADD https://example.com/${name} /opt/app/`,
        `COPY jobs/etl.py /opt/app/\nCOPY other.bin /opt/app/${name}`,
      ]
    ) assertEquals(found(dockerfile, { manifest }), [], dockerfile);
  }
  for (const name of ["env.tar.gz", "env.tgz", "a.avsc", "a.jks", "ca.pem", "a.cfg"]) {
    assertEquals(found(`COPY ${name} /opt/app/`), ABSENT, name);
    assertEquals(found(`ADD https://example.com/${name} /opt/app/`), ABSENT, name);
  }
});

Deno.test("absentFiles judges no file of a base image, a volume or a lake", () => {
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

Deno.test("absentFiles judges no file of a list in a folder of the system", () => {
  const files = ["/etc/krb5.conf", "/usr/share/a.txt", "/sbin/a.sh", "/lib64/a.so", "/run/a.txt"];
  for (const file of [...files, "/opt/java/a.jar"]) {
    const manifest = JOB.replace("/mounted/lib.zip", file);
    assertEquals(found("COPY jobs/etl.py /opt/app/", { manifest }), [], file);
  }
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
      '"--py-files", "/mounted/lib.zip"',
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

Deno.test("absentFiles does not know a folder that is above the manifests, too", () => {
  const others = { "image/jobs/other.py": "", "image/jobs/etl.py": "" };
  const file = "local:///opt/app/main.py";
  const path = "/opt/app/main.py";
  for (const dockerfile of ["COPY jobs/ /opt/app/", "COPY jobs/*.py /opt/app/"]) {
    assertEquals(found(dockerfile, { others, file }), [`fail ${ARGUMENT} ${problem(path)}`]);
    assertEquals(found(dockerfile, { others, file, above: ["src"] }), [
      `fail ${ARGUMENT} ${problem(path)}`,
    ]);
    assertEquals(found(dockerfile, { others, file, above: ["jobs"] }), [unclear(dockerfile, path)]);
  }
});

Deno.test("absentFiles leaves out what .dockerignore leaves out", () => {
  const ignored = (dockerfile: string, text: string, name = "image/.dockerignore") =>
    found(dockerfile, { texts: { [name]: text } });
  for (
    const text of ["jobs", "jobs/", "/jobs", "**/*.py", "*/etl.py", "jobs/e*", "*", "j?bs\n!x"]
  ) {
    assertEquals(ignored("COPY jobs/ /opt/app/", text), ABSENT, text);
    assertEquals(ignored("COPY jobs/etl.py /opt/app/", text), ABSENT, text);
  }
  assertEquals(ignored("COPY jobs /opt/app", "*", "image/Dockerfile.dockerignore"), ABSENT);
  for (
    const text of ["", "# jobs", "*.py", "job", "etl.py", "**\n!jobs", "*\n!jobs/etl.py", "[a-c]*"]
  ) {
    assertEquals(ignored("COPY jobs/ /opt/app/", text), [], text);
  }
  // The context can be the folder above.
  assertEquals(ignored("COPY image/jobs/ /opt/app/", "jobs"), []);
  const above = { texts: { "image/.dockerignore": "jobs" }, above: ["jobs"] };
  assertEquals(found("COPY jobs/ /opt/app/", above), [unclear("COPY jobs/ /opt/app/")]);
});

Deno.test("absentFiles does not accept a file that only a command can add in place of the copied one", () => {
  const run = "RUN python3 -m compileall -q /opt/app";
  const start = "unknown: image/Dockerfile: ";
  const left = `${start}.dockerignore leaves out a file of a job, and whether ${run} adds `;
  const end = "is not known until the image is read (see --image-archive)";
  const others = { "image/jobs/etl.py": "", "image/jobs/contract.json": "", "image/jobs/b.py": "" };
  for (const copy of ["jobs/", "jobs/*", "job?", "jobs/etl.py", "jobs/*.py"]) {
    const dockerfile = `COPY ${copy} /opt/app/\n${run}`;
    assertEquals(found(dockerfile, { others }), [], copy);
    for (const ignore of ["**/*.py", "jobs/etl.py"]) {
      const texts = { "image/.dockerignore": ignore };
      const expected = [`${left}/opt/app/etl.py ${end}`];
      assertEquals(found(dockerfile, { others, texts }), expected, `${copy}; ${ignore}`);
    }
  }
  const file = "local:///opt/app/elt.py";
  for (const copy of ["jobs/", "jobs/*.py"]) {
    assertEquals(found(`COPY ${copy} /opt/app/\n${run}`, { others, file }), [
      `${start}whether ${run} adds /opt/app/elt.py ${end}`,
    ], copy);
  }
});

Deno.test("absentFiles finds a command that puts the file into another folder", () => {
  for (
    const dockerfile of [
      "RUN cd /opt/other && curl -fO https://example.com/etl.py",
      "WORKDIR /opt/other\nRUN wget https://example.com/etl.py",
      "RUN wget -P /opt/other https://example.com/etl.py",
    ]
  ) {
    assertEquals(found(dockerfile), ABSENT, dockerfile);
  }
});
