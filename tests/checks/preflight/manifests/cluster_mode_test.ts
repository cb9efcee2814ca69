import {
  notInDriver,
  unmountedApplications,
  withoutUpload,
} from "../../../../checks/preflight/manifests/cluster_mode.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { assertEquals } from "../../../support/assert.ts";

const JOB = `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      volumes: [{ name: code, configMap: { name: code } }]
      containers:
        - name: etl
          image: registry.example.com/etl:1
          command: [/opt/spark/bin/spark-submit]
          args:
            - --master=k8s://https://kubernetes.default.svc
            - --deploy-mode=cluster
            - --conf=spark.app.name=etl
            - local:///opt/app/etl.py
          env: []
          volumeMounts: []
`;

function treeWith(changes: readonly (readonly [string, string])[], more = "") {
  const text = changes.reduce((yaml, [from, to]) => {
    assertEquals(yaml.includes(from), true, from);
    return yaml.replace(from, () => to);
  }, JOB);
  const { objects, scripts } = readFile("job.yaml", `${text}${more}`);
  return treeOf({ directory: ".", objects, scripts });
}

const conf = (setting: string) => ["spark.app.name=etl", setting] as const;
const MOUNT = ["volumeMounts: []", "volumeMounts: [{ name: code, mountPath: /opt/app }]"] as const;
const ENV = [
  "env: []",
  "env: [{ name: S3_ENDPOINT, value: a }, { name: SPARK_CONF_DIR, value: /c }, " +
  "{ name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }]\n" +
  "          envFrom: [{ secretRef: { name: s3 } }]",
] as const;
const CLIENT = ["--deploy-mode=cluster", "--deploy-mode=client"] as const;

Deno.test("notInDriver names the variables and mounts that the driver does not have", () => {
  const reasons = (...changes: Parameters<typeof treeWith>[0]) =>
    notInDriver(treeWith(changes)).map(({ object, reason }) => `${object}: ${reason}`);
  const all = "Job analytics-jobs/etl: deploy mode cluster: the driver is another pod, and does " +
    "not have S3_ENDPOINT, the variables of s3, /opt/app of this pod. Whether it needs them is " +
    "not judged";
  assertEquals(reasons(ENV, MOUNT), [all]);
  assertEquals(reasons(ENV, MOUNT, conf("spark.kubernetes.driverEnv.S3_ENDPOINT=a")), [
    all.replace("S3_ENDPOINT, ", ""),
  ]);
  assertEquals(reasons(), []);
  assertEquals(reasons(ENV, MOUNT, CLIENT), []);
});

Deno.test("unmountedApplications warns about a file that the driver's pod does not mount", () => {
  const problems = (...changes: Parameters<typeof treeWith>[0]) =>
    unmountedApplications(treeWith(changes)).map(({ field, problem }) => `${field}: ${problem}`);
  assertEquals(problems(MOUNT), [
    "spec.template.spec.containers[0].args[3]: the driver is another pod, which does not mount " +
    "/opt/app, so it has local:///opt/app/etl.py only if its image has the file",
  ]);
  const volume = "spark.kubernetes.driver.volumes.persistentVolumeClaim.code.mount.path=/opt";
  assertEquals(problems(MOUNT, conf(volume)), []);
  // The template of the driver is not in the manifests.
  assertEquals(problems(MOUNT, conf("spark.kubernetes.driver.podTemplateFile=/t/d.yaml")), []);
  assertEquals(problems(), []);
  assertEquals(problems(MOUNT, CLIENT), []);
});

Deno.test("withoutUpload fails for an application file that Spark cannot upload", () => {
  const problems = (...changes: Parameters<typeof treeWith>[0]) =>
    withoutUpload(treeWith(changes)).map(({ severity, problem }) => `${severity} ${problem}`);
  const local = ["local:///opt/app/etl.py", "/opt/app/etl.py"] as const;
  assertEquals(problems(local), [
    "fail /opt/app/etl.py is a file of this pod, and the job does not set " +
    "spark.kubernetes.file.upload.path",
  ]);
  assertEquals(problems(local, conf("spark.kubernetes.file.upload.path=s3a://b/x")), []);
  assertEquals(problems(["local:///opt/app/etl.py", "s3a://b/etl.py"]), []);
  assertEquals(problems(), []);
  assertEquals(problems(local, CLIENT), []);
  for (const image of ["spark:v2.4.4", "ghcr.io/a/spark-py:2.4.5", "localhost:5000/spark:2.4"]) {
    assertEquals(problems(local, ["etl:1", image]), [], image);
  }
  for (const image of ["etl:2.4.1", "ghcr.io/spark/etl:2.4.1", "spark:3.5.8", "spark-etl:2.0"]) {
    assertEquals(problems(local, ["etl:1", image]).length, 1, image);
  }
  const script = (file: string, more = "") =>
    problems(
      ["command: [/opt/spark/bin/spark-submit]", "command: [sh, -c]"],
      [
        JOB.slice(JOB.indexOf("            - --master"), JOB.indexOf("          env:")),
        "            - |\n              exec /opt/spark/bin/spark-submit --master k8s://https://a \\\n" +
        `                --deploy-mode cluster ${more} ${file} /data/other.py\n`,
      ],
    );
  assertEquals(script("/opt/app/etl.py"), [
    "fail /opt/app/etl.py is a file of this pod, and the job does not set " +
    "spark.kubernetes.file.upload.path",
  ]);
  assertEquals(script("local:///opt/app/etl.py"), []);
  assertEquals(script("$FILE"), []);
  assertEquals(
    script("/opt/app/etl.py", "--conf spark.kubernetes.file.upload.path=s3a://b/x"),
    [],
  );
});
