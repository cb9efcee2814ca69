import { treeOf } from "../../../../checks/facts/tree.ts";
import { refusedIn } from "../../../../checks/preflight/manifests/pod_security_rules.ts";
import { refusedPods } from "../../../../checks/preflight/manifests/pod_security.ts";
import { assertEquals } from "../../../support/assert.ts";
import { ALL_FILES, change, EXECUTORS, factOf, FILES, JOB } from "../../healthy/manifests.ts";

const found = (files: Readonly<Record<string, string>>) =>
  refusedPods(treeOf(factOf(files))).map(({ severity, problem }) => `${severity}: ${problem}`);

Deno.test("refusedPods accepts our own manifests", () => assertEquals(found(FILES), []));

/** Changes of a file, and what is found. */
const FAULTS = [
  [
    JOB,
    "allowPrivilegeEscalation: false",
    "privileged: true\n            allowPrivilegeEscalation: false",
    "fail: the container is privileged",
  ],
  [
    JOB,
    "drop: [ALL]",
    "drop: [ALL]\n              add: [SYS_ADMIN]",
    "fail: the container adds SYS_ADMIN",
  ],
  [
    JOB,
    "        runAsNonRoot: true\n",
    "        runAsNonRoot: false\n",
    "fail: the pod sets another value than runAsNonRoot: true",
  ],
  [JOB, "        runAsUser: 185\n", "        runAsUser: 0\n", "fail: the pod runs as root"],
  [
    JOB,
    "      restartPolicy: Never\n",
    "      restartPolicy: Never\n      hostNetwork: true\n",
    "fail: the pod uses hostNetwork",
  ],
  [
    JOB,
    "          emptyDir:\n            sizeLimit: 4Gi",
    "          hostPath:\n            path: /tmp",
    "fail: the pod has a volume of type hostPath",
  ],
  [
    JOB,
    "            allowPrivilegeEscalation: false\n",
    "",
    "warn: the container does not set allowPrivilegeEscalation: false",
  ],
  [
    JOB,
    "        fsGroup: 185\n",
    "        fsGroup: 185\n        sysctls: [{ name: kernel.msgmax, value: '1' }]\n",
    "fail: the pod sets the kernel parameter kernel.msgmax",
  ],
  [
    JOB,
    "        fsGroup: 185\n",
    "        fsGroup: 185\n        seLinuxOptions: { type: spc_t }\n",
    "fail: the pod sets seLinuxOptions that are not allowed",
  ],
  [
    JOB,
    "          type: RuntimeDefault",
    "          type: Unconfined",
    "fail: the pod sets the seccompProfile Unconfined",
  ],
  [
    JOB,
    "            allowPrivilegeEscalation: false",
    "            procMount: Unmasked\n            allowPrivilegeEscalation: false",
    "fail: the container sets procMount: Unmasked",
  ],
  [
    JOB,
    "          resources:\n",
    "          ports: [{ containerPort: 4040, hostPort: 4040 }]\n          resources:\n",
    "fail: the container uses the port 4040 of its node",
  ],
  [
    JOB,
    "            - --conf=spark.executor.cores=2\n",
    "            - --conf=spark.kubernetes.executor.volumes.hostPath.x.mount.path=/x\n",
    "fail: the pod has a volume of type hostPath",
  ],
  [
    JOB,
    "            - --conf=spark.kubernetes.executor.podTemplateFile=" +
    "/opt/deep-storage/executor/pod.yaml\n",
    "",
    "warn: the container of the executor does not set allowPrivilegeEscalation: false, " +
    "runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, capabilities: {drop: [ALL]}",
  ],
  [
    "00-namespace.yaml",
    "enforce: restricted",
    "enforce: Restricted",
    'fail: the label pod-security.kubernetes.io/enforce is "Restricted", which is no level of pod security',
  ],
  [
    "00-namespace.yaml",
    "enforce: restricted",
    "warn-version: '1.31'",
    'fail: the label pod-security.kubernetes.io/warn-version is "1.31", which is no version of pod security',
  ],
  [
    "00-namespace.yaml",
    "enforce: restricted",
    "enforced: restricted",
    "warn: pod security has no label pod-security.kubernetes.io/enforced",
  ],
  [
    JOB,
    "          resources:\n",
    "          livenessProbe: { httpGet: { host: 10.0.0.1, port: 80 } }\n          resources:\n",
    "fail: livenessProbe of the container sets the host 10.0.0.1",
  ],
  [
    JOB,
    "          resources:\n",
    "          lifecycle: { preStop: { tcpSocket: { host: db, port: 80 } } }\n          resources:\n",
    "fail: lifecycle.preStop of the container sets the host db",
  ],
  [
    EXECUTORS,
    "allowPrivilegeEscalation: false",
    "allowPrivilegeEscalation: true",
    "fail: the container sets another value than allowPrivilegeEscalation: false",
  ],
  [
    EXECUTORS,
    "              drop: [ALL]",
    "              drop: [NET_RAW]",
    "warn: the container does not set capabilities: {drop: [ALL]}",
  ],
] as const;

