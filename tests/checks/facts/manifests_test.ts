import { gatherManifests, readFile } from "../../../checks/facts/manifests.ts";
import { lineOf } from "../../../checks/kubernetes/objects.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";

const POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n";

/** The problems of a file, as `line:column problem`. */
function problems(text: string): string[] {
  return readFile("x.yaml", text).problems
    .map(({ line, column, problem }) => `${line}:${column} ${problem}`);
}

Deno.test("readFile records the file, document and line of every object", () => {
  const text = `# a comment\n---\n---\n${POD}---\n${
    POD.replace("Pod", "Job")
  }spec:\n  a: [1, {b: 2}]\n`;
  const { objects, problems } = readFile("dir/x.yaml", text);
  assertEquals(problems, []);
  assertEquals(
    objects.map((
      { file, document, line, kind, name, namespace },
    ) => [file, document, line, kind, name, namespace]),
    [["dir/x.yaml", 1, 4, "Pod", "a", "b"], ["dir/x.yaml", 2, 8, "Job", "a", "b"]],
  );
  assertEquals(lineOf(objects[1]!, "spec.a[1].b"), 12);
  assertEquals(lineOf(objects[1]!, "spec.a[1].missing.too"), 12);
  assertEquals(lineOf(objects[1]!, "elsewhere"), 8);
});

Deno.test("readFile replaces a list by its items, with their lines", () => {
  const list =
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: one\n";
  const [one] = readFile("x.yaml", list).objects;
  assertEquals([one!.name, one!.line, lineOf(one!, "metadata.name")], ["one", 4, 7]);
  const typed = "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: two}\n";
  const [two] = readFile("x.yaml", typed).objects;
  assertEquals([two!.apiVersion, two!.kind, two!.name], ["v1", "Pod", "two"]);
});

Deno.test("readFile accepts objects of unknown kinds, and JSON", () => {
  const text = '{"apiVersion": "example.com/v1", "kind": "Whatever", "metadata": {"name": "a"}}';
  const { objects, problems } = readFile("x.json", text);
  assertEquals([objects[0]!.kind, objects[0]!.namespace, problems], ["Whatever", undefined, []]);
});

Deno.test("readFile reports the line of broken YAML, and reads the other documents", () => {
  const text = `${POD}---\nkind: Job\n  name: x\n---\n${POD}`;
  const { objects, problems } = readFile("x.yaml", text);
  assertEquals(objects.map(({ document, line }) => [document, line]), [[1, 1], [2, 8]]);
  assertEquals(problems.map(({ file, line }) => [file, line]), [["x.yaml", 5]]);
});

Deno.test("readFile reports the line and column of a document that is not an object", () => {
  assertEquals(problems("kind: A\nb: 2\nkind: A\n"), ['3:1 duplicate field "kind"']);
  assertEquals(problems(`${POD}---\njust a text`), ["5:1 not a Kubernetes object, but a text"]);
  assertEquals(problems(`${POD}---\n- a\n- b\n`), ["5:1 not a Kubernetes object, but a list"]);
  assertEquals(problems("metadata: {name: a}\n"), ["1:1 the object has no kind"]);
  assertEquals(problems("kind: Pod\n"), ["1:1 the Pod has no apiVersion"]);
  assertEquals(problems("kind: *missing\n"), [
    "1:7 no anchor precedes this alias; a text that begins with * needs quotes",
  ]);
  assertEquals(problems("kind: A\n<<: 5\n"), [
    "2:5 the value of << is neither an object nor a list of objects",
  ]);
  assertEquals(problems("# nothing\n---\n...\n"), []);
  assertEquals(problems("a: {{ .Values.x }}\n").length, 1);
});

Deno.test("readFile finds scripts in pods and ConfigMaps, with their languages", () => {
  const job = `apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: ns}
spec:
  template:
    spec:
      containers:
      - name: main
        command: [/bin/bash, -c]
        args:
        - |
          spark-submit --packages x job.py
      - name: other
        command: [python3, -c, "print(1 + 1)", --flag]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  job.py: import os
  conf: spark.jars.packages x
  run: |
    #!/bin/sh
    true
`;
  const { scripts } = readFile("x.yaml", job);
  assertEquals(scripts.map(({ object, path, language, line }) => [object, path, language, line]), [
    ["Job ns/j", "spec.template.spec.containers[0].args[0]", "shell", 11],
    ["Job ns/j", "spec.template.spec.containers[1].command[2]", "python", 14],
    ["ConfigMap c", "data.job.py", "python", 20],
    ["ConfigMap c", "data.conf", "text", 21],
    ["ConfigMap c", "data.run", "shell", 22],
  ]);
  for (const name of ["Containerfile", "Dockerfile_aws", "Dockerfile-spark", "Dockerfile.etl"]) {
    assertEquals(readFile(name, "FROM x").scripts.map(({ language }) => language), ["dockerfile"]);
  }
  assertEquals(readFile("Dockerfile.dockerignore", "*.zip").scripts, []);
  assertEquals(readFile("image/Dockerfile", "FROM x").scripts, [
    { file: "image/Dockerfile", line: 1, language: "dockerfile", text: "FROM x" },
  ]);
});

