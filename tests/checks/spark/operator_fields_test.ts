import { refusedFields } from "../../../checks/preflight/manifests/refused_objects.ts";
import { readFile } from "../../../checks/facts/manifests.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";

// The fields of the kinds of operators that the API server refuses, or that have no effect.

/** The findings about objects, as `field: problem (effect)`. */
function refusals(yaml: string): string[] {
  return readFile("a.yaml", yaml).objects
    .flatMap((each) => refusedFields({ directory: "." }, each))
    .map(({ field = "", problem, why }) => `${field}: ${problem} (${why})`);
}

const head = (apiVersion: string, kind: string, spec: string) =>
  `apiVersion: ${apiVersion}
kind: ${kind}
metadata: { name: etl, namespace: analytics-jobs }
spec:
${spec.trim().replaceAll(/^(?=.)/gm, "  ")}
`;

const SPEC = `type: Python
sparkVersion: 3.5.8
mainApplicationFile: local:///a.py
restartPolicy: { type: OnFailure, onFailureRetries: 3, onFailureRetryInterval: 10 }
timeToLiveSeconds: 3600
dynamicAllocation: { enabled: true, maxExecutors: 3 }
monitoring: { exposeDriverMetrics: true, exposeExecutorMetrics: false }
deps: { jars: ["local:///a.jar"] }
volumes: [{ name: data, emptyDir: {} }, { name: spark-local-dir-1, emptyDir: {} }]
driver:
  cores: 1
  memory: 1g
  secrets: [{ name: a, path: /a, secretType: Generic }]
  ports: [{ name: web, protocol: TCP, containerPort: 80 }]
  volumeMounts: [{ name: data, mountPath: /data }, { name: spark-local-dir-9, mountPath: /tmp }]
executor:
  instances: 2
  cores: 1
  volumeMounts: [{ name: data, mountPath: /data }]
`;

const application = (spec: string) =>
  head("sparkoperator.k8s.io/v1beta2", "SparkApplication", spec);
const scheduled = (spec: string) =>
  head(
    "sparkoperator.k8s.io/v1beta2",
    "ScheduledSparkApplication",
    `schedule: "@daily"\nconcurrencyPolicy: Forbid\ntemplate:\n${
      spec.trim().replaceAll(/^(?=.)/gm, "  ")
    }`,
  );

/** Changes of a healthy application, and the findings. */
const CHANGES: readonly (readonly [string, string, string])[] = [
  ["{ type: OnFailure,", "{ type: Sometimes,", "type must be Always, Never, OnFailure"],
  [
    "restartPolicy: { type: OnFailure, onFailureRetries: 3, onFailureRetryInterval: 10 }",
    "restartPolicy: Never",
    'restartPolicy must be an object, but is the string "Never"',
  ],
  ["onFailureRetries: 3", 'onFailureRetries: "3"', "onFailureRetries must be a whole number"],
  ["onFailureRetries: 3", "onFailureRetries: -1", "onFailureRetries must not be negative"],
  ["RetryInterval: 10", "RetryInterval: 0", "onFailureRetryInterval must be 1 or more"],
  [": 3600", ': "3600"', "timeToLiveSeconds must be a whole number"],
  [": 3600", ": 1h", "timeToLiveSeconds must be a whole number"],
  ["enabled: true", 'enabled: "true"', "enabled must be true or false"],
  ["maxExecutors: 3", 'maxExecutors: "3"', "maxExecutors must be a whole number"],
  ["exposeDriverMetrics: true, ", "", "exposeDriverMetrics is required, but missing"],
  ['["local:///a.jar"]', "local:///a.jar", "jars must be a list"],
  ["sparkVersion: 3.5.8", "sparkVersion: 3.5", "sparkVersion must be a string, but is 3.5"],
  ["type: Python\n", "type: python\n", 'type must be Java, Python, R, Scala, but is "python"'],
  ["  cores: 1\n  memory", "  cores: 0\n  memory", "cores must be 1 or more, but is 0"],
  ["  cores: 1\n  memory", "  cores: 500m\n  memory", "cores must be a whole number"],
  ["memory: 1g", "memory: 1024", "memory must be a string, but is 1024"],
  [", secretType: Generic", "", "secretType is required, but missing"],
  ["containerPort: 80", 'containerPort: "80"', "containerPort must be a whole number"],
  ["instances: 2", 'instances: "2"', "instances must be a whole number"],
  ["cores: 1\n  volume", "coreLimit: 1\n  volume", "coreLimit must be a string, but is 1"],
  ["deps:", "failureRetries: always\ndeps:", "failureRetries must be a whole number"],
  ["deps:", "arguments: [1]\ndeps:", "an item of arguments must be a string, but is 1"],
  ["deps:", "sparkConf: { spark.a.b: true }\ndeps:", "spark.a.b must be a string, but is true"],
  [
    "[{ name: data, mountPath: /data }, {",
    "[{ name: date, mountPath: /data }, {",
    "driver.volumeMounts[0].name: there is no volume date; did you mean data? (the operator leaves out the mount",
  ],
  [
    "volumeMounts: [{ name: data, mountPath: /data }]",
    "volumeMounts: [{ name: scratch-space, mountPath: /data }]",
    "executor.volumeMounts[0].name: there is no volume scratch-space (the operator leaves out",
  ],
  ["volumes: [{ name: data, emptyDir: {} }, ", "volumes: [", "there is no volume data"],
  [
    "  memory: 1g",
    "  memory: 1g\n  sidecars: [{ name: s, image: s, volumeMounts: [{ name: other, mountPath: /o }] }]",
    "driver.sidecars[0].volumeMounts[0].name: there is no volume other (the API server refuses the pods",
  ],
  [
    "  memory: 1g",
    "  memory: 1g\n  initContainers: [{ name: s, image: s, volumeMounts: [{ name: other, mountPath: /o }] }]",
    "driver.initContainers[0].volumeMounts[0].name: there is no volume other",
  ],
];

