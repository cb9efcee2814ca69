import { assertEquals, assertMatch, assertStringIncludes } from "../../../support/assert.ts";
import { DEFAULT_PROJECT, type Project } from "../../../../pipeline/contract/project.ts";
import { manifestsReadable } from "../../../../checks/preflight/manifests/manifests_readable.ts";
import { factOf, FILES, JOB } from "../../healthy/manifests.ts";

const shop = () =>
  Object.fromEntries(
    Object.entries(FILES).map(([file, text]) => [file, text.replaceAll("analytics-jobs", "shop")]),
  );
const PROJECT = {
  ...DEFAULT_PROJECT,
  jobs: { ...DEFAULT_PROJECT.jobs, namespace: "shop" },
};

/** The findings for manifests, with the names of a project. */
function found(files: Readonly<Record<string, string>>, project: Project = DEFAULT_PROJECT) {
  const outcome = manifestsReadable.run({ manifests: { ...factOf(files), project } });
  if (!("findings" in outcome)) throw new Error("did not judge");
  return outcome.findings;
}

const FILE = "deep-storage.json";

Deno.test("manifests-readable fails if all jobs of the pipeline are outside of the jobs' namespace", () => {
  const [finding, ...others] = found(shop());
  assertEquals(others, []);
  assertEquals([finding?.severity, finding?.field], ["fail", "metadata.namespace"]);
  assertMatch(
    finding!.problem,
    /^1 job of the manifests is in the namespace shop, and no job is in analytics-jobs, which is jobs\.namespace of the default project$/,
  );
  assertStringIncludes(finding!.fix, '/deep-storage.json, with {"jobs":{"namespace":"shop"}}');
});

Deno.test("manifests-readable fails if the project file has another namespace than the manifests", () => {
  const [finding, ...others] = found(FILES, { ...PROJECT, file: FILE });
  assertEquals(others, []);
  assertEquals([finding?.severity, finding?.file], ["fail", "manifests/50-bronze-ingest.yaml"]);
  assertMatch(
    finding!.problem,
    /^1 job of the manifests is in the namespace analytics-jobs, and no job is in shop, which is jobs\.namespace of deep-storage\.json$/,
  );
  assertEquals(
    finding!.fix,
    "Write shop instead of analytics-jobs in the manifests, or set in deep-storage.json: " +
      '{"jobs":{"namespace":"analytics-jobs"}}. To find the places: ' +
      "grep -rnwF analytics-jobs manifests",
  );
});

Deno.test("manifests-readable only warns about the jobs of another project, also with a project file", () => {
  const job = (command: string) =>
    `apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly, namespace: billing }
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - { name: a, image: registry.example.com/a:1, command: [${command}], env: [{ name: DJANGO_DB_HOST, value: pg }] }
`;
  for (const command of ["python3, /app/manage.py, bill", "spark-submit, /app/bill.py"]) {
    for (const file of [undefined, FILE]) {
      const project = file === undefined ? DEFAULT_PROJECT : { ...PROJECT, file };
      const severities = found({ "cron.yaml": job(command) }, project)
        .filter(({ problem }) => problem.includes("namespace billing"))
        .map(({ severity }) => severity);
      assertEquals([command, file, severities], [command, file, ["warn"]]);
    }
  }
});

Deno.test("manifests-readable does not judge the complete platform of another project file", () => {
  const both = {
    ...FILES,
    ...Object.fromEntries(
      Object.entries(shop()).filter(([file]) => file !== "robson.yaml")
        .map(([file, text]) => [`shop/${file}`, text]),
    ),
  };
  assertEquals(found(both, { ...PROJECT, file: FILE }), []);
  assertEquals(found(both), []);
});

Deno.test("manifests-readable only warns about more objects of another complete platform", () => {
  const only = {
    "more.yaml": `apiVersion: v1
kind: ConfigMap
metadata: { name: only-here, namespace: analytics-jobs }
`,
  };
  const own = shop();
  delete own["robson.yaml"];
  const renamed = Object.fromEntries(
    Object.entries(own).map(([file, text]) => [`shop/${file}`, text]),
  );
  const severities = (files: Readonly<Record<string, string>>) =>
    found(files, { ...PROJECT, file: FILE }).map(({ severity }) => severity);
  assertEquals(severities({ ...FILES, ...renamed, ...only }), ["warn"]);
  // Without a job there, the object was forgotten.
  assertEquals(severities({ ...renamed, ...only }), ["fail"]);
});

Deno.test("manifests-readable accepts other keys of a Secret with a default name", () => {
  const project = {
    ...DEFAULT_PROJECT,
    database: { ...DEFAULT_PROJECT.database, secret: "pg-login" },
    lake: { ...DEFAULT_PROJECT.lake, secret: "django-db-credentials" },
    file: FILE,
  };
  const job = FILES[JOB]!.replaceAll("django-db-credentials", "pg-login")
    .replaceAll("contabo-s3-credentials", "django-db-credentials");
  assertEquals(found({ ...FILES, [JOB]: job }, project), []);
});