Deno.test("gatherManifests reads a directory with links, hidden folders and binary files", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const at = (name: string) => `${directory}/${name}`;
    for (const folder of ["b", ".git", "node_modules", "jobs"]) await Deno.mkdir(at(folder));
    await Deno.writeTextFile(at("b/pod.yml"), POD);
    await Deno.writeTextFile(at(".git/pod.yml"), POD);
    await Deno.writeTextFile(at("node_modules/pod.yml"), POD);
    await Deno.writeTextFile(at("README.md"), "# not read");
    await Deno.writeTextFile(at("jobs/bronze.py"), "import os\n");
    await Deno.writeFile(at("binary.yaml"), new Uint8Array([0x7f, 0, 1]));
    await Deno.writeFile(at("latin.yaml"), new Uint8Array([0x61, 0xe9]));
    await Deno.symlink(directory, at("b/round"));
    await Deno.symlink(at("gone.yaml"), at("dangling.yaml"));
    await Deno.symlink(at("b/pod.yml"), at("linked.yaml"));
    const fact = await gatherManifests(directory);
    assertEquals(fact.objects.map(({ file }) => file), ["linked.yaml"]);
    assertEquals(fact.replaced?.map(({ object }) => object.file), ["b/pod.yml"]);
    assertEquals(fact.scripts.map(({ file }) => file), ["jobs/bronze.py"]);
    assertEquals(fact.problems, [
      { file: "b/round", problem: "the link leads back to a folder that contains it" },
      { file: "binary.yaml", problem: "the file is not text in UTF-8" },
      { file: "dangling.yaml", problem: "the target of the link does not exist" },
      { file: "latin.yaml", problem: "the file is not text in UTF-8" },
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("gatherManifests reads UTF-16 with a byte order mark, as kubectl does", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const text = `\ufeff${POD}---\n${POD.replace(/name: \w+/, "name: other")}`;
    for (const isLittle of [true, false]) {
      const bytes = new DataView(new ArrayBuffer(text.length * 2));
      for (let i = 0; i < text.length; i++) bytes.setUint16(i * 2, text.charCodeAt(i), isLittle);
      await Deno.writeFile(`${directory}/pods.yaml`, new Uint8Array(bytes.buffer));
      const { objects, problems } = await gatherManifests(directory);
      assertEquals([objects.length, problems], [2, []]);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("gatherManifests reads no JSON in a Python package as a manifest", async () => {
  const directory = await Deno.makeTempDir();
  try {
    for (const folder of ["jobs/package", "jobs/scripts"]) {
      await Deno.mkdir(`${directory}/${folder}`, { recursive: true });
      await Deno.writeTextFile(`${directory}/${folder}/units.json`, '{"a": 1}');
    }
    await Deno.writeTextFile(`${directory}/jobs/package/__init__.py`, "");
    await Deno.writeTextFile(`${directory}/jobs/scripts/bronze.py`, "");
    const { problems, ignored } = await gatherManifests(directory);
    assertEquals(problems, []);
    assertEquals(ignored.map(({ file }) => file), ["jobs/scripts/units.json"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("gatherManifests fails for a directory that does not exist", async () => {
  const failure = await assertRejects(() => gatherManifests("/nowhere/at/all"), Failure);
  assertEquals(failure.kind, "configuration");
  assertStringIncludes(failure.message, "the directory does not exist");
});

for (
  const [dockerfile, isTemplate] of [
    ["FROM a\nCOPY pod.yaml /opt/spark/\n", true],
    ["FROM a\nCOPY . /opt/spark\n", true],
    ['FROM a\nADD --chown=185 ["*.yaml", "/opt/spark/"]\n', true],
    ["FROM a\nCOPY image/pod.yaml \\\n  /opt/spark/\n", true],
    ["FROM a\nCOPY jobs /opt/jobs\n", false],
    ["FROM a\nCOPY --from=b pod.yaml /opt/spark/\n", false],
  ] as const
) {
  Deno.test(`gatherManifests: the pod in the folder of an image with ${JSON.stringify(dockerfile)}`, async () => {
    const directory = await Deno.makeTempDir();
    await Deno.mkdir(`${directory}/image`);
    const pod = "apiVersion: v1\nkind: Pod\nspec: {nodeSelector: {pool: a}}\n";
    await Deno.writeTextFile(`${directory}/image/Dockerfile`, dockerfile);
    await Deno.writeTextFile(`${directory}/image/pod.yaml`, pod);
    await Deno.writeTextFile(`${directory}/pod.yaml`, pod);
    await Deno.writeTextFile(
      `${directory}/submit.sh`,
      "spark-submit --conf spark.kubernetes.executor.podTemplateFile=/opt/spark/pod.yaml a.py\n",
    );
    const { objects, ignored } = await gatherManifests(directory);
    assertEquals(objects.map(({ file }) => file), [
      ...(isTemplate ? [] : ["image/pod.yaml"]),
      "pod.yaml",
    ]);
    assertEquals(ignored.map(({ file }) => file), isTemplate ? ["image/pod.yaml"] : []);
    await Deno.remove(directory, { recursive: true });
  });
}

const SETTING = "spark.kubernetes.executor.podTemplateFile";

for (
  const [file, text, templates] of [
    ["submit.sh", "spark-submit --master k8s://a /opt/a.py\n", []],
    ["submit.sh", `# --conf ${SETTING}=/app/pod.yaml\n`, []],
    ["submit.sh", `spark-submit --conf ${SETTING}=/app/other.yaml /opt/a.py\n`, []],
    ["submit.sh", `spark-submit --conf "${SETTING}=/app/pod.yaml" /opt/a.py\n`, ["app/pod.yaml"]],
    ["submit.sh", `spark-submit --conf ${SETTING}=/t/driver.yaml /opt/a.py\n`, []],
    ["submit.sh", `spark-submit --conf ${SETTING}=/b/driver.yaml /opt/a.py\n`, [
      "app/b/driver.yaml",
    ]],
    ["job.py", `b = a.config("${SETTING}", "/app/pod.yaml")\n`, ["app/pod.yaml"]],
    [
      "job.yaml",
      `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}, data: {a: "${SETTING} /app/pod.yaml"}}\n`,
      ["app/pod.yaml"],
    ],
  ] as const
) {
  Deno.test(`gatherManifests ignores ${templates.length} pods as templates with ${JSON.stringify(text)}`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME}\nspec: {hostNetwork: true}\n";
      await Deno.mkdir(`${directory}/app/b`, { recursive: true });
      await Deno.writeTextFile(`${directory}/app/Dockerfile`, "FROM a\nCOPY . /app\n");
      await Deno.writeTextFile(`${directory}/app/pod.yaml`, pod.replace("NAME", "a"));
      await Deno.writeTextFile(`${directory}/app/driver.yaml`, pod.replace("NAME", "b"));
      await Deno.writeTextFile(`${directory}/app/b/driver.yaml`, pod.replace("NAME", "c"));
      await Deno.writeTextFile(`${directory}/${file}`, text);
      const { objects, ignored } = await gatherManifests(directory);
      assertEquals(ignored.map((each) => each.file), [...templates]);
      assertEquals(
        objects.filter(({ kind }) => kind === "Pod").map((each) => each.file),
        ["app/b/driver.yaml", "app/driver.yaml", "app/pod.yaml"]
          .filter((each) => !templates.some((template) => template === each)),
      );
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("readFile names the code of Spark that the checks do not read", () => {
  for (
    const [file, language] of [
      ["src/Job.scala", "Scala"],
      ["src/Job.java", "Java"],
      ["src/Job.kt", "Kotlin"],
      ["job.R", "R"],
      ["job.ipynb", "a notebook"],
    ] as const
  ) {
    const reading = readFile(file, "import org.apache.spark.sql.SparkSession\n");
    const content = `code of Spark in ${language}, not judged`;
    assertEquals(reading.ignored, [{ file, content }]);
    assertEquals(reading.problems, []);
    assertEquals(readFile(file, "print(1)\n").ignored, []);
  }
});

Deno.test("readFile names the code in a ConfigMap that the checks do not read", () => {
  const map = (key: string, code: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: code }\ndata:\n  ${key}: |\n    ${code}\n`;
  for (
    const [key, code, expected] of [
      ["Job.scala", 'val day = sys.env("JOB_DATE")', [
        "Job.scala: code of Spark in Scala, not judged",
      ]],
      ["Job.java", 'System.getenv("JOB_DATE");', ["Job.java: code of Spark in Java, not judged"]],
      ["Job.scala", "println(1)", []],
      ["job.py", "spark.range(1)", []],
    ] as const
  ) {
    const { ignored } = readFile("map.yaml", map(key, code));
    assertEquals([key, ignored.map(({ content }) => content)], [key, expected]);
    assertEquals([key, ignored.map(({ line }) => line)], [key, expected.map(() => 5)]);
    assertEquals(readFile("-", map(key, code), "-").ignored, []);
  }
});

Deno.test("gatherManifests names a notebook and a source in Scala", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/job.scala`, "val spark = SparkSession.builder\n");
    await Deno.writeTextFile(`${directory}/job.ipynb`, '{"cells": [{"source": "spark.range(1)"}]}');
    const { ignored, problems } = await gatherManifests(directory);
    assertEquals(ignored.map(({ file }) => file).toSorted(), ["job.ipynb", "job.scala"]);
    assertEquals(problems, []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("gatherManifests names a source that it does not judge and cannot read", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const noText = new Uint8Array([0x2f, 0x2f, 0x20, 0xe9]);
    for (const file of ["Etl.java", "Etl.scala", "Etl.kt", "etl.R", "etl.py"]) {
      await Deno.writeFile(`${directory}/${file}`, noText);
    }
    await Deno.writeTextFile(`${directory}/large.ipynb`, "");
    await Deno.truncate(`${directory}/large.ipynb`, 32 * 1024 * 1024 + 1);
    await Deno.symlink("nowhere", `${directory}/link.java`);
    // A folder can have manifests, whatever its name is.
    await Deno.mkdir(`${directory}/app.java`);
    await Deno.writeFile(`${directory}/app.java/job.yaml`, noText);
    const { ignored, problems } = await gatherManifests(directory);
    const encoding = "the file is not text in UTF-8";
    assertEquals(ignored.map(({ file, content }) => `${file}: ${content}`).toSorted(), [
      `Etl.java: code in Java, not judged: ${encoding}`,
      `Etl.kt: code in Kotlin, not judged: ${encoding}`,
      `Etl.scala: code in Scala, not judged: ${encoding}`,
      `etl.R: code in R, not judged: ${encoding}`,
      "large.ipynb: code in a notebook, not judged: " +
      "the file is larger than 32 MiB, so it was not read",
      "link.java: code in Java, not judged: the target of the link does not exist",
    ]);
    assertEquals(problems.map(({ file, problem }) => `${file}: ${problem}`).toSorted(), [
      `app.java/job.yaml: ${encoding}`,
      `etl.py: ${encoding}`,
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("gatherManifests does not count sources that it does not judge as manifests", async () => {
  const directory = await Deno.makeTempDir();
  try {
    for (let i = 0; i <= 10_000; i++) Deno.writeTextFileSync(`${directory}/${i}.java`, "");
    await Deno.writeTextFile(`${directory}/z.yaml`, "apiVersion: v1\nkind: Pod\n");
    const { objects, problems } = await gatherManifests(directory);
    assertEquals([objects.length, problems], [1, []]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("gatherManifests reads what builds of images read, up to the root of the repository", async () => {
  const root = await Deno.makeTempDir();
  try {
    const directory = `${root}/deploy/manifests`;
    for (const folder of ["deploy/manifests/image", "deploy/jobs", "src", ".git"]) {
      await Deno.mkdir(`${root}/${folder}`, { recursive: true });
    }
    await Deno.writeTextFile(`${directory}/image/.dockerignore`, "jobs\n");
    const without = await gatherManifests(directory);
    assertEquals(without.buildFiles, undefined);
    await Deno.writeTextFile(`${directory}/image/Dockerfile`, "FROM apache/spark:3.5.8\n");
    const { buildFiles, files, ignored, problems } = await gatherManifests(directory);
    assertEquals([files, ignored, problems], [1, [], []]);
    assertEquals(buildFiles!.listing, ["image/.dockerignore", "image/Dockerfile"]);
    assertEquals(buildFiles!.texts, [{ file: "image/.dockerignore", text: "jobs\n" }]);
    assertEquals(buildFiles!.above.toSorted(), [".git", "jobs", "src"]);
    // Without a repository, no folder above belongs to the project.
    await Deno.remove(`${root}/.git`);
    assertEquals((await gatherManifests(directory)).buildFiles!.above, []);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
