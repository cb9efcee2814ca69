import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { type SparkJob, sparkJobsOf } from "../../../../checks/spark/spark_job.ts";
import { wrongTemplates } from "../../../../checks/preflight/manifests/template_mounts.ts";
import { assertEquals } from "../../../support/assert.ts";
import { jobOf, K8S, map } from "../../spark/job_yaml.ts";

const judge = (...jobs: readonly SparkJob[]) => wrongTemplates({ jobs, project: DEFAULT_PROJECT });

const TEMPLATE = "spark.kubernetes.executor.podTemplateFile=/t/pod.yaml";

/** A job with a template whose executor mounts one volume. */
const jobWith = (mount: string, ...settings: string[]) =>
  jobOf({
    args: [`--master=${K8S}`, ...[TEMPLATE, ...settings].map((each) => `--conf=${each}`)],
    container: "volumeMounts: [{ name: t, mountPath: /t }]",
    pod: "volumes: [{ name: t, configMap: { name: t } }]\n",
    more: map(
      "t",
      `{ pod.yaml: "spec: { containers: [{ name: e, volumeMounts: [{ name: ${mount}, mountPath: /v }] }], volumes: [{ name: scratch, emptyDir: {} }] }" }`,
    ),
  });

const found = (mount: string, ...settings: string[]) => judge(...[jobWith(mount, ...settings)]);

Deno.test("wrongTemplates fails for a mount of the executors that names no volume", () => {
  const [finding] = found("scrach");
  assertEquals(finding, {
    severity: "fail",
    object: "ConfigMap analytics-jobs/t",
    field: "data.pod.yaml",
    file: "manifests/job.yaml",
    line: finding!.line!,
    problem: "spec.containers[0].volumeMounts[0].name in the pod template of the executor: " +
      "there is no volume scrach; did you mean scratch?",
    why: "the API server refuses the pods, so the job runs without executors",
    fix: "Write scratch.",
  });
  const other = "spark.kubernetes.driver.volumes.emptyDir.data.mount.path=/d";
  assertEquals(found("data", other).map(({ fix }) => fix), ["Add data to the volumes."]);
});

Deno.test("wrongTemplates accepts volumes of the template, of the settings, and of Spark itself", () => {
  assertEquals(found("scratch"), []);
  assertEquals(found("spark-local-dir-1"), []);
  assertEquals(found("spark-conf-volume-exec"), []);
  assertEquals(found("hadoop-properties"), []);
  assertEquals(found("krb5-file"), []);
  assertEquals(
    found("data", "spark.kubernetes.executor.volumes.persistentVolumeClaim.data.mount.path=/d"),
    [],
  );
  assertEquals(found("keys-volume", "spark.kubernetes.executor.secrets.keys=/k"), []);
});

Deno.test("wrongTemplates judges the block devices of a template like its mounts", () => {
  const job = (name: string) =>
    jobOf({
      args: [`--master=${K8S}`, `--conf=${TEMPLATE}`],
      container: "volumeMounts: [{ name: t, mountPath: /t }]",
      pod: "volumes: [{ name: t, configMap: { name: t } }]\n",
      more: map(
        "t",
        `{ pod.yaml: "spec: { containers: [{ name: e, volumeDevices: [{ name: ${name}, devicePath: /dev/x }] }], volumes: [{ name: disk, persistentVolumeClaim: { claimName: d } }] }" }`,
      ),
    });
  assertEquals(judge(...[job("disk")]), []);
  assertEquals(judge(...[job("dsk")]).map(({ fix }) => fix), ["Write disk."]);
});

Deno.test("wrongTemplates reports a template of several jobs once", () => {
  assertEquals(judge(...[jobWith("a"), jobWith("a")]).length, 1);
});

Deno.test("wrongTemplates fails for a template of another project's job that its ConfigMap lacks", () => {
  const problems = (namespace: string, key: string) => {
    const { objects } = readFile(
      "a.yaml",
      `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: ${namespace} }
spec:
  template:
    spec:
      volumes: [{ name: t, configMap: { name: t } }]
      containers:
        - name: a
          image: a
          command: [spark-submit, "--master=${K8S}", "--conf=${TEMPLATE}"]
          volumeMounts: [{ name: t, mountPath: /t }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: t, namespace: ${namespace} }
data: { ${key}: "spec: {}" }
`,
    );
    return judge(...sparkJobsOf({ objects, code: [] })).map(({ severity, problem }) =>
      `${severity} ${problem}`
    );
  };
  assertEquals(problems("etl", "other.yaml"), [
    "fail spark.kubernetes.executor.podTemplateFile: the mounted ConfigMap t does not have the " +
    "file /t/pod.yaml",
  ]);
  assertEquals(problems("etl", "pod.yaml"), []);
  // The check node-pool reports it.
  assertEquals(problems("analytics-jobs", "other.yaml"), []);
});
