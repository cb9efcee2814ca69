import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { generateSchema, SCHEMA_FILE } from "../../../support/api_schema.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { refusedFields } from "../../../../checks/preflight/manifests/refused_objects.ts";
import { foundWith } from "../../spark/whole_preflight.ts";
import { change, FILES, JOB } from "../../healthy/manifests.ts";

const directory = { directory: "." };

/** The findings about objects, as `field: problem; fix`. */
function refusals(yaml: string): string[] {
  return readFile("a.yaml", yaml).objects.flatMap((each) => refusedFields(directory, each))
    .map(({ field = "", problem, fix }) => `${field}: ${problem}; ${fix}`);
}

/** A Job with a pod's spec, whose lines are not indented. */
const job = (spec: string, more = "") => `
apiVersion: batch/v1
kind: Job
metadata: { name: a, namespace: analytics-jobs }
spec:
  ${more}
  template:
    spec:
${spec.trim().split("\n").map((line) => `      ${line}`).join("\n")}
`;

const POD = `restartPolicy: Never
containers:
  - name: a
    image: a:1.0.0
`;

Deno.test("api_schema.json is what the generator makes of the client's types", () => {
  assertEquals(Deno.readTextFileSync(SCHEMA_FILE), generateSchema());
});

Deno.test("refusedFields accepts our own manifests", () => {
  for (const [file, text] of Object.entries(FILES)) {
    if (file.endsWith(".yaml")) assertEquals(refusals(text), [], file);
  }
});

/** Changes of a pod's spec, and the field and the problem that are found. */
const POD_FAULTS: readonly (readonly [string, string])[] = [
  [
    `${POD}volumes: [{ name: v, secret: { secretName: s, defaultMode: 644 } }]`,
    "volumes[0].secret.defaultMode: defaultMode must be a mode up to 0777, but is 644 in decimal; " +
    "Write an octal number, which begins with 0: defaultMode: 0644",
  ],
  [
    `${POD}volumes: [{ name: v, configMap: { name: s, items: [{ key: a, path: b, mode: 755 }] } }]`,
    "volumes[0].configMap.items[0].mode: mode must be a mode up to 0777, but is 755 in decimal; " +
    "Write an octal number, which begins with 0: mode: 0644",
  ],
  [
    `${POD}    env: [{ name: PORT, value: 5432 }]`,
    'env[0].value: value must be a string, but is 5432; Put the value in quotes: value: "5432"',
  ],
  [
    `${POD}    env: [{ name: A, value: true }]`,
    "env[0].value: value must be a string, but is true",
  ],
  [
    `${POD}    env: [{ name: A, value: [a] }]`,
    "env[0].value: value must be a string, but is a list",
  ],
  [
    `${POD}    args: [--port, 5432]`,
    'args[1]: an item of args must be a string, but is 5432; Put the value in quotes: - "5432"',
  ],
  [`${POD}    command: [5]`, "command[0]: an item of command must be a string, but is 5"],
  [
    `${POD}    command: spark-submit`,
    'command: command must be a list, but is the string "spark-submit"',
  ],
  [
    `${POD}    ports: [{ containerPort: "8080" }]`,
    "containerPort must be a whole number, but is the string",
  ],
  [`${POD}    ports: [{ containerPort: 80800 }]`, "containerPort must be a port from 1 to 65535"],
  [
    `${POD}    tty: "true"`,
    'tty must be true or false, but is the string "true"; Remove the quotes: tty: true',
  ],
  [
    `${POD}    imagePullPolicy: IfNotPresents`,
    "imagePullPolicy must be Always, IfNotPresent, Never",
  ],
  [`${POD}    imagePulPolicy: Always`, "imagePulPolicy is no field; did you mean imagePullPolicy?"],
  [`${POD}    envs: [{ name: A }]`, "envs is no field; did you mean env?"],
  [`${POD}    env: { A: b }`, "env must be a list, but is an object"],
  [
    `${POD}    env: [{ name: A, value: a, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]`,
    "both value and valueFrom",
  ],
  [`${POD}    volumeMounts: [{ name: data, mountPath: /d }]`, "the pod has no volume data"],
  [`${POD}    volumeDevices: [{ name: disk, devicePath: /dev/x }]`, "the pod has no volume disk"],
  [
    `${POD}    volumeMounts: [{ name: date, mountPath: /d }]\nvolumes: [{ name: data, emptyDir: {} }]`,
    "the pod has no volume date; did you mean data?",
  ],
  [`${POD}initContainers: [{ name: a, image: b }]`, "another container has the name a"],
  [`${POD}volumes: [{ name: d, emptyDir: {}, configMap: { name: x } }]`, "more than one source"],
  [
    `${POD}nodeSelector: { gpu: true }`,
    "spec.template.spec.nodeSelector.gpu: gpu must be a string, but is true",
  ],
  [`${POD}terminationGracePeriodSeconds: 1.5`, "must be a whole number, but is 1.5"],
  [`${POD}serviceAcountName: a`, "is no field; did you mean serviceAccountName?"],
  [`${POD}tolerations: [{ key: a, operator: Exist }]`, "operator must be Equal, Exists, Gt, Lt"],
  [
    "containers: [{ name: a, image: a }]",
    "restartPolicy is missing: a Job needs Never or OnFailure",
  ],
  [POD.replace("Never", "Always"), "restartPolicy must be Never or OnFailure for a Job"],
  [POD.replace("Never", "never"), 'but is "never"; Write restartPolicy: Never'],
  [POD.replace("image: a:1.0.0", "command: [a]"), "image is required, but missing"],
  [POD.replace("name: a", "name: A_b"), "is no name of a container"],
];

