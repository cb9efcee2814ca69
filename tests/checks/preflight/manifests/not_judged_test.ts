import { notJudgedAmong } from "../../../../checks/preflight/manifests/not_judged.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { assertEquals } from "../../../support/assert.ts";
import { argoWorkflow, FILES, IMAGE, judgeAll } from "../../healthy/manifests.ts";

/** What is not judged, as `object: reason`. */
function notJudged(yaml: string): string[] {
  return notJudgedAmong(readFile("a.yaml", yaml).objects)
    .map(({ object, reason }) => `${object}: ${reason}`);
}

const object = (apiVersion: string, kind: string, spec = "{ a: b }", name = "name: etl") =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { ${name}, namespace: analytics-jobs }\n` +
  `spec: ${spec}\n`;

Deno.test("the parameters of an Argo Workflow are not judged, and the check says so", async () => {
  const found = await judgeAll({
    ...FILES,
    "a.yaml": argoWorkflow(`container:
  image: ${IMAGE}
  command: [spark-submit]
  args:
    - --master=k8s://https://kubernetes.default.svc
    - --conf=spark.kubernetes.namespace={{workflow.namespace}}
    - --conf=spark.executor.instances={{workflow.parameters.n}}
    - --conf=spark.executor.memory={{inputs.parameters.memory}}
    - local:///opt/deep-storage/jobs/bronze_ingest.py
  env: [{ name: JOB_DATE, value: "{{workflow.scheduledTime}}" }]
`),
  });
  const results = new Map(found.map((each) => [each.id, each]));
  assertEquals(results.get("timestamp-env")!.findings, []);
  assertEquals(
    results.get("quota-fit")!.findings.filter(({ problem }) => problem.includes("{{")),
    [],
  );
  assertEquals(results.get("quota-fit")!.verdict === "pass", false);
  assertEquals(
    JSON.stringify(results.get("manifests-readable")).includes(
      "its values with parameters are not judged",
    ),
    true,
  );
});

Deno.test("notJudgedAmong names the kinds of operators and of tools that deploy", () => {
  for (
    const [apiVersion, kind] of [
      ["flink.apache.org/v1beta1", "FlinkDeployment"],
      ["flink.apache.org/v1beta1", "FlinkSessionJob"],
      ["helm.toolkit.fluxcd.io/v2", "HelmRelease"],
      ["kustomize.toolkit.fluxcd.io/v1", "Kustomization"],
      ["argoproj.io/v1alpha1", "Application"],
      ["argoproj.io/v1alpha1", "ApplicationSet"],
      ["argoproj.io/v1alpha1", "Rollout"],
      ["argoproj.io/v1alpha1", "Sensor"],
      ["serving.knative.dev/v1", "Service"],
      ["ray.io/v1", "RayJob"],
      ["kubeflow.org/v1", "PyTorchJob"],
      ["trainer.kubeflow.org/v1alpha1", "TrainJob"],
      ["batch.volcano.sh/v1alpha1", "Job"],
      ["tekton.dev/v1", "PipelineRun"],
      ["keda.sh/v1alpha1", "ScaledJob"],
      ["jobset.x-k8s.io/v1alpha2", "JobSet"],
      ["postgresql.cnpg.io/v1", "Cluster"],
      ["sparkoperator.k8s.io/v1alpha1", "SparkConnect"],
      ["spark.stackable.tech/v1alpha1", "SparkApplication"],
    ] as const
  ) {
    assertEquals(
      notJudged(object(apiVersion, kind)),
      [`${kind} analytics-jobs/etl: kind is not supported`],
      kind,
    );
  }
});

Deno.test("notJudgedAmong names no object that creates no pods", () => {
  for (
    const [apiVersion, kind] of [
      ["v1", "Service"],
      ["autoscaling/v2", "HorizontalPodAutoscaler"],
      ["monitoring.coreos.com/v1", "ServiceMonitor"],
      ["cert-manager.io/v1", "Certificate"],
      ["external-secrets.io/v1", "ExternalSecret"],
      ["bitnami.com/v1alpha1", "SealedSecret"],
      ["gateway.networking.k8s.io/v1", "HTTPRoute"],
      ["cilium.io/v2", "CiliumNetworkPolicy"],
      ["k8s.ovn.org/v1", "EgressFirewall"],
      ["security.istio.io/v1", "AuthorizationPolicy"],
      ["apiextensions.k8s.io/v1", "CustomResourceDefinition"],
    ] as const
  ) {
    assertEquals(notJudged(object(apiVersion, kind)), [], kind);
  }
});

Deno.test("notJudgedAmong names workflows whose template is not in the manifests", () => {
  const argo = "argoproj.io/v1alpha1";
  const reference = "{ workflowTemplateRef: { name: shared } }";
  const cron = object(argo, "CronWorkflow", `{ schedule: "@daily", workflowSpec: ${reference} }`);
  const reason = "its template shared is not in the manifests";
  assertEquals(notJudged(cron), [`CronWorkflow analytics-jobs/etl: ${reason}`]);
  const run = object(argo, "Workflow", reference, "generateName: etl-");
  assertEquals(notJudged(run), [`Workflow analytics-jobs/etl-*: ${reason}`]);
  const template = object(
    argo,
    "WorkflowTemplate",
    "{ templates: [{ name: a, container: { image: a, command: [spark-submit, a.py] } }] }",
    "name: shared",
  );
  assertEquals(notJudged(`${run}---\n${template}`), []);
});

Deno.test("notJudgedAmong names workloads near the jobs that are no jobs", () => {
  const pod = (more = "") =>
    `{ selector: {}, template: { spec: { containers: [{ name: a, image: a${more} }] } } }`;
  const reason = "it does not start a driver of Spark";
  for (const kind of ["DaemonSet", "Deployment", "StatefulSet"]) {
    const text = object("apps/v1", kind, pod());
    assertEquals(notJudged(text), [`${kind} analytics-jobs/etl: ${reason}`]);
    const other = (spec: string) =>
      object("apps/v1", kind, spec).replace("analytics-jobs", "robson");
    assertEquals(notJudged(other(pod())), []);
    const master = other(pod(", command: [spark-class, org.apache.spark.deploy.master.Master]"));
    assertEquals(notJudged(master), [`${kind} robson/etl: ${reason}`]);
    assertEquals(notJudged(object("apps/v1", kind, pod(", command: [spark-submit, a.py]"))), []);
  }
});

Deno.test("notJudgedAmong names a pod in a ConfigMap that no job names", () => {
  const map = `apiVersion: v1
