import { assertFilesAreFixed } from "./file_fixes.ts";
import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import type { Finding, Result } from "../../../checks/finding.ts";
import { factOfReadings, type ManifestsFact, readFile } from "../../../checks/facts/manifests.ts";
import { runChecks } from "../../../checks/runner.ts";
import { assert, assertEquals } from "../../support/assert.ts";

// The manifests of a healthy platform: ours, what the namespace of the database declares, the
// Secrets with their values, and code that looks faulty and is not. Tests break one thing at a
// time.

/** Secret values. No finding may contain them. */
export const SECRETS = { password: "Tr0ub4dor!x", key: "kP9-secret-key", id: "AKIAEXAMPLE7" };

/** The file of the Job that most tests break. */
export const JOB = "50-bronze-ingest.yaml";

/** The file of the template of the executors' pods. */
export const EXECUTORS = "40-executor-pod.yaml";

/** The file with the Jobs' service account and its permissions. */
export const ACCESS = "30-service-account.yaml";

/** The code of the bronze Job. */
export const CODE = "image/jobs/bronze_ingest.py";

/** Code that looks faulty and is not. */
export const LOOKALIKE = "image/jobs/lookalikes.py";

/** The image of the Jobs. */
export const IMAGE = "ghcr.io/ldamasio/rbs-spark:3.5.8-phase1";

/** The name of the bronze Job in findings. */
export const JOB_ID = "Job analytics-jobs/bronze-ingest-manual";

const SILVER_JOB = "60-silver-transform.yaml";

/** The file of the CronJobs, with their accounts and permissions. */
export const SCHEDULE = "70-schedule.yaml";

const ROBSON = `
apiVersion: v1
kind: Namespace
metadata: { name: robson, labels: { name: robson } }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: rbs-paradedb, namespace: robson }
spec:
  selector: { matchLabels: { app: rbs-paradedb } }
  template:
    metadata: { labels: { app: rbs-paradedb } }
    spec:
      containers:
        - { name: paradedb, image: paradedb/paradedb, ports: [{ name: sql, containerPort: 5432 }] }
`;

const SECRETS_FILE = `
apiVersion: v1
kind: Secret
metadata: { name: django-db-credentials, namespace: analytics-jobs }
type: Opaque
stringData:
  DJANGO_DB_HOST: paradedb.robson.svc.cluster.local
  DJANGO_DB_NAME: rbsdb
  DJANGO_DB_USER: robson
  DJANGO_DB_PASSWORD: '${SECRETS.password}'
---
apiVersion: v1
kind: Secret
metadata: { name: contabo-s3-credentials, namespace: analytics-jobs }
type: Opaque
stringData:
  AWS_ACCESS_KEY_ID: ${SECRETS.id}
  AWS_SECRET_ACCESS_KEY: ${SECRETS.key}
  S3_ENDPOINT: https://eu2.contabostorage.com
  S3_BUCKET: rbs
`;

const LOOKALIKES =
  `"""Copies StopEvent rows FROM api_stopevent, with lit(None) and NULL AS x in a docstring."""
import os
from pyspark.sql import functions as F
from helpers.days import today

OUTBOX_TABLE = "stop_events"  # not "api_stopevent", whatever spark.jars.packages says


class StopEvent:
    """SELECT NULL AS x FROM stop_event"""


def rows(spark):
    day = os.environ.get("JOB_DATE") or today()
    password = os.environ["DJANGO_DB_PASSWORD"]
    region = os.environ.get("AWS_REGION", "us-east-1")
    query = f"""SELECT event_id, stop_event_id, CAST(NULL AS timestamp) AS submitted_at
                FROM {OUTBOX_TABLE} JOIN public.stop_events USING (event_id)"""
    frame = spark.read.format("jdbc").option("dbtable", "stop_events").option("q", query).load()
    frame = frame.withColumn("executed_at", F.lit(None).cast("timestamp"))
    none = F.lit(None)
    frame = frame.withColumn(
        "side",
        F.lit(
            None
        )
        .cast("string")
        .alias("side"),
    ).withColumn("x", none.cast("int")).withColumn("y", F.coalesce(F.col("x"), F.lit(None)))
    print("copied from the stop_event outbox")
    frame.write.parquet("s3a://rbs/bronze/events")
`;

const HELPER = `from datetime import datetime, timezone


def today():
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")
`;

const SQL = `-- not api_stopevent; NULL AS nothing
WITH stop_event AS (SELECT * FROM stop_events)
SELECT operation_id, CAST(NULL AS timestamp) AS executed_at, 'NULL AS x, NULL AS y' AS text
FROM stop_event WHERE side IS NOT NULL;
`;

/** The files of a folder, by their paths below `manifests/`. */
function* readFiles(folder = ""): Generator<[string, string]> {
  const root = new URL("../../../manifests/", import.meta.url);
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    const path = `${folder}${name}`;
    if (isDirectory) yield* readFiles(`${path}/`);
    else if (/\.(yaml|py)$|^Dockerfile$/.test(name)) {
      yield [path, Deno.readTextFileSync(new URL(path, root))];
    }
  }
}