for (const [spec, expected] of POD_FAULTS) {
  Deno.test(`refusedFields finds in a pod: ${expected}`, () => {
    const found = refusals(job(spec));
    assertEquals(found.length, 1, found.join("\n"));
    assertStringIncludes(found[0]!, expected);
  });
}

/** Values without quotes, and the same values with quotes. */
const UNQUOTED: readonly (readonly [string, string])[] = [
  ["1.10", '"1.10"'],
  ["017", '"017"'],
  ["0o17", '"0o17"'],
  ["0x1F", '"0x1F"'],
  ["1e3", '"1e3"'],
  ["1_000", '"1_000"'],
  ["yes", '"yes"'],
  ["y", '"y"'],
  ["Off", '"Off"'],
  ["+5", '"+5"'],
  ["5432", '"5432"'],
];

for (const [value, quoted] of UNQUOTED) {
  Deno.test(`refusedFields quotes the text of the file: ${value}`, () => {
    const map = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { A: ${value} }\n`;
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${map.trim().replaceAll("\n", "\n  ")}\n`;
    for (const yaml of [map, list]) {
      assertEquals(refusals(yaml), [
        `data.A: A must be a string, but is ${value}; Put the value in quotes: A: ${quoted}`,
      ]);
    }
    assertEquals(refusals(job(`${POD}    args: [${value}]`)), [
      `spec.template.spec.containers[0].args[0]: an item of args must be a string, but is ${value}; Put the value in quotes: - ${quoted}`,
    ]);
  });
}

Deno.test("refusedFields judges a NetworkPolicy: the name, the prefix of a name, and a misspelt field", () => {
  const of = (metadata: string, selector = "podSelector") =>
    refusals(
      `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { ${metadata} }\nspec: { ${selector}: {} }\n`,
    ).map((each) => each.split(":")[0]);
  assertEquals(of("generateName: My_"), ["metadata.generateName"]);
  assertEquals(of("name: My_Policy"), ["metadata.name"]);
  assertEquals([...of("name: my-policy"), ...of("generateName: my-")], []);
  assertEquals(of("name: a", "podSelecter"), ["spec.podSelecter"]);
});

Deno.test("refusedFields names a key as the file writes it", () => {
  const [found] = refusals(
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, annotations: { on: true } }\n",
  );
  assertStringIncludes(
    found!,
    'on must be a string, but is true; Put the value in quotes: "on": "true"',
  );
});