for (const [kind, text] of [["application", application], ["schedule", scheduled]] as const) {
  Deno.test(`refusedFields judges a SparkApplication by its own schema: ${kind}`, () => {
    assertEquals(refusals(text(SPEC)), []);
    for (const [from, to, expected] of CHANGES) {
      assertEquals(SPEC.includes(from), true, from);
      const found = refusals(text(SPEC.replace(from, () => to)));
      assertStringIncludes(found.join("\n"), expected);
    }
  });
}

Deno.test("refusedFields accepts volumes that settings and pod templates add", () => {
  for (
    const spec of [
      SPEC.replace(
        "deps:",
        "sparkConf: { spark.kubernetes.driver.volumes.emptyDir.more.mount.path: /m }\ndeps:",
      ).replace("[{ name: data, mountPath: /data }, {", "[{ name: more, mountPath: /m }, {"),
      SPEC.replace(
        "  memory: 1g",
        "  memory: 1g\n  template: { spec: { volumes: [{ name: more, emptyDir: {} }] } }\n" +
          "  sidecars: [{ name: s, image: s, volumeMounts: [{ name: more, mountPath: /o }] }]",
      ),
      SPEC.replace(
        "  memory: 1g",
        "  memory: 1g\n  configMaps: [{ name: conf, path: /c }]\n" +
          "  sidecars: [{ name: s, image: s, volumeMounts: [{ name: conf-vol, mountPath: /o }, { name: a-volume, mountPath: /p }] }]",
      ),
    ]
  ) {
    assertEquals(refusals(application(spec)), []);
  }
});

const APACHE = `mainClass: a.B
jars: local:///a.jar
runtimeVersions: { sparkVersion: 4.0.0 }
applicationTolerations:
  ttlAfterStopMillis: 10000
  restartConfig: { restartPolicy: OnFailure, maxRestartAttempts: 3 }
driverSpec:
  podTemplateSpec:
    spec:
      containers: [{ volumeMounts: [{ name: data, mountPath: /d }] }]
      volumes: [{ name: data, emptyDir: {} }]
sparkConf: { spark.executor.instances: "2" }
`;

const CLUSTER = `runtimeVersions: { sparkVersion: 4.0.0 }
clusterTolerations: { instanceConfig: { initWorkers: 1, minWorkers: 1, maxWorkers: 1 } }
workerSpec:
  workerStatefulSetSpec:
    template:
      spec:
        containers: [{ name: worker, volumeMounts: [{ name: data, mountPath: /d }] }]
        volumes: [{ name: data, emptyDir: {} }]
`;

