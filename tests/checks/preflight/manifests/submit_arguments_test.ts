import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { wrongSubmits } from "../../../../checks/preflight/manifests/submit_arguments.ts";
import { assertEquals } from "../../../support/assert.ts";

// Arguments with which spark-submit ends at once.

function problemsOf(...args: string[]) {
  const { objects, scripts } = readFile(
    "job.yaml",
    `apiVersion: batch/v1
kind: Job
metadata: { name: etl, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      volumes: [{ name: conf, configMap: { name: conf } }, { name: other, configMap: { name: other } }]
      containers:
        - name: etl
          image: apache/spark:3.5.8
          command: [spark-submit]
          args: ${JSON.stringify([...args, "local:///a.py"])}
          volumeMounts: [{ name: conf, mountPath: /conf }, { name: other, mountPath: /other }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: conf, namespace: analytics-jobs }
data: { job.conf: "spark.executor.memory 1g" }
`,
  );
  const tree = treeOf({ directory: "manifests", objects, scripts });
  return wrongSubmits(tree).map(({ severity, problem }) => `${severity}: ${problem}`);
}

const VALID = [
  ...["local", "local[2]", "local[*,3]", "local-cluster[2,1,1024]", "yarn", "spark://a:7077"],
  ...["k8s://https://kubernetes.default.svc", "k8s://10.0.0.1:6443", "$MASTER", "$(MASTER)"],
];
for (const master of VALID) {
  Deno.test(`wrongSubmits accepts the master ${master}`, () => {
    assertEquals(problemsOf(`--master=${master}`), []);
    assertEquals(problemsOf("--master", master), []);
  });
}

for (const master of ["https://kubernetes.default.svc", "kubernetes", "k8s:https://a", "locl[2]"]) {
  Deno.test(`wrongSubmits fails for the master ${master}`, () => {
    assertEquals(problemsOf(`--master=${master}`), [`fail: ${master} is no master of Spark`]);
  });
}

Deno.test("wrongSubmits fails for a file of settings that the mounted ConfigMap lacks", () => {
  const of = (path: string) => problemsOf("--master=local[1]", `--properties-file=${path}`);
  assertEquals(of("/conf/job.conf"), []);
  assertEquals(of("/conf/jobs.conf"), [
    "fail: --properties-file: the mounted ConfigMap conf does not have the file /conf/jobs.conf",
  ]);
  // The image, or a ConfigMap that the manifests do not have, can contain the file.
  assertEquals(of("/opt/job.conf"), []);
  assertEquals(of("/other/job.conf"), []);
});