/** Whole objects, and what is found. */
const FAULTS: readonly (readonly [string, string])[] = [
  [job(POD, "backoffLimit: -1"), "spec.backoffLimit: backoffLimit must not be negative, but is -1"],
  [job(POD, 'backoffLimit: "2"'), "Remove the quotes: backoffLimit: 2"],
  [job(POD, "backofLimit: 2"), "did you mean backoffLimit?"],
  [job(POD, 'suspend: "false"'), "suspend must be true or false"],
  [
    job(POD, "completionMode: Indexed\n  parallelism: 2"),
    "completions is required with completionMode: Indexed",
  ],
  [
    job(
      POD,
      "podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { containerName: b, operator: In, values: [1] } }] }",
    ),
    "the pod has no container b",
  ],
  [
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { PORT: 5432 }\n",
    'data.PORT: PORT must be a string, but is 5432; Put the value in quotes: PORT: "5432"',
  ],
  [
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { A: { b: c } }\n",
    "A must be a string, but is an object",
  ],
  [
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, labels: { v: 1.0 } }\n",
    "v must be a string, but is 1",
  ],
  [
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, annotations: { on: true } }\n",
    "must be a string, but is true",
  ],
  [
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a }\nspec: { replicas: "2", selector: { matchLabels: { app: a } }, template: { metadata: { labels: { app: a } }, spec: { containers: [{ name: a, image: a }] } } }\n',
    "Remove the quotes: replicas: 2",
  ],
  [
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a }\nspec: { selector: { matchLabels: { app: b } }, template: { metadata: { labels: { app: a } }, spec: { containers: [{ name: a, image: a }] } } }\n",
    "do not have the label app=b",
  ],
  [
    "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: a }] }\n",
    "port must be a whole number",
  ],
];

for (const [yaml, expected] of FAULTS) {
  Deno.test(`refusedFields finds: ${expected}`, () => {
    const found = refusals(yaml);
    assertEquals(found.length, 1, found.join("\n"));
    assertStringIncludes(found[0]!, expected);
  });
}

Deno.test("refusedFields accepts what API servers accept", () => {
  const good = [
    job(`${POD}    env: [{ name: A }, { name: B, value: null }, { name: C, value: "5" }]`),
    job(`${POD}    resources: { limits: { cpu: 2, memory: 1073741824, nvidia.com/gpu: 1 } }`),
    job(`${POD}    readinessProbe: { httpGet: { port: http, path: / } }`),
    job(`${POD}    readinessProbe: { tcpSocket: { port: 5432 } }`),
    job(POD, "parallelism: 0"),
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, creationTimestamp: null }\ndata:\n",
    "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 80, targetPort: web }] }\nstatus: { loadBalancer: {} }\n",
    "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: { name: a }\nspec: { selector: { matchLabels: { app: a } }, template: { metadata: { labels: { app: a } }, spec: { containers: [{ name: a, image: a, volumeMounts: [{ name: d, mountPath: /d }] }] } }, volumeClaimTemplates: [{ metadata: { name: d }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }] }\n",
    "apiVersion: example.com/v1\nkind: Job\nmetadata: { name: a }\nspec: { any: 5 }\n",
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: { name: a }\nroleRef: { kind: Role, name: a }\nsubjects: []\n",
  ];
  for (const yaml of good) assertEquals(refusals(yaml), [], yaml);
});

Deno.test("refusedFields names the version to use for a removed version", () => {
  const cases = [
    ["batch/v1beta1", "CronJob", "batch/v1"],
    ["policy/v1beta1", "PodDisruptionBudget", "policy/v1"],
    ["extensions/v1beta1", "Deployment", "apps/v1"],
    ["extensions/v1beta1", "Ingress", "networking.k8s.io/v1"],
    ["networking.k8s.io/v1beta1", "Ingress", "networking.k8s.io/v1"],
    ["rbac.authorization.k8s.io/v1beta1", "RoleBinding", "rbac.authorization.k8s.io/v1"],
    ["autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"],
    ["apps/v1beta2", "StatefulSet", "apps/v1"],
    ["v1", "Job", "batch/v1"],
    ["apps/v1", "CronJob", "batch/v1"],
    ["batch/v1", "Deployment", "apps/v1"],
    ["batch/v1beta1", "Job", "batch/v1"],
    ["batch/v2alpha1", "Job", "batch/v1"],
    ["batch/v1alpha1", "CronJob", "batch/v1"],
    ["apps/v1alpha1", "Deployment", "apps/v1"],
    ["networking.k8s.io/v1beta1", "NetworkPolicy", "networking.k8s.io/v1"],
    ["autoscaling/v2beta3", "HorizontalPodAutoscaler", "autoscaling/v2"],
  ] as const;
  for (const [version, kind, use] of cases) {
    const [found] = refusals(`apiVersion: ${version}\nkind: ${kind}\nmetadata: { name: a }\n`);
    assertStringIncludes(found ?? "", `Write apiVersion: ${use}`, `${version} ${kind}`);
  }
  const later = [
    ["batch/v2", "CronJob"],
    ["batch/v2beta1", "Job"],
    ["autoscaling/v3", "HorizontalPodAutoscaler"],
    ["storage.k8s.io/v1beta1", "VolumeAttributesClass"],
    ["networking.k8s.io/v1beta1", "ServiceCIDR"],
  ] as const;
  for (const [version, kind] of later) {
    const object = `apiVersion: ${version}\nkind: ${kind}\nmetadata: { name: a }\n`;
    assertEquals(refusals(object), [], object);
  }
});