Deno.test("manifests-readable names each Secret that the project file has with another name", () => {
  const project = {
    ...DEFAULT_PROJECT,
    database: { ...DEFAULT_PROJECT.database, secret: "pg-login" },
    file: FILE,
  };
  const problems = (files: Readonly<Record<string, string>>) =>
    found(files, project).map(({ severity, problem }) => `${severity}: ${problem}`);
  const said = (name: string) =>
    `fail: jobs read the Secret ${name}, but pg-login is database.secret of deep-storage.json`;
  const named = (name: string) => ({
    ...FILES,
    [JOB]: FILES[JOB]!.replaceAll("django-db-credentials", name),
  });
  assertEquals(problems(FILES), [said("django-db-credentials")]);
  assertEquals(problems(named("orders-login")), [said("orders-login")]);
  assertEquals(problems(named("pg-login")), []);
  // A name that only the manifests have is no contradiction: the project file names no Secret.
  assertEquals(found(named("orders-login"), { ...DEFAULT_PROJECT, file: FILE }), []);
});

Deno.test("manifests-readable warns about an image of the project file that no Spark job has", () => {
  const warned = (image: string, wanted: string) => {
    const jobs = { ...DEFAULT_PROJECT.jobs, image: wanted };
    const text = FILES[JOB]!.replaceAll(DEFAULT_PROJECT.jobs.image, image);
    return found({ ...FILES, [JOB]: text }, { ...DEFAULT_PROJECT, jobs, file: FILE })
      .map(({ severity, problem, field }) => `${severity}: ${problem} (${field})`);
  };
  const said = (wanted: string) => [
    `warn: no Spark job has the image ${wanted}, which is jobs.image of deep-storage.json ` +
    "(spec.template.spec.containers[0].image)",
  ];
  const digest = `@sha256:${"a".repeat(64)}`;
  for (
    const [image, wanted] of [
      ["shop/spark:7", "shop/spark:8"],
      ["shop/spark:7", "mirror/spark:7"],
      [`shop/spark:7${digest}`, "shop/spark:8"],
      [`shop/spark${digest}`, `shop/spark@sha256:${"b".repeat(64)}`],
    ] as const
  ) assertEquals(warned(image, wanted), said(wanted));
  for (
    const [image, wanted] of [
      ["shop/spark:8", "shop/spark:8"],
      [`shop/spark${digest}`, "shop/spark:8"],
      [`shop/spark:8${digest}`, "shop/spark:8"],
      ["shop/spark:8", `shop/spark${digest}`],
      ["shop/spark:$(TAG)", "shop/spark:8"],
      // Not set in the project file.
      ["shop/spark:7", DEFAULT_PROJECT.jobs.image],
    ] as const
  ) assertEquals([image, warned(image, wanted)], [image, []]);
});

Deno.test("manifests-readable does not warn if the project names the namespace of the jobs", () => {
  const manifests = { ...factOf(shop()), project: PROJECT };
  const outcome = manifestsReadable.run({ manifests });
  assertEquals("findings" in outcome && outcome.findings, []);
});

Deno.test("manifests-readable names a Spark job of another namespace as not judged", () => {
  const other = FILES["50-bronze-ingest.yaml"]!.replaceAll("analytics-jobs", "shop");
  const outcome = manifestsReadable.run({
    manifests: factOf({ ...FILES, "shop.yaml": other }),
  });
  if (!("findings" in outcome)) throw new Error("did not judge");
  assertEquals(outcome.findings, []);
  assertEquals(
    outcome.notJudged?.filter(({ object }) => object === "Job shop/bronze-ingest-manual"),
    [{
      object: "Job shop/bronze-ingest-manual",
      reason: "it is in the namespace shop, so its connections are not judged",
    }],
  );
});

Deno.test("manifests-readable warns about a namespace that can be misspelled", () => {
  const quota = FILES["10-quota.yaml"]!;
  const inNamespace = (namespace: string) =>
    found({
      ...FILES,
      "10-quota.yaml": quota.replace("namespace: analytics-jobs", `namespace: ${namespace}`),
    });
  for (const wrong of ["analytcs-jobs", "analytics-jobz", "anaylitcs-jobs", "analytics_jobs"]) {
    const [finding, ...others] = inNamespace(wrong).filter(({ severity }) => severity === "warn");
    assertEquals(others, []);
    assertStringIncludes(
      finding!.problem,
      `in the namespace ${wrong}; did you mean analytics-jobs?`,
    );
  }
  for (const other of ["billing", "analytics-jobs-2", "analytics"]) {
    assertEquals(inNamespace(other), []);
  }
  const declared = "apiVersion: v1\nkind: Namespace\nmetadata: { name: analytics-job }\n";
  const files = { ...FILES, "a.yaml": declared };
  const moved = {
    ...files,
    "10-quota.yaml": quota.replace("namespace: analytics-jobs", "namespace: analytics-job"),
  };
  assertEquals(found(moved), []);
});