kind: ConfigMap
metadata: { name: airflow, namespace: analytics-jobs }
data:
  pod_template.yaml: |
    apiVersion: v1
    kind: Pod
    spec: { containers: [{ name: base, image: a }] }
`;
  assertEquals(notJudged(map), [
    "ConfigMap analytics-jobs/airflow: pod_template.yaml contains a pod, and no job of the " +
    "manifests names it",
  ]);
  const job = object(
    "batch/v1",
    "Job",
    "{ template: { spec: { containers: [{ name: a, image: a, command: [spark-submit, " +
      "--conf=spark.kubernetes.executor.podTemplateFile=/t/pod_template.yaml, a.py] }] } } }",
  );
  assertEquals(notJudged(`${map}---\n${job}`), []);
  for (const name of ["pod_template.yaml.old", "pod_template.yaml-2"]) {
    const other = job.replace("pod_template.yaml", name);
    assertEquals(notJudged(`${map}---\n${other}`).length, 1, name);
  }
  assertEquals(notJudged(map.replace("kind: Pod", "kind: Values")), []);
});

Deno.test("notJudgedAmong says that Calico does not enforce staged policies", () => {
  for (const kind of ["StagedNetworkPolicy", "StagedKubernetesNetworkPolicy"]) {
    for (const group of ["projectcalico.org/v3", "crd.projectcalico.org/v1"]) {
      assertEquals(notJudged(object(group, kind)), [
        `${kind} analytics-jobs/etl: Calico does not enforce a staged policy`,
      ]);
    }
  }
});

Deno.test("notJudgedAmong names the code of ConfigMaps in languages that are not read", () => {
  const map = (key: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: etl, namespace: analytics-jobs }\n` +
    `data: { a.conf: "", ${key}: "{}" }\n`;
  for (
    const [key, language] of [
      ["etl.ipynb", "a notebook"],
      ["Etl.scala", "Scala"],
      ["etl.R", "R"],
    ] as const
  ) {
    assertEquals(notJudged(map(key)), [
      `ConfigMap analytics-jobs/etl: ${key} is code in ${language}`,
    ]);
  }
  for (const key of ["etl.py", "etl.json", "ipynb", "notes.txt"]) {
    assertEquals(notJudged(map(key)), [], key);
  }
});

Deno.test("notJudgedAmong says that an image decides what a workload runs", () => {
  const reason = "its image decides whether it starts Spark";
  const pod = "containers: [{ name: a, image: acme/spark-etl:1 }]";
  const template = `{ selector: {}, template: { spec: { ${pod} } } }`;
  const deployment = object("apps/v1", "Deployment", template);
  assertEquals(notJudged(deployment), [`Deployment analytics-jobs/etl: ${reason}`]);
  const job = object("batch/v1", "Job", template).replace("analytics-jobs", "etl");
  assertEquals(notJudged(job), [`Job etl/etl: it is in the namespace etl, and ${reason}`]);
  const container = "{ image: acme/spark-etl:1, args: [--day, today] }";
  const workflow = object(
    "argoproj.io/v1alpha1",
    "WorkflowTemplate",
    `{ templates: [{ name: a, container: ${container} }] }`,
  );
  assertEquals(notJudged(workflow), [`WorkflowTemplate analytics-jobs/etl: ${reason}`]);
});