Deno.test("refusedFields judges the schedule of a CronJob", () => {
  const cronJob = (spec: string) =>
    `apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: a }\nspec: { ${spec}, jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: a, image: a }] } } } } }\n`;
  const good = [
    "0 3 * * *",
    "*/15 0-6,20 1 JAN-mar mon,5",
    "@daily",
    "@every 1h30m",
    "? * * * 0/2",
  ];
  for (const each of good) assertEquals(refusals(cronJob(`schedule: "${each}"`)), [], each);
  const wrong = [
    "0 3 * *",
    "60 * * * *",
    "0 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 7",
    "*/0 * * * *",
    "@nightly",
    "TZ=UTC 0 3 * * *",
    "5-1 * * * *",
    "0 0 3 * * *",
  ];
  assertEquals(refusals(cronJob('schedule: ""')), [
    "spec.schedule: schedule is required, but empty; Write a value for schedule.",
  ]);
  for (const each of wrong) {
    const [found] = refusals(cronJob(`schedule: "${each}"`));
    assertStringIncludes(found ?? "", "is no schedule", each);
  }
  assertStringIncludes(
    refusals(cronJob('schedule: "@daily", timeZone: Mars/Base'))[0]!,
    "is not a time zone",
  );
  assertEquals(refusals(cronJob('schedule: "@daily", timeZone: America/Sao_Paulo')), []);
});

Deno.test("refusedFields prints no value of a secret variable", () => {
  const [found] = refusals(job(`${POD}    env: [{ name: DJANGO_DB_PASSWORD, value: 918273 }]`));
  assertEquals(found!.includes("918273"), false);
  assertStringIncludes(found!, "value must be a string");
});

Deno.test("refusedFields gives the line of the field", () => {
  const text = change(JOB, 'value: "5432"', "value: 5432")[JOB]!;
  const [found] = readFile(JOB, text).objects.flatMap((each) => refusedFields(directory, each));
  assertEquals(text.split("\n")[found!.line! - 1]!.trim(), "value: 5432");
});

Deno.test("preflight reports a value without quotes once", async () => {
  const pod = "restartPolicy: Never\n      containers: [{ name: a, image: 'postgres:16' }]";
  const text = (metadata: string, labels: string) =>
    `apiVersion: batch/v1
kind: Job
metadata: { name: x, namespace: analytics-jobs, ${metadata} }
spec:
  template:
    metadata: { ${labels} }
    spec:
      ${pod}
`;
  for (
    const [metadata, labels] of [
      ["labels: { v: 1 }", ""],
      ["", "labels: { team: 5 }"],
      ["", "labels: { team: true }"],
      ["", "labels: { team: [a] }"],
      ["", "labels: [a]"],
      ["labels: a", ""],
    ] as const
  ) {
    const found = await foundWith(text(metadata, labels));
    assertEquals(Object.entries(found).map(([id, all]) => `${id} ${all.length}`), [
      "manifests-readable 1",
    ]);
  }
  for (const metadata of ["name: My_Job", "name: a, namespace: my_ns"]) {
    const named = text("", "").replace("name: x, namespace: analytics-jobs,", metadata);
    assertEquals(Object.keys(await foundWith(named)), ["manifests-readable"], metadata);
  }
  const invalid = await foundWith(text("", 'labels: { team: "a b" }'));
  assertEquals(Object.keys(invalid), ["egress-policy"]);
});

for (
  const [apiVersion, kind, spec, told] of [
    [
      "sparkoperator.k8s.io/v1beta2",
      "ScheduledSparkApplication",
      'schedule: "0 25 * * *", template: {type: Python, sparkVersion: 3.5.8, driver: {}, executor: {}}',
      ["spec.schedule"],
    ],
    ["argoproj.io/v1alpha1", "CronWorkflow", "schedule: '0 25 * * *'", ["spec.schedule"]],
    ["argoproj.io/v1alpha1", "CronWorkflow", "schedules: ['@daily', '* * *']", [
      "spec.schedules[1]",
    ]],
    ["argoproj.io/v1alpha1", "CronWorkflow", "schedule: 'CRON_TZ=Etc/UTC 0 5 * * *'", []],
    ["argoproj.io/v1alpha1", "CronWorkflow", "schedule: '{{ cron }}'", []],
  ] as const
) {
  Deno.test(`refusedFields judges the schedule of a ${kind}: ${spec}`, () => {
    const text = `apiVersion: ${apiVersion}\nkind: ${kind}\n` +
      `metadata: {name: a, namespace: analytics-jobs}\nspec: {${spec}}\n`;
    const [object] = readFile("a.yaml", text).objects;
    const found = refusedFields({ directory: "manifests" }, object!)
      .filter(({ problem }) => problem.includes("is no schedule"));
    assertEquals(
      found.map(({ field, why }) => [field, why]),
      told.map((field) => [
        field,
        "the operator refuses the schedule, so no run starts",
      ]),
    );
  });
}