Deno.test("refusedFields judges the kinds of the operator of Apache Spark by their schema", () => {
  const kinds = [["SparkApplication", APACHE], ["SparkCluster", CLUSTER]] as const;
  const cases: readonly (readonly [number, string, string, string])[] = [
    [0, "sparkVersion: 4.0.0", "sparkVersion: 4.0", "sparkVersion must be a string, but is 4"],
    [0, "runtimeVersions: { sparkVersion: 4.0.0 }\n", "", "runtimeVersions is required"],
    [0, "10000", '"10000"', "ttlAfterStopMillis must be a whole number"],
    [0, "OnFailure,", "onFailure,", "restartPolicy must be Always, Never, OnFailure, OnInfra"],
    [0, "maxRestartAttempts: 3", "maxRestartAttempts: many", "must be a whole number"],
    [0, "local:///a.jar", "[local:///a.jar]", "jars must be a string, but is a list"],
    [0, '"2"', "2", "spark.executor.instances must be a string, but is 2"],
    [0, "name: data, mountPath", "name: date, mountPath", "there is no volume date; did you mean"],
    [1, "initWorkers: 1", 'initWorkers: "1"', "initWorkers must be a whole number"],
    [1, "clusterTolerations: {", "others: {", "clusterTolerations is required"],
    [1, "name: data, mountPath", "name: none, mountPath", "there is no volume none (the API"],
    [1, "name: worker,", "name: worker, env: [{ name: A, value: 1 }],", "value must be a string"],
    [1, "sparkVersion: 4.0.0", "version: 4.0.0", "sparkVersion is required"],
  ];
  for (const [kind, spec] of kinds) {
    assertEquals(refusals(head("spark.apache.org/v1", kind, spec)), []);
  }
  for (const [i, from, to, expected] of cases) {
    const [kind, spec] = kinds[i]!;
    assertEquals(spec.includes(from), true, from);
    const found = refusals(head("spark.apache.org/v1", kind, spec.replace(from, () => to)));
    assertStringIncludes(found.join("\n"), expected);
  }
});

Deno.test("refusedFields reports fields that an operator does not have", () => {
  const severities = (yaml: string) =>
    readFile("a.yaml", yaml).objects.flatMap((each) => refusedFields({ directory: "." }, each))
      .map(({ severity, field, why }) => `${severity} ${field}: ${why}`);
  const certain = "kubectl apply refuses the object, and other clients drop the field";
  const kubeflow = (from: string, to: string) => application(SPEC.replace(from, () => to));
  const apache = (more: string) => head("spark.apache.org/v1", "SparkApplication", APACHE + more);
  const cases: readonly (readonly [string, string])[] = [
    [kubeflow("mainApplicationFile", "mainAplicationFile"), "spec.mainAplicationFile"],
    [kubeflow("deps:", "tolerations: []\ndeps:"), "spec.tolerations"],
    [kubeflow("  memory: 1g", "  hadoopConf: {}"), "spec.driver.hadoopConf"],
    [kubeflow("  memory: 1g", "  serviceAccountName: a"), "spec.driver.serviceAccountName"],
    [kubeflow("  memory: 1g", "  resources: {}"), "spec.driver.resources"],
    [kubeflow("  instances: 2", "  instance: 2"), "spec.executor.instance"],
    [
      kubeflow("maxExecutors: 3", "maximumExecutors: 3, memory: 1g"),
      "spec.dynamicAllocation.memory",
    ],
    [application(SPEC) + "sparkConf: {}\n", "sparkConf"],
    [scheduled(SPEC).replace("schedule:", "image: a\n  schedule:"), "spec.image"],
    [apache("sparkConfs: {}\n"), "spec.sparkConfs"],
    [apache("mainApplicationFile: a\n"), "spec.mainApplicationFile"],
    [apache("driver: {}\n"), "spec.driver"],
  ];
  for (const [yaml, field] of cases) {
    assertStringIncludes(severities(yaml).join("\n"), `fail ${field}: ${certain}`);
  }
  for (
    const yaml of [kubeflow("deps:", "fromNextVersion: 1\ndeps:"), apache("fromNextVersion: 1\n")]
  ) {
    assertEquals(severities(yaml), [
      `warn spec.fromNextVersion: if the operator in the cluster has no such field, ${certain}`,
    ]);
  }
  const also = `sparkUIOptions: { servicePort: 80 }
driverIngressOptions: [{ servicePort: 80, servicePortName: a }]
kerberos: { principal: a }
suspend: false
`;
  assertEquals(severities(application(SPEC + also)), []);
  assertEquals(severities(application(SPEC) + "status: { submissionID: a }\n"), []);
  assertEquals(
    severities(
      head("spark.apache.org/v1", "SparkCluster", CLUSTER.replace("workerStateful", "stateful")),
    ),
    [],
  );
});