for (const [file, from, to, expected] of FAULTS) {
  Deno.test(`refusedPods finds in ${file}: ${expected}`, () => {
    assertEquals(found(change(file, from, to)), [expected]);
  });
}

Deno.test("refusedPods judges only namespaces that enforce a level", () => {
  const files = change(
    "00-namespace.yaml",
    "pod-security.kubernetes.io/enforce: restricted",
    "a: b",
  );
  const privileged = change(JOB, "allowPrivilegeEscalation: false", "privileged: true", files);
  assertEquals(found(privileged), []);
});

Deno.test("refusedPods applies the rules of the level and of its version", () => {
  const level = (labels: string) =>
    change("00-namespace.yaml", "pod-security.kubernetes.io/enforce: restricted", labels);
  const drop = (files: Record<string, string>) =>
    found(change(JOB, "            capabilities:\n              drop: [ALL]\n", "", files));
  const enforce = "pod-security.kubernetes.io/enforce: ";
  const version = (minor: number) =>
    level(`${enforce}restricted\n    pod-security.kubernetes.io/enforce-version: v1.${minor}`);
  assertEquals(drop(version(21)), []);
  assertEquals(drop(version(22)).length, 1);
  assertEquals(drop(level(`${enforce}baseline`)), []);
  const privileged = (files: Record<string, string>) =>
    found(change(JOB, "allowPrivilegeEscalation: false", "privileged: true", files));
  assertEquals(privileged(level(`${enforce}baseline`)), ["fail: the container is privileged"]);
  for (const other of ["warn", "audit"]) {
    assertEquals(privileged(level(`pod-security.kubernetes.io/${other}: restricted`)), []);
  }
});

const BASELINE = { name: "baseline", minor: Infinity } as const;

Deno.test("refusedIn judges the annotations of AppArmor, and those of seccomp before 1.19", () => {
  const problems = (annotations: Record<string, string>, minor = Infinity) =>
    refusedIn({}, { name: "baseline", minor }, annotations).refused.map(({ field }) => field);
  const apparmor = "container.apparmor.security.beta.kubernetes.io/spark";
  assertEquals(problems({ [apparmor]: "unconfined" }), [`metadata.annotations.${apparmor}`]);
  for (const value of ["runtime/default", "localhost/profile"]) {
    assertEquals(problems({ [apparmor]: value }), []);
  }
  const seccomp = "seccomp.security.alpha.kubernetes.io/pod";
  assertEquals(problems({ [seccomp]: "unconfined" }, 18), [`metadata.annotations.${seccomp}`]);
  assertEquals(problems({ [seccomp]: "unconfined" }, 19), []);
  assertEquals(problems({ [seccomp]: "runtime/default" }, 18), []);
});

Deno.test("refusedPods names an annotation with its path", () => {
  const files = change(
    JOB,
    "  template:\n    metadata:\n",
    "  template:\n    metadata:\n      annotations:\n" +
      "        container.apparmor.security.beta.kubernetes.io/spark: unconfined\n",
  );
  assertEquals(refusedPods(treeOf(factOf(files))).map(({ field }) => field), [
    "spec.template.metadata.annotations.container.apparmor.security.beta.kubernetes.io/spark",
  ]);
});

Deno.test("refusedIn allows kernel parameters, types of SELinux and hosts by version", () => {
  const problems = (spec: Record<string, unknown>, minor: number) =>
    refusedIn(spec, { ...BASELINE, minor }).refused.length;
  const sysctl = (name: string) => ({ securityContext: { sysctls: [{ name, value: "1" }] } });
  for (
    const [spec, since] of [
      [sysctl("net.ipv4.ip_local_reserved_ports"), 27],
      [sysctl("net.ipv4.tcp_keepalive_time"), 29],
      [sysctl("net.ipv4.tcp_rmem"), 32],
      [{ securityContext: { seLinuxOptions: { type: "container_engine_t" } } }, 31],
    ] as const
  ) {
    assertEquals([problems(spec, since - 1), problems(spec, since)], [1, 0], JSON.stringify(spec));
  }
  assertEquals(problems(sysctl("net.ipv4.tcp_syncookies"), 0), 0);
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    const spec = { containers: [{ [probe]: { httpGet: { host: "a", port: 1 } } }] };
    assertEquals([problems(spec, 33), problems(spec, 34)], [0, 1], probe);
    assertEquals(problems({ containers: [{ [probe]: { httpGet: { port: 1 } } }] }, 34), 0);
  }
});