for (
  const [type, data, told] of [
    ["kubernetes.io/dockerconfigjson", "{.dockercfg: e30=}", [".dockerconfigjson"]],
    ["kubernetes.io/dockerconfigjson", "{.dockerconfigjson: e30=}", []],
    ["kubernetes.io/tls", "{tls.crt: YQ==}", ["tls.key"]],
    ["kubernetes.io/basic-auth", "{password: YQ==}", []],
    ["kubernetes.io/basic-auth", "{pass: YQ==}", ["username or password"]],
    ["kubernetes.io/ssh-auth", "{}", ["ssh-privatekey"]],
    ["Opaque", "{a: YQ==}", []],
  ] as const
) {
  Deno.test(`refusedFields: a Secret of type ${type} with ${data}`, () => {
    const found = refusals(
      `apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ntype: ${type}\ndata: ${data}\n`,
    );
    assertEquals(
      found.map((each) => each.split(";")[0]),
      told.map((key) => `type: a Secret of type ${type} needs the key ${key}`),
    );
  });
}

Deno.test("refusedFields refuses a variable whose name has =, and no other printable name", () => {
  const of = (name: string) =>
    refusals(job(`
containers:
  - { name: a, image: "a:1", env: [{ name: ${JSON.stringify(name)}, value: x }] }
restartPolicy: Never
`)).filter((each) => each.includes("name of a variable")).length;
  assertEquals(["A=B", "A\u0007", "1.a-B"].map(of), [1, 1, 0]);
});

/** A binding with a roleRef and subjects. */
const binding = (kind: string, roleRef: string, subject: string) =>
  `apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: { name: a${kind === "RoleBinding" ? ", namespace: b" : ""} }
roleRef: { ${roleRef} }
subjects: [{ ${subject} }]
`;

const GROUP = "apiGroup: rbac.authorization.k8s.io";
const CLUSTER_ROLE = `${GROUP}, kind: ClusterRole, name: view`;
const ACCOUNT = "kind: ServiceAccount, name: spark";

for (
  const [kind, roleRef, subject, told] of [
    ["RoleBinding", CLUSTER_ROLE, ACCOUNT, []],
    ["RoleBinding", "kind: Role, name: a", `kind: User, name: a, ${GROUP}`, []],
    ["ClusterRoleBinding", CLUSTER_ROLE, `${ACCOUNT}, namespace: b`, []],
    ["ClusterRoleBinding", CLUSTER_ROLE, `${ACCOUNT}, namespace: b, apiGroup: ""`, []],
    [
      "RoleBinding",
      `${GROUP}/v1, kind: Role, name: a`,
      ACCOUNT,
      [
        'roleRef.apiGroup: apiGroup must be rbac.authorization.k8s.io, but is "rbac.authorization.k8s.io/v1"',
      ],
    ],
    [
      "RoleBinding",
      CLUSTER_ROLE,
      `${ACCOUNT}, ${GROUP}`,
      [
        'subjects[0].apiGroup: a ServiceAccount has no apiGroup, but this is "rbac.authorization.k8s.io"',
      ],
    ],
    ["ClusterRoleBinding", CLUSTER_ROLE, ACCOUNT, [
      "subjects[0]: a ServiceAccount of a ClusterRoleBinding needs a namespace",
    ]],
    ["ClusterRoleBinding", "kind: Role, name: a", `${ACCOUNT}, namespace: b`, [
      "roleRef.kind: a ClusterRoleBinding refers to a ClusterRole, not to a Role",
    ]],
  ] as const
) {
  Deno.test(`refusedFields: a ${kind} of ${roleRef} for ${subject}`, () => {
    const found = refusals(binding(kind, roleRef, subject));
    assertEquals(found.map((each) => each.split(";")[0]!), [...told]);
  });
}