const WORKFLOW = `entrypoint: a
volumes: [{ name: data, emptyDir: {} }]
volumeClaimTemplates: [{ metadata: { name: work }, spec: {} }]
templates:
  - name: a
    volumes: [{ name: own, emptyDir: {} }]
    container:
      image: a
      volumeMounts: [{ name: data, mountPath: /a }, { name: work, mountPath: /b }, { name: own, mountPath: /c }, { name: "{{x}}", mountPath: /d }]
    sidecars: [{ name: s, image: s, volumeMounts: [{ name: data, mountPath: /a }] }]
  - name: b
    script: { image: a, source: "true", volumeMounts: [{ name: data, mountPath: /a }] }
`;

Deno.test("refusedFields finds mounts without a volume in an Argo Workflow", () => {
  const workflow = (spec: string) => head("argoproj.io/v1alpha1", "Workflow", spec);
  assertEquals(refusals(workflow(WORKFLOW)), []);
  for (
    const [from, to, expected] of [
      [
        "name: data, mountPath: /a }, {",
        "name: nope, mountPath: /a }, {",
        "templates[0].container",
      ],
      ["name: work, mountPath", "name: nope, mountPath", "container.volumeMounts[1].name"],
      ["s, volumeMounts: [{ name: data", "s, volumeMounts: [{ name: nope", "containers[1]"],
      ['"true", volumeMounts: [{ name: data', '"true", volumeMounts: [{ name: own', "script"],
      ["volumes: [{ name: data", "volumes: [{ name: nope", "there is no volume data"],
    ] as const
  ) {
    assertEquals(WORKFLOW.includes(from), true, from);
    assertStringIncludes(refusals(workflow(WORKFLOW.replace(from, () => to))).join("\n"), expected);
  }
  // A Workflow that calls the templates can have the volumes.
  const template = head("argoproj.io/v1alpha1", "WorkflowTemplate", WORKFLOW);
  assertEquals(refusals(template.replace("{ name: own, m", "{ name: nope, m")), []);
});

Deno.test("refusedFields finds kinds that the groups of Kubernetes do not have", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["v1", "SparkJob", "Kubernetes has no kind SparkJob in v1"],
    ["v1", "Deployment", "Kubernetes has no kind Deployment in v1"],
    ["v1", "Configmap", "Kubernetes has no kind Configmap in v1"],
    ["v1", "NetworkPolicy", "Kubernetes has no kind NetworkPolicy in v1"],
    ["v1", "SparkApplication", "Kubernetes has no kind SparkApplication in v1"],
    ["v2", "Pod", "Kubernetes has no kind Pod in v2"],
    ["apps/v1", "Deploymnet", "Kubernetes has no kind Deploymnet in apps/v1"],
    ["batch/v1", "ScheduledJob", "Kubernetes has no kind ScheduledJob in batch/v1"],
    ["app/v1", "Deployment", "Kubernetes has no kind Deployment in app/v1"],
    ["rbac.authorization.k8s.io/v1", "RoleBindings", "has no kind RoleBindings"],
    ["networking.k8s.io/v1beta2", "Ingress", "no kind Ingress in networking.k8s.io/v1beta2"],
  ];
  for (const [apiVersion, kind, expected] of cases) {
    assertStringIncludes(refusals(head(apiVersion, kind, "{}")).join("\n"), expected);
  }
  for (
    const [apiVersion, kind] of [
      ["v1", "Node"],
      ["v1", "Event"],
      ["apps/v1", "ControllerRevision"],
      ["example.com/v1", "Deployment"],
      ["apps.openshift.io/v1", "DeploymentConfig"],
      ["networking.k8s.io/v2beta1", "Ingress"],
      ["storage.k8s.io/v1", "VolumeAttributesClass"],
      ["coordination.k8s.io/v1", "Lease"],
    ] as const
  ) {
    assertEquals(refusals(head(apiVersion, kind, "{}")).filter((each) => /no kind/.test(each)), []);
  }
});