/** All files, by their paths below `manifests/`. */
export const FILES_WITH_SCHEDULE: Readonly<Record<string, string>> = {
  ...Object.fromEntries([...readFiles()].sort()),
  "image/jobs/helpers/days.py": HELPER,
  "image/jobs/lookalikes.py": LOOKALIKES,
  "replay.sql": SQL,
  "robson.yaml": ROBSON,
  "secrets.yaml": SECRETS_FILE,
};

/** The files without the schedule. */
export const ALL_FILES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(FILES_WITH_SCHEDULE).filter(([path]) => path !== SCHEDULE),
);

/** The files without the second Job and the modules of both: a fault is found once, and fast. */
export const FILES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ALL_FILES).filter(([path]) =>
    path !== SILVER_JOB && !path.startsWith("image/jobs/deep_storage/")
  ),
);

/** The checks of manifests and job code, without those of the network. */
export const FAMILY = [
  "manifests-readable",
  "image-deps",
  "table-name",
  "parquet-void",
  "timestamp-env",
  "secret-escaping",
  "quota-fit",
  "node-pool",
  "service-account",
  "rbac",
];

/** What files say. */
export function factOf(files: Readonly<Record<string, string>>): ManifestsFact {
  const readings = Object.entries(files).map(([file, text]) => readFile(file, text));
  return factOfReadings("manifests", readings);
}

/** The files with a text of one replaced, which the file must contain. */
export function change(
  file: string,
  from: string,
  to: string,
  files: Readonly<Record<string, string>> = FILES,
): Record<string, string> {
  const text = files[file]!;
  assert(text.includes(from), `${file} has no ${from}`);
  return { ...files, [file]: text.replace(from, () => to) };
}

/** The documents of a YAML file, without comments. */
export function documentsOf(file: string): string[] {
  const text = FILES[file]!.replace(/^ *#.*\n/gm, "").replace(/ +# .*$/gm, "");
  return text.trim().split("\n---\n").map((document) => `\n${document.trim()}\n`);
}

/** The 1-based line of a text that occurs once in a file. */
export function lineOf(file: string, text: string): number {
  return lineIn(FILES[file]!, text);
}

/** The line, counted from 1, of a text that occurs once in a longer text. */
export function lineIn(whole: string, text: string): number {
  const [before, after, more] = whole.split(text);
  assert(after !== undefined && more === undefined, `${text} is not there once`);
  return before!.split("\n").length;
}

/** An Argo Workflow of the jobs' namespace, with the fields of its only template. */
export function argoWorkflow(template: string): string {
  return `apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { name: etl, namespace: analytics-jobs }
spec:
  entrypoint: main
  templates:
    - name: main
${template.replace(/^(?=.)/gm, "      ")}`;
}

/** Runs all checks over files. Only the manifests are known. */
export async function judgeAll(files: Readonly<Record<string, string>>): Promise<Result[]> {
  const absent = { absent: "left out", requested: true } as const;
  return await runChecks(PREFLIGHT, {
    manifests: () => Promise.resolve(factOf(files)),
    cluster: absent,
    image: absent,
    database: absent,
    lake: absent,
  }, { timeoutMs: 120_000 });
}

/** Runs the family over files. */
export async function judgeFiles(files: Readonly<Record<string, string>>): Promise<Result[]> {
  const results = await runChecks(
    PREFLIGHT.filter(({ id }) => FAMILY.includes(id)),
    {
      manifests: () => Promise.resolve(factOf(files)),
      cluster: { absent: "left out", requested: true },
      image: { absent: "left out", requested: true },
      database: { absent: "left out", requested: true },
    },
    { timeoutMs: 120_000 },
  );
  for (const { findings } of results) findings.forEach(assertFilesAreFixed);
  const told = JSON.stringify(results);
  for (const secret of Object.values(SECRETS)) assert(!told.includes(secret), "a secret was told");
  return results;
}

/** Asserts that only one check has findings about the files, and exactly these. */
export async function assertFound(
  id: string,
  files: Readonly<Record<string, string>>,
  ...expected: Partial<Finding>[]
): Promise<readonly Finding[]> {
  const results = await judgeFiles(files);
  for (const result of results) {
    // The containers that tests add are short, without the fields that the namespace enforces.
    const others = result.findings.filter(({ why = "" }) => !why.includes("pod security level"));
    if (result.id !== id) assertEquals([result.id, others], [result.id, []]);
  }
  const { findings } = results.find((result) => result.id === id)!;
  const named = findings.map(({ problem, line }) => `${line}: ${problem}`).join("\n");
  assertEquals(findings.length, expected.length, named);
  expected.forEach((each, i) => assertEquals({ ...findings[i]!, ...each }, findings[i]!));
  for (const finding of findings) {
    assert(finding.fix.length > 5 && (finding.why ?? "").length > 5, finding.problem);
  }
  return findings;
}

/** The files with a Job that does not set the executors' image, so that one image is used once. */
export const ONE_IMAGE = change(
  JOB,
  `            - --conf=spark.kubernetes.executor.container.image=${IMAGE}\n`,
  "",
);
