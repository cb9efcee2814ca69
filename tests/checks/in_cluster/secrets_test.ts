import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";
import {
  assertOnlyIn,
  changed,
  CLUSTER,
  judgeCluster,
  NONE,
  plus,
  without,
} from "../healthy/cluster.ts";

// Secrets and variables of a live cluster.

const DB = "Secret analytics-jobs/django-db-credentials";

/** Returns the cluster with a changed value in one of the two Secrets; undefined removes the key. */
function stored(key: string, value: string | undefined) {
  const id = key.startsWith("DJANGO") ? DB : "Secret analytics-jobs/contabo-s3-credentials";
  return changed(id, (secret) => {
    const { [key]: _, ...rest } = secret.stringData as Fields;
    return { ...secret, stringData: value === undefined ? rest : { ...rest, [key]: value } };
  });
}

for (
  const [key, value, problem] of [
    [
      "DJANGO_DB_PASSWORD",
      "Tr0ub4dor\\!x",
      'has a backslash before "!", like an escape of a shell',
    ],
    ["DJANGO_DB_HOST", "paradedb.robson.svc.cluster.local\n", "ends with a newline"],
    ["DJANGO_DB_USER", "'robson'", "is enclosed in quotes, which become part of the value"],
    ["AWS_ACCESS_KEY_ID", "", "is empty"],
    ["S3_ENDPOINT", "https://eu2.contabostorage.com\n", "ends with a newline"],
    ["S3_BUCKET", btoa("rbs-bucket-1"), "is encoded twice: the decoded value is base64 again"],
  ] as const
) {
  Deno.test(`secret-escaping: reports a stored ${key} that ${problem} once, with the task that stores it again`, async () => {
    const { findings: [finding] } = await assertOnlyIn("secret-escaping", stored(key, value), [{
      severity: "fail",
      field: `data.${key}`,
      problem: `the value ${problem}`,
    }]);
    assertEquals(finding!.file, undefined);
    assertStringIncludes(finding!.fix, "deno task secrets");
    if (value.trim().length > 3) {
      assertEquals(JSON.stringify(finding).includes(value.trim()), false);
    }
  });
}

Deno.test("secret-escaping: warns about a space at the end, which may be intended, and fails for other white space", async () => {
  await assertOnlyIn("secret-escaping", stored("DJANGO_DB_PASSWORD", "p\\a!s$s'w\"o#rd "), [
    { severity: "warn", problem: "the value ends with white space" },
  ]);
  await assertOnlyIn("secret-escaping", stored("DJANGO_DB_PASSWORD", "pass\\!word "), [
    { severity: "fail", problem: "the value ends with white space" },
  ]);
});

Deno.test("secret-escaping: reports a missing Secret once for all jobs that read it", async () => {
  for (const manifests of [undefined, NONE]) {
    const { findings: [finding] } = await assertOnlyIn("secret-escaping", without(DB), [
      { severity: "fail", object: DB },
    ], manifests);
    assertEquals(
      finding!.problem,
      "the Secret does not exist, and Job analytics-jobs/bronze-ingest-manual, Job " +
        "analytics-jobs/silver-transform-manual read DJANGO_DB_HOST, DJANGO_DB_NAME, " +
        "DJANGO_DB_USER, DJANGO_DB_PASSWORD",
    );
    assertStringIncludes(finding!.fix, "deno task secrets");
  }
});

Deno.test("secret-escaping: reports a missing key for each job that reads it", async () => {
  const { findings: [finding] } = await assertOnlyIn(
    "secret-escaping",
    stored("S3_BUCKET", undefined),
    [
      { object: "Job analytics-jobs/bronze-ingest-manual" },
      { object: "Job analytics-jobs/silver-transform-manual" },
    ],
  );
  assertStringIncludes(finding!.problem, "has no key S3_BUCKET");
  assertStringIncludes(finding!.fix, "deno task secrets");
});

/** Returns a valid job outside our manifests with the given container. */
function stranger(kind: "Job" | "CronJob", container: Fields): string {
  const template = {
    metadata: { labels: { "spark-role": "driver" } },
    spec: {
      serviceAccountName: "spark-jobs",
      nodeSelector: { "robson.io/pool": "analytics" },
      tolerations: [{ key: "robson.io/dedicated", operator: "Exists" }],
      containers: [{
        name: "a",
        image: "ghcr.io/ldamasio/rbs-spark:3.5.8-phase1",
        ...container,
        resources: { limits: { cpu: "1", memory: "1Gi" } },
      }],
    },
  };
  return JSON.stringify({
    apiVersion: "batch/v1",
    kind,
    metadata: { name: "nightly", namespace: "analytics-jobs" },
    ...(kind === "Job"
      ? { spec: { template }, status: { active: 1 } }
      : { spec: { jobTemplate: { spec: { template } } } }),
  });
}

Deno.test("secret-escaping: suggests a file instead of our task for a Secret with another name", async () => {
  const other = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "other", namespace: "analytics-jobs" },
    data: { TOKEN: btoa("abc\\!defgh") },
  };
  const job = stranger("CronJob", { envFrom: [{ secretRef: { name: "other" } }] });
  const { findings: [finding] } = await assertOnlyIn(
    "secret-escaping",
    plus(`${job}\n---\n${JSON.stringify(other)}`),
    [{ object: "Secret analytics-jobs/other", field: "data.TOKEN" }],
    NONE,
  );
  assertStringIncludes(finding!.fix, "--from-file=TOKEN=<file>");
});

Deno.test("secret-escaping: ignores unrelated Secrets and keys that are mounted as files", async () => {
  // The healthy cluster has a Helm Secret and an unused one, both with unusual values.
  const [result] = (await judgeCluster({ ...CLUSTER })).filter(({ id }) =>
    id === "secret-escaping"
  );
  assertEquals(result!.findings, []);
  assertStringIncludes(result!.examined!, "2 Secrets, ");
});

Deno.test("secret-escaping: only warns about a mounted file, and accepts the newline at its end", async () => {
  const job = JSON.parse(stranger("CronJob", {}));
  job.spec.jobTemplate.spec.template.spec.volumes = [
    { name: "s", secret: { secretName: "somebody-else" } },
  ];
  const results = await judgeCluster(plus(JSON.stringify(job)), NONE);
  const { findings } = results.find(({ id }) => id === "secret-escaping")!;
  assertEquals(
    findings.map(({ severity, object, field, problem }) => [severity, object, field, problem]),
    [[
      "warn",
      "Secret analytics-jobs/somebody-else",
      "data.note",
      'the value has a backslash before "!", like an escape of a shell',
    ]],
  );
});

for (const kind of ["Job", "CronJob"] as const) {
  Deno.test(`secret-escaping: reports a shell expression in a live ${kind}`, async () => {
    const job = stranger(kind, { env: [{ name: "JOB_DATE", value: "$(date +%F)" }] });
    const { findings: [finding] } = await assertOnlyIn("timestamp-env", plus(job), [
      { severity: "fail", object: `${kind} analytics-jobs/nightly` },
    ], NONE);
    assertStringIncludes(finding!.problem, "a shell command, $(date +%F)");
  });
}
