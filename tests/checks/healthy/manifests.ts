import { BEFORE } from "../../../checks/catalog.ts";
import type { Finding, Result } from "../../../checks/finding.ts";
import { type ManifestsFact, readFile } from "../../../checks/facts/manifests.ts";
import { runChecks } from "../../../checks/runner.ts";
import { assert, assertEquals } from "../../support/assert.ts";

// Manifests and job code as they should be. Tests break one thing of them at a time.

/** Values that no finding may ever show. */
export const PASSWORDS = ["Tr0ub4dor!x", "kP9-secret-key", "AKIAEXAMPLE7"];

const SECRETS = `
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: analytics-jobs}
stringData:
  DJANGO_DB_PASSWORD: '${PASSWORDS[0]}'
  AWS_SECRET_ACCESS_KEY: ${PASSWORDS[1]}
  AWS_ACCESS_KEY_ID: ${PASSWORDS[2]}
`;

const QUOTA = `
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: analytics-jobs}
spec:
  hard: {requests.cpu: "4", requests.memory: 6Gi, limits.cpu: "4", limits.memory: 6Gi, pods: "5"}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits, namespace: analytics-jobs}
spec:
  limits:
    - type: Container
      defaultRequest: {cpu: 250m, memory: 512Mi}
      max: {cpu: "3", memory: 4Gi}
`;

const ACCESS = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: spark-jobs, namespace: analytics-jobs}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: spark-jobs, namespace: analytics-jobs}
rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [create, get, list, watch, delete, deletecollection]
  - apiGroups: [""]
    resources: [configmaps, services, persistentvolumeclaims]
    verbs: [create, get, list, delete, deletecollection]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: spark-jobs, namespace: analytics-jobs}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: spark-jobs}
subjects:
  - {kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs}
`;

const EXECUTORS = `
apiVersion: v1
kind: ConfigMap
metadata: {name: executor, namespace: analytics-jobs}
data:
  pod.yaml: |
    apiVersion: v1
    kind: Pod
    spec:
      nodeSelector: {robson.io/pool: analytics}
      tolerations: [{key: robson.io/dedicated, operator: Exists}]
`;

const JOB = `
apiVersion: batch/v1
kind: Job
metadata: {name: bronze, namespace: analytics-jobs}
spec:
  template:
    spec:
      restartPolicy: Never
      serviceAccountName: spark-jobs
      nodeSelector:
        robson.io/pool: analytics
      tolerations:
        - {key: robson.io/dedicated, operator: Equal, value: analytics, effect: NoSchedule}
      containers:
        - name: spark
          image: ghcr.io/example/rbs-spark:3.5.8-1
          command: [/opt/spark/bin/spark-submit]
          args:
            - --master=k8s://https://kubernetes.default.svc
            - --driver-memory=1g
            - --conf
            - spark.executor.instances=1
            - --conf=spark.executor.memory=2g
            - --conf=spark.executor.cores=2
            - --conf=spark.kubernetes.executor.limit.cores=2
            - --conf=spark.kubernetes.executor.podTemplateFile=/templates/pod.yaml
            - --conf=spark.driver.host=$(POD_IP)
            - local:///opt/jobs/bronze.py
          env:
            - name: POD_IP
              valueFrom: {fieldRef: {fieldPath: status.podIP}}
            - name: GREETING
              value: "$(POD_IP) costs $$5"
            - name: DJANGO_DB_PASSWORD
              valueFrom: {secretKeyRef: {name: db, key: DJANGO_DB_PASSWORD}}
          envFrom:
            - secretRef: {name: db}
          resources:
            requests: {cpu: 500m, memory: 2Gi}
            limits: {cpu: "1", memory: 2Gi}
          volumeMounts:
            - {name: templates, mountPath: /templates}
      volumes:
        - name: templates
          configMap: {name: executor}
`;

const DOCKERFILE = `
# FROM apache/spark:latest and --packages are for a try at home
FROM apache/spark:3.5.8-python3
ARG HADOOP=3.3.4
ADD --checksum=sha256:${"1".repeat(64)} \\
    https://repo/hadoop-aws-\${HADOOP}.jar /opt/spark/jars/
ADD --checksum=sha256:${"2".repeat(64)} \\
    https://repo/aws-java-sdk-bundle-1.12.262.jar /opt/spark/jars/
ADD --checksum=sha256:${"3".repeat(64)} \\
    https://repo/postgresql-42.7.4.jar /opt/spark/jars/
`;

const PYTHON =
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

/** The files, by their names. */
export const FILES: Readonly<Record<string, string>> = {
  "access.yaml": ACCESS,
  "executors.yaml": EXECUTORS,
  "image/Dockerfile": DOCKERFILE,
  "image/jobs/bronze.py": PYTHON,
  "image/jobs/helpers/days.py": HELPER,
  "job.yaml": JOB,
  "quota.yaml": QUOTA,
  "replay.sql": SQL,
  "secrets.yaml": SECRETS,
};

/** The checks of manifests and job code, without those of the network. */
export const FAMILY = [
  ...["manifests-readable", "image-deps", "table-name", "secret-escaping", "parquet-void"],
  ...["timestamp-env", "quota-fit", "node-pool", "service-account", "rbac"],
];

/** What files say. */
export function factOf(files: Readonly<Record<string, string>>): ManifestsFact {
  const readings = Object.entries(files).map(([file, text]) => readFile(file, text));
  return {
    directory: "manifests",
    files: readings.length,
    objects: readings.flatMap(({ objects }) => objects),
    scripts: readings.flatMap(({ scripts }) => scripts),
    problems: readings.flatMap(({ problems }) => problems),
  };
}

/** The files with a piece of one replaced, which has to be there. */
export function change(file: string, from: string, to: string): Record<string, string> {
  const text = FILES[file]!;
  assert(text.includes(from), `${file} has no ${from}`);
  return { ...FILES, [file]: text.replace(from, () => to) };
}

/** Runs the family over files. */
export async function judgeFiles(files: Readonly<Record<string, string>>): Promise<Result[]> {
  const results = await runChecks(
    BEFORE.filter(({ id }) => FAMILY.includes(id)),
    {
      manifests: () => Promise.resolve(factOf(files)),
      cluster: { absent: "left out", asked: true },
      image: { absent: "left out", asked: true },
      database: { absent: "left out", asked: true },
    },
    { timeoutMs: 10_000 },
  );
  const told = JSON.stringify(results);
  for (const secret of PASSWORDS) assert(!told.includes(secret), "a secret was told");
  return results;
}

/** Asserts that files lead to exactly these findings of one check, and to none of any other. */
export async function assertFound(
  id: string,
  files: Readonly<Record<string, string>>,
  ...expected: Partial<Finding>[]
): Promise<readonly Finding[]> {
  const results = await judgeFiles(files);
  for (const result of results) {
    if (result.id !== id) assertEquals([result.id, result.findings], [result.id, []]);
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