Deno.test("refusedPods judges the pods of a SparkApplication, and names its field", () => {
  const yaml = (driver: string, executor: string) =>
    `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: a, namespace: analytics-jobs }
spec:
  type: Python
  mode: cluster
  sparkVersion: 3.5.8
  image: apache/spark:3.5.8
  mainApplicationFile: local:///a.py
  driver: { ${driver} }
  executor: { ${executor} }
`;
  const safe = "securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true, " +
    "seccompProfile: { type: RuntimeDefault }, capabilities: { drop: [ALL] } }";
  const fields = (driver: string, executor = safe) =>
    refusedPods(treeOf(factOf({ ...FILES, "a.yaml": yaml(driver, executor) })))
      .map(({ field, problem }) => [field, problem]);
  const privileged = safe.replace("{", "{ privileged: true,");
  assertEquals(fields(safe), []);
  const absent = (role: string) => [
    `spec.${role}.securityContext`,
    `the container of the ${role} does not set allowPrivilegeEscalation: false, ` +
    "runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, capabilities: {drop: [ALL]}",
  ];
  assertEquals(fields("cores: 1", "cores: 1"), [absent("driver"), absent("executor")]);
  assertEquals(
    fields(
      "cores: 1",
      "cores: 1 }\n  sparkConf: { " +
        "spark.kubernetes.executor.podTemplateFile: local:///a.yaml",
    ),
    [absent("driver")],
  );
  assertEquals(fields(privileged), [
    ["spec.driver.securityContext.privileged", "the container is privileged"],
  ]);
  assertEquals(fields(safe, privileged), [
    ["spec.executor.securityContext.privileged", "the container is privileged"],
  ]);
});

Deno.test("refusedPods reads the templates of both kinds of SparkApplication", () => {
  const spec = (context: string) =>
    "{ spec: { securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }, " +
    `containers: [{ name: a, securityContext: ${context} }] } }`;
  const safe = spec("{ allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }");
  const open = spec("{ allowPrivilegeEscalation: true, capabilities: { drop: [ALL] } }");
  const kinds: Readonly<Record<string, (template: string) => string>> = {
    "sparkoperator.k8s.io/v1beta2": (each) =>
      `type: Python, mode: cluster, sparkVersion: 3.5.8, mainApplicationFile: "local:///a.py", ` +
      `driver: { template: ${each} }, executor: { template: ${each} }`,
    "spark.apache.org/v1": (each) =>
      `pyFiles: "local:///a.py", driverSpec: { podTemplateSpec: ${each} }, ` +
      `executorSpec: { podTemplateSpec: ${each} }`,
  };
  for (const [apiVersion, fields] of Object.entries(kinds)) {
    const of = (template: string) =>
      found({
        ...FILES,
        "a.yaml": `apiVersion: ${apiVersion}\nkind: SparkApplication\n` +
          `metadata: { name: a, namespace: analytics-jobs }\nspec: { ${fields(template)} }\n`,
      });
    assertEquals(of(safe), [], apiVersion);
    const refused = of(open);
    assertEquals([refused.length, refused.every((each) => each.startsWith("fail: "))], [2, true]);
  }
});

Deno.test("refusedPods names the field of the pod, and a shared template once", () => {
  const root = refusedPods(treeOf(factOf(change(JOB, "runAsUser: 185", "runAsUser: 0"))));
  assertEquals(root.map(({ field }) => field), ["spec.template.spec.securityContext.runAsUser"]);
  const template = change(EXECUTORS, "drop: [ALL]", "drop: [NET_RAW]", ALL_FILES);
  assertEquals(found(template).length, 1);
});

Deno.test("refusedIn refuses what a pod sets, although its containers set more", () => {
  const securityContext = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    runAsUser: 1000,
    seccompProfile: { type: "RuntimeDefault" },
    capabilities: { drop: ["ALL"] },
  };
  const fieldsIn = (outer: Record<string, unknown>) => {
    const spec = { securityContext: outer, containers: [{ name: "a", securityContext }] };
    const { refused, absent } = refusedIn(spec, { name: "restricted", minor: 34 });
    assertEquals(absent, []);
    return refused.map(({ field, problem }) => `${field}: ${problem}`);
  };
  assertEquals(fieldsIn({ runAsNonRoot: true, runAsUser: 1000 }), []);
  assertEquals(fieldsIn({ runAsNonRoot: false }), [
    "securityContext: the pod sets another value than runAsNonRoot: true",
  ]);
  assertEquals(fieldsIn({ runAsUser: 0 }), [
    "securityContext.runAsUser: the pod runs as root",
  ]);
});
