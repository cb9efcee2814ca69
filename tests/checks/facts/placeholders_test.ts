import { gatherManifests, readFile } from "../../../checks/facts/manifests.ts";
import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import type { Result } from "../../../checks/finding.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";
import { FILES, JOB, judgeAll } from "../healthy/manifests.ts";

// Placeholders that envsubst, sed or another tool fills in before kubectl gets a file.

const FORMS = [
  "${NS}",
  "$NS",
  "${NS:-jobs}",
  "__NS__",
  "<ns>",
  "<your namespace>",
  "%NS%",
  "@NS@",
  "{{ ns }}",
  "{{ns}}",
  "[[ ns ]]",
  "((ns))",
  "#{NS}#",
];

const OTHER = `apiVersion: v1
kind: ConfigMap
metadata: { name: other, namespace: analytics-jobs }
`;

/** What is read from the text of a file. */
function read(text: string, path?: string) {
  const { objects, problems } = readFile("a.yaml", text, path);
  return { names: objects.map(({ name }) => name), problems };
}

for (const form of FORMS) {
  for (const quoted of [form, JSON.stringify(form)]) {
    // These forms are not the YAML of a text without quotes.
    if (/^[[#]/.test(quoted)) continue;
    Deno.test(`readFile names the placeholder ${quoted}, and judges the other documents`, () => {
      const filled = `apiVersion: v1
kind: Pod
metadata:
  name: a
  namespace: ${quoted}
spec: { containers: [{ name: a, image: busybox:1 }] }
`;
      const { names, problems } = read(`${OTHER}---\n${filled}---\n${OTHER.replace("other", "b")}`);
      assertEquals(names, ["other", "b"]);
      assertEquals(problems.length, 1);
      const [{ problem, render, line, kinds }] = problems as [typeof problems[0]];
      assertEquals(
        problem,
        `the file is a template: the placeholder ${form} was not filled in, so not judged: ` +
          `Pod ${form}/a`,
      );
      assertEquals([line, kinds], [9, ["Pod"]]);
      assertStringIncludes(render!, "a.yaml | deno task preflight --manifests -");
    });
  }
}

/** Fields with a placeholder, each in an object. */
const FIELDS = {
  "metadata.namespace": "metadata: { name: a, namespace: § }",
  "metadata.name": "metadata: { name: a-§ }",
  "labels": "metadata: { name: a, labels: { app: § } }",
  "a key of labels": "metadata: { name: a, labels: { §: app } }",
  "the image": "metadata: { name: a }\nspec: { containers: [{ name: a, image: 'x/§:1' }] }",
  "the tag": "metadata: { name: a }\nspec: { containers: [{ name: a, image: 'x:§' }] }",
  "a host":
    "metadata: { name: a }\nspec: { containers: [{ name: a, env: [{ name: DJANGO_DB_HOST, value: § }] }] }",
  "the endpoint":
    "metadata: { name: a }\nspec: { containers: [{ name: a, env: [{ name: S3_ENDPOINT, value: 'https://§' }] }] }",
  "the node": "metadata: { name: a }\nspec: { nodeSelector: { pool: § } }",
  "a toleration": "metadata: { name: a }\nspec: { tolerations: [{ key: a, value: § }] }",
  "the account": "metadata: { name: a }\nspec: { serviceAccountName: § }",
  "a Secret":
    "metadata: { name: a }\nspec: { containers: [{ name: a, envFrom: [{ secretRef: { name: § } }] }] }",
  "a number": "metadata: { name: a }\nspec: { terminationGracePeriodSeconds: § }",
  "a setting":
    "metadata: { name: a }\nspec: { containers: [{ name: a, args: ['--conf=spark.kubernetes.namespace=§'] }] }",
};

for (const [name, fields] of Object.entries(FIELDS)) {
  Deno.test(`readFile does not judge an object with a placeholder in ${name}`, () => {
    for (const form of ["__NS__", "${NS}", "$NS"]) {
      const text = `apiVersion: v1\nkind: Pod\n${fields.replace("§", () => form)}\n`;
      const { names, problems } = read(text);
      assertEquals(names, [], form);
      assertStringIncludes(problems[0]!.problem, `the placeholder ${form} was not filled in`);
    }
  });
}

/** Texts that look like placeholders and are none. */
const RIGHT = [
  "metadata: { name: a, annotations: { note: '<ns> and ${NS}' } }",
  "metadata: { name: a, labels: { app: a__b__c } }",
  "metadata: { name: a }\nspec: { containers: [{ name: a, command: [sh, -c, 'echo $HOME __x__ <y>'] }] }",
  "metadata: { name: a }\nspec: { containers: [{ name: a, env: [{ name: PASSWORD, value: 'x<abc>y' }] }] }",
  "metadata: { name: a }\nspec: { containers: [{ name: a, env: [{ name: S3_ENDPOINT, value: 'http://$(HOST)' }] }] }",
  "metadata: { name: a }\nspec: { containers: [{ name: a, image: 'a/b@sha256:0123' }] }",
  "metadata: { name: a }\nspec: { containers: [{ name: a, args: ['--conf=spark.kubernetes.executor.podNamePrefix={{APP_ID}}'] }] }",
  "metadata: { name: a }\nspec: { containers: [{ name: a, env: [{ name: NS, value: x }], args: ['--conf=spark.kubernetes.namespace=${NS}'] }] }",
  "metadata: { name: a }\nspec: { containers: [{ name: a, volumeMounts: [{ name: a, mountPath: /x, subPathExpr: $(P) }] }] }",
];
for (const fields of RIGHT) {
  Deno.test(`readFile judges an object without a placeholder: ${fields}`, () => {
    assertEquals(read(`apiVersion: v1\nkind: Pod\n${fields}\n`), { names: ["a"], problems: [] });
  });
}

Deno.test("readFile judges a SparkApplication with the name of a nested class and plain texts", () => {
  const application = (fields: string) =>
    `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: a }
spec:
  mainClass: org.example.Jobs$Daily
  monitoring: { metricsProperties: "a=<b>", prometheus: { configuration: "$name" } }
  driver: { envVars: { ${fields} } }
`;
  const { names, problems } = read(application("FORMAT: '<iso> %d{yyyy} $x'"));
  assertEquals([names, problems], [["a"], []]);
  const [host] = read(application("S3_ENDPOINT: 'https://$HOST'")).problems;
  assertStringIncludes(host!.problem, "the placeholder $HOST was not filled in");
});

Deno.test("readFile reads a name of upper case as a placeholder, except of a role", () => {
  const pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: YOUR_NAMESPACE }\n";
  assertStringIncludes(read(pod).problems[0]!.problem, "the placeholder YOUR_NAMESPACE was");
  const role =
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: READ_PODS }\n";
  assertEquals(read(role).problems, []);
});

Deno.test("readFile prints a command that fills in the placeholders", async () => {
  const text = "apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: § }\n";
  const folder = await Deno.makeTempDir({ prefix: "my manifests" });
  try {
    const file = `${folder}/a.yaml`;
    // The program envsubst is not on every machine.
    for (const form of FORMS.filter((each) => !/^\$\{?NS\}?$/.test(each))) {
      const given = text.replace("§ }", () => `"${form}" }`);
      await Deno.writeTextFile(file, given);
      const [command] = read(given, file).problems[0]!.render!.split("check the result: ").slice(1);
      const [fill, pipe] = command!.split(" | deno task ");
      assertEquals(pipe, "preflight --manifests -");
      const { stdout, success } = await new Deno.Command("sh", {
        args: ["-c", fill!.replaceAll("VALUE", "robson")],
      }).output();
      assert(success, fill);
      assertEquals(new TextDecoder().decode(stdout), given.replace(form, () => "robson"), fill);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const command = (form: string, path?: string) =>
    read(text.replace("§ }", () => `'${form}' }`), path).problems[0]!.render;
  const pipe = "deno task preflight --manifests -";
  assertEquals(
    command("${NS}-$TEAM", "my manifests/a.yaml"),
    "Fill in the placeholders, and check the result: NS=VALUE TEAM=VALUE envsubst '$NS $TEAM' < " +
      `'my manifests/a.yaml' | ${pipe}`,
  );
  assertEquals(
    command("__NS__", "-"),
    `Fill in the placeholder, and check the result: <command> | sed s/__NS__/VALUE/g | ${pipe}`,
  );
});

/** The files with a placeholder instead of the namespace, the image, or the label of the driver. */
const CHANGES: Readonly<Record<string, readonly [string, string]>> = {
  "the namespace of every object": ["namespace: analytics-jobs", "namespace: §"],
  "the image": ["ghcr.io/ldamasio/rbs-spark", "§"],
  "labels": ["app: rbs-paradedb", "app: §"],
  "the role of the driver": ["spark-role: driver", "spark-role: §"],
  "the setting of the namespace": [
    "spark.kubernetes.namespace=analytics-jobs",
    "spark.kubernetes.namespace=§",
  ],
};

const failures = (results: readonly Result[]) =>
  results.filter(({ verdict }) => verdict === "fail").map(({ id, findings }) =>
    `${id}: ${findings.map(({ problem }) => problem).join("; ")}`
  );

for (const [name, [from, to]] of Object.entries(CHANGES)) {
  for (const form of ["__NS__", "${NS}", "$NS", "<ns>", "%NS%", "@NS@"]) {
    Deno.test(`preflight fails for no placeholder ${form} in ${name}, and names it`, async () => {
      const files = Object.fromEntries(
        Object.entries(FILES).map(([file, text]) => [
          file,
          /^(image|secrets)/.test(file) ? text : text.replaceAll(from, to.replace("§", () => form)),
        ]),
      );
      assert(JSON.stringify(files) !== JSON.stringify(FILES), `no file has ${from}`);
      const results = await judgeAll(files);
      assertEquals(failures(results), []);
      const readable = results.find(({ id }) => id === "manifests-readable")!;
      assertEquals(readable.verdict, "error");
      assertStringIncludes(readable.reason!, `placeholder ${form}`);
    });
  }
}

Deno.test("preflight judges the policies next to a Job with a placeholder", async () => {
  const text = FILES[JOB]!.replace("rbs-spark:3.5.8-phase1", "rbs-spark:${TAG}");
  const second = FILES[JOB]!.replace("bronze-ingest-manual", "second");
  const policies = FILES["20-network-policies.yaml"]!.replace("port: 5432", "port: 5433");
  const files = {
    ...FILES,
    [JOB]: `${text}---\n${second}`,
    "20-network-policies.yaml": policies,
  };
  const results = await judgeAll(files);
  const found = failures(results);
  assertEquals(found.map((each) => each.split(":")[0]), ["database-egress"]);
  assertStringIncludes(found[0]!, "TCP 5432");
});

Deno.test("readFile takes a placeholder of a whole block for no mistake of the YAML", () => {
  for (const form of ["__TOLERATIONS__", "${TOLERATIONS}", "<tolerations>", "@TOLERATIONS@"]) {
    const text = `${OTHER}---
apiVersion: v1
kind: Pod
metadata: { name: a }
spec:
  nodeSelector: { a: b }
  ${form}
  containers: [{ name: a, image: busybox:1 }]
`;
    const { names, problems } = read(text);
    assertEquals(names, ["other"], form);
    assertEquals(problems.map(({ problem }) => problem), [
      `the file is a template: the placeholder ${form} was not filled in, so the document was not ` +
      "judged",
    ]);
    assertStringIncludes(problems[0]!.render!, "a.yaml | deno task preflight --manifests -");
  }
  for (const line of ["metadata: [", "metadata: { a: $HOME: b }", "\techo $HOME"]) {
    const [mistake] = read(`apiVersion: v1\nkind: Pod\n${line}\n`).problems;
    assertEquals([mistake!.render, mistake!.line !== undefined], [undefined, true], line);
  }
});

Deno.test("gatherManifests names the project file in the command that fills in a placeholder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const text = "apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: __NS__ }\n";
    await Deno.writeTextFile(`${folder}/a.yaml`, text);
    const commandFor = async (project?: Project) =>
      (await gatherManifests(folder, undefined, project)).problems[0]!.render;
    const plain = `Fill in the placeholder, and check the result: sed s/__NS__/VALUE/g ${folder}/` +
      "a.yaml | deno task preflight --manifests -";
    assertEquals(await commandFor(), plain);
    assertEquals(await commandFor(DEFAULT_PROJECT), plain);
    const file = `${folder}/deep-storage.json`;
    assertEquals(
      await commandFor({ ...DEFAULT_PROJECT, file }),
      `${plain} --project ${file}`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readFile judges a workload whose sidecar has a host with a placeholder", () => {
  const env = "env: [{ name: DJANGO_DB_HOST, value: '${HOST}' }]";
  const main = "{ name: main, image: 'acme/etl:1' }";
  const pod = (containers: string) =>
    read(
      `apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [${containers}] }\n`,
    );
  const spark = "{ name: job, image: 'acme/etl:1', command: [spark-submit, /a.py] }";
  assertEquals(pod(`${main}, { name: pgbouncer, image: 'a/pgbouncer:1', ${env} }`).names, ["a"]);
  assertEquals(pod(`${spark}, { name: other, image: 'a/other:1', ${env} }`).names, ["a"]);
  assertEquals(pod(`{ name: one, image: 'a/one:1', ${env} }, ${main}`).names, []);
  assertEquals(pod(spark.replace("command", `${env}, command`)).names, []);
});
